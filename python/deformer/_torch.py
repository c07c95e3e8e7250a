"""Imports torch, whose LibTorch the extension module uses, and then the module."""

from __future__ import annotations

import os
import re

import torch

_BUILD_AGAIN = "build deformer again with the torch that is installed: pip install --force-reinstall --no-deps ."


def fits(built_with: str, installed: str) -> bool:
    """True where an extension that was built with one version of torch runs with the other: LibTorch keeps its binary
    interface within a minor version."""
    return _minor(built_with) == _minor(installed)


def _minor(version: str) -> tuple[int, int] | None:
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else None


def mismatch(built_with: str, installed: str) -> str:
    return (
        f"deformer: expected torch {built_with}, which it was built with, found torch {installed} in "
        f"{torch.__path__[0]}; {_BUILD_AGAIN}"
    )


def require_fitting_torch() -> None:
    """Raises ImportError naming both versions where they do not fit."""
    from ._build import TORCH_VERSION

    if not fits(TORCH_VERSION, torch.__version__):
        raise ImportError(mismatch(TORCH_VERSION, torch.__version__))


require_fitting_torch()
# The threads of OpenMP do not survive a fork: a child that counts on those of a parent which has computed would wait
# for them for ever. One thread needs no others.
os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))
