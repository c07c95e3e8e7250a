"""Prints the folder of TorchConfig.cmake: of the torch that can be imported, else of the interpreter's own folder of
packages, which an isolated build hides."""

import importlib.util
import sys
import sysconfig
from pathlib import Path


def candidates():
    spec = importlib.util.find_spec("torch")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent
    for name in ("platlib", "purelib"):
        yield Path(sysconfig.get_path(name)) / "torch"


for folder in candidates():
    config = folder / "share" / "cmake" / "Torch"
    if (config / "TorchConfig.cmake").is_file():
        print(config)
        sys.exit(0)
sys.exit(1)
