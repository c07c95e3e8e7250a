"""Fixtures: tiny models of tests/golden, and squad-mini."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch

import deformer

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """A safetensors file, read by hand."""
    data = path.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + size + offset for offset in entry["data_offsets"])
        values = torch.frombuffer(bytearray(data[start:end]), dtype=TYPES[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return tensors


@pytest.fixture(scope="session")
def split_model() -> deformer.Model:
    """A tiny decomposed BERT with random weights."""
    return deformer.Model.load(GOLDEN / "models" / "bert-split", split_layer=2)


@pytest.fixture(scope="session")
def joint_model() -> deformer.Model:
    """A tiny ordinary BERT with random weights."""
    return deformer.Model.load(GOLDEN / "models" / "bert-joint")


@pytest.fixture
def store(split_model: deformer.Model) -> deformer.PassageStore:
    return deformer.open_store("memory:", split_model)
