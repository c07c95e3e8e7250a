"""Starts the command-line tool of the package: `deformer`, or `python -m deformer`.

A package of its own: whatever is imported of `deformer` brings torch, which takes seconds, and the tool has no use for
it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path


def find_in_package(package: str, file: str) -> Path | None:
    """A file of an installed package, which is not imported. None where the package is not there or lacks it.

    An editable install has two folders: Python's files stay in the checkout, CMake's are in site-packages.
    """
    spec = importlib.util.find_spec(package)
    folders = [] if spec is None else spec.submodule_search_locations or []
    return next((found for folder in folders if (found := Path(folder, file)).is_file()), None)


def main() -> int:
    """Becomes the tool. LibTorch is that of the installed torch."""
    tool = find_in_package("deformer", "bin/deformer")
    if tool is None:
        print("deformer: this package was built without the command-line tool", file=sys.stderr)
        return 1
    torch = importlib.util.find_spec("torch")  # looks for it, and does not import it
    if torch is None or torch.origin is None:
        print("deformer: torch is not installed", file=sys.stderr)
        return 1
    environment = dict(os.environ)
    libraries = Path(torch.origin).parent / "lib"
    # The tool looks for torch beside its package; it may be elsewhere.
    if not (tool.parents[2] / "torch" / "lib").is_dir():
        paths = [str(libraries), environment.get("LD_LIBRARY_PATH", "")]
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(path for path in paths if path)
    mini_reader = find_in_package("deformer_squad_mini", "model/config.json")
    if mini_reader is not None and not environment.get("DEFORMER_MODEL"):
        environment["DEFORMER_MODEL"] = str(mini_reader.parent)
    os.execve(tool, [str(tool), *sys.argv[1:]], environment)
