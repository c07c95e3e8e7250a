"""Starts the command-line tool of the package: `deformer`, or `python -m deformer`."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path


def main() -> int:
    """Becomes the tool. LibTorch is that of the installed torch."""
    tool = Path(__file__).parent / "bin" / "deformer"
    if not tool.is_file():
        print("deformer: this package was built without the command-line tool", file=sys.stderr)
        return 1
    torch = importlib.util.find_spec("torch")
    if torch is None or torch.origin is None:
        print("deformer: torch is not installed", file=sys.stderr)
        return 1
    environment = dict(os.environ)
    libraries = Path(torch.origin).parent / "lib"
    # The tool looks for torch beside this package; it may be elsewhere.
    if not (Path(__file__).parent.parent / "torch" / "lib").is_dir():
        paths = [str(libraries), environment.get("LD_LIBRARY_PATH", "")]
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(path for path in paths if path)
    os.execve(tool, [str(tool), *sys.argv[1:]], environment)


if __name__ == "__main__":
    sys.exit(main())
