"""Where squad-mini is."""

from __future__ import annotations

from pathlib import Path

from deformer_tool import find_in_package

from .errors import NotFoundError


def bundled_model() -> Path:
    """The directory of squad-mini, the small bundled model for SQuAD (45 MB, fp16).

    It is a package of its own, `deformer-squad-mini`, so that the library stays small: python/squad_mini of the checkout
    makes its wheel, and nothing is downloaded. Raises NotFoundError where that is not installed.
    """
    config = find_in_package("deformer_squad_mini", "model/config.json")
    if config is None:
        raise NotFoundError(
            "squad-mini: expected the package deformer-squad-mini with its model, found none; from a checkout: "
            "pip install ./python/squad_mini"
        )
    return config.parent
