"""The mini reader."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from .errors import NotFoundError


def bundled_model() -> Path:
    """The directory of the mini reader, a small model for SQuAD (45 MB, fp16).

    It is a package of its own, `deformer-squad-mini`, so that the library stays small: python/squad_mini of the checkout
    makes its wheel, and nothing is downloaded. Raises NotFoundError where that is not installed.
    """
    spec = importlib.util.find_spec("deformer_squad_mini")
    if spec is None or spec.origin is None:
        raise NotFoundError(
            "the mini reader: expected the package deformer-squad-mini, found none; from a checkout: "
            "pip install ./python/squad_mini"
        )
    return Path(spec.origin).parent / "model"
