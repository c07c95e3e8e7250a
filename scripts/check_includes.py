#!/usr/bin/env python3
"""Checks who includes whom: the table of layers in docs/architecture.md, held by a machine.

Usage: check_includes.py [ROOT]

Prints one line `path:line: what is wrong` per violation and exits with 1 when there is one.
"""

from __future__ import annotations

import fnmatch
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

# Layer -> layers that its files may include, besides itself.
LAYERS: dict[str, set[str]] = {
    "base": set(),
    "text": {"base"},
    "data": {"base", "text"},
    "store": {"base"},
    "format": {"base"},
    "architecture": {"base", "text", "format"},
    "convert": {"base", "text", "format", "architecture"},
    "nn": {"base"},
    "model": {"base", "text", "format", "architecture", "nn"},
    "task": {"base", "text", "store", "format", "architecture", "nn", "model"},
    "train": {"base", "text", "data", "store", "format", "architecture", "nn", "model", "task"},
    "bench": {"base", "text", "data", "store", "format", "architecture", "nn", "model", "task"},
    "serve": {"base", "data", "store", "model", "task"},
}
# Layers that the command-line tool may include: those that are no part of the installed library, and its helpers for files,
# JSON and errors of the system.
TOOL_LAYERS = {"base", "bench", "serve"}

# Public header -> the layer that implements it. A source may include it where it may include that layer.
PUBLIC_HEADERS: dict[str, str] = {
    "answer_queue": "task",
    "answering": "task",
    "class_metrics": "data",
    "convert": "convert",
    "dataset": "data",
    "encoder": "model",
    "error": "base",
    "export": "base",
    "inspect": "task",
    "known_datasets": "data",
    "metrics": "data",
    "model": "model",
    "model_config": "architecture",
    "multiple_choice": "task",
    "pair_classifier": "task",
    "passage_encoder": "task",
    "passage_store": "store",
    "predictions": "data",
    "process_group": "train",
    "runtime": "base",
    "span_qa": "task",
    "squad": "data",
    "tokenizer": "text",
    "training": "train",
    "types": "base",
}

TORCH_LAYERS = {"nn", "model", "task", "train", "bench"}
TORCH_PUBLIC_HEADERS = {"encoder"}

# Third-party header (pattern) -> files that may include it. The first pattern that fits decides.
JSON_USERS = [f"src/{layer}/*.cpp" for layer in ("base", "text", "data", "format", "architecture", "convert", "train", "bench", "serve")]
THIRD_PARTY: list[tuple[str, list[str]]] = [
    ("nlohmann/json_fwd.hpp", ["src/text/*.h"]),  # declarations alone, cheap
    ("nlohmann/*", JSON_USERS + ["src/base/json.h", "tools/*.cpp", "tests/*", "bench/service/*.cpp"]),
    ("xxhash.h", ["src/base/*.cpp"]),
    ("utf8proc.h", ["src/text/*", "src/data/*"]),
    ("sentencepiece*", ["src/text/*sentence*piece*.cpp"]),
    ("lmdb.h", ["src/store/*lmdb*.cpp", "tests/store/*.cpp"]),
    ("hiredis/*", ["src/store/*redis*.cpp", "tests/store/*.cpp"]),
    ("CLI/*", ["tools/*", "bench/service/*.cpp"]),
    ("nanobind/*", ["python/src/*"]),
    ("mpi.h", ["tools/mpi_group.cpp"]),
    ("boost/*", ["src/serve/connection*", "src/serve/http_*", "src/serve/response_sink.h", "src/serve/server.cpp",
                 "tests/serve/*", "bench/service/*"]),
    ("openssl/*", ["src/serve/api_keys.cpp", "src/serve/page.cpp", "tests/serve/*"]),
    ("gtest/*", ["tests/*"]),
    ("gmock/*", ["tests/*"]),
]
# Internal headers that drag a third-party one along.
HEAVY_INTERNAL = {"base/json.h": JSON_USERS}

TORCH = re.compile(r"^(torch|ATen|c10|caffe2)/")
# A header of the C++ library (no extension), of C or POSIX.
SYSTEM = re.compile(r"^([a-z0-9_]+|[a-z0-9_]+\.h|(sys|linux|netinet|arpa|net|asm)/[a-z0-9_]+\.h)$")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
FOLDERS = ["include", "src", "tools", "examples", "tests", "bench", "python"]


@dataclass(frozen=True)
class Include:
    file: str  # path from the root, e.g. src/nn/linear.cpp
    line: int
    quote: str  # "<" or '"'
    target: str


def matches(file: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatch(file, pattern) for pattern in patterns)


def layer_of(file: str) -> str | None:
    """src/nn/linear.cpp -> nn; None outside src/."""
    parts = file.split("/")
    return parts[1] if parts[0] == "src" and len(parts) > 2 else None


def read_includes(root: Path) -> list[Include]:
    includes = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            file = path.relative_to(root).as_posix().removesuffix(".in")
            if not file.endswith((".h", ".cpp")):
                continue
            for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                if match := INCLUDE.match(text):
                    includes.append(Include(file, number, match[1], match[2]))
    return includes


def check_public(include: Include, header: str) -> str | None:
    """A source or header includes <deformer/HEADER.h>."""
    if header not in PUBLIC_HEADERS:
        return f"unknown public header deformer/{header}.h: add it to the table of {Path(__file__).name}"
    layer = layer_of(include.file)
    if include.file.startswith("include/"):
        own = Path(include.file).stem
        if header in TORCH_PUBLIC_HEADERS and own not in TORCH_PUBLIC_HEADERS:
            return f"deformer/{header}.h shows LibTorch: no other public header may include it"
        return None
    if layer is None:
        return None
    owner = PUBLIC_HEADERS[header]
    if owner == layer or owner in LAYERS[layer]:
        return None
    return f"layer {layer} may not include deformer/{header}.h, which belongs to layer {owner}"


def check_internal(include: Include, target_layer: str) -> str | None:
    """A file includes "LAYER/file.h"."""
    if include.target in HEAVY_INTERNAL and not include.file.startswith(("tests/", "tools/")):
        if not matches(include.file, HEAVY_INTERNAL[include.target]):
            return f"{include.target} is for .cpp files of base, text, data, format, architecture, convert, train and serve"
    layer = layer_of(include.file)
    if layer is None:
        if include.file.startswith("tests/"):
            return None
        if include.file.startswith("tools/") and target_layer in TOOL_LAYERS:
            return None
        return f"only <deformer/*.h> may be included here, not {include.target}"
    if target_layer == layer or target_layer in LAYERS[layer]:
        return None
    return f"layer {layer} may not include layer {target_layer}"


def check_torch(include: Include) -> str | None:
    if include.file.startswith("include/"):
        if Path(include.file).stem in TORCH_PUBLIC_HEADERS:
            return None
        return "public headers are free of LibTorch, except encoder.h"
    layer = layer_of(include.file)
    if layer is not None:
        return None if layer in TORCH_LAYERS else f"layer {layer} is free of LibTorch"
    if include.file.startswith(("tests/", "bench/")):
        return None
    return "no LibTorch here: only <deformer/*.h>"


def check_third_party(include: Include) -> str | None:
    for pattern, users in THIRD_PARTY:
        if fnmatch.fnmatch(include.target, pattern):
            if matches(include.file, users):
                return None
            return f"<{include.target}> is only for {', '.join(users)}"
    if SYSTEM.match(include.target):
        return None
    return f"unknown dependency <{include.target}>: add it to the table of {Path(__file__).name}"


def check(include: Include) -> str | None:
    """What is wrong with one include; None when nothing is."""
    first, _, rest = include.target.partition("/")
    if first == "deformer":
        return check_public(include, rest.removesuffix(".h"))
    if TORCH.match(include.target):
        return check_torch(include)
    if first in LAYERS:
        return check_internal(include, first)
    if include.quote == '"':
        if include.file.startswith("src/"):
            return f'write "layer/file.h" instead of "{include.target}"'
        return None
    return check_third_party(include)


def resolve(include: Include) -> list[str]:
    """Where the included file may lie in the tree."""
    beside = f"{Path(include.file).parent.as_posix()}/{include.target}"
    return [f"src/{include.target}", f"include/{include.target}", f"tests/{include.target}", beside]


def find_cycles(includes: list[Include]) -> Iterator[str]:
    files = {include.file for include in includes}
    edges: dict[str, list[str]] = {}
    for include in includes:
        edges.setdefault(include.file, []).extend(f for f in resolve(include) if f in files)
    done: set[str] = set()

    def visit(file: str, trail: list[str]) -> Iterator[str]:
        if file in trail:
            yield "include cycle: " + " -> ".join(trail[trail.index(file) :] + [file])
        elif file not in done:
            for target in edges.get(file, []):
                yield from visit(target, trail + [file])
            done.add(file)

    for file in sorted(edges):
        yield from visit(file, [])


def violations(root: Path) -> Iterator[str]:
    includes = read_includes(root)
    if not any(include.file.startswith("src/") for include in includes):
        yield f"{root}: no sources found"
    for include in includes:
        layer = layer_of(include.file)
        if layer is not None and layer not in LAYERS:
            yield f"{include.file}:{include.line}: unknown layer {layer}"
        elif wrong := check(include):
            yield f"{include.file}:{include.line}: {wrong}"
    yield from find_cycles(includes)


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    found = list(violations(root))
    print("\n".join(found) if found else "include table: no violation")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
