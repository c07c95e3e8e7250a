"""Checkpoints as torch itself writes them: a model of every type in tests/golden as a pytorch_model.bin, converted and compared."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import deformer
from conftest import GOLDEN, read_tensors


def joint_models() -> dict[str, Path]:
    """model_type -> a checkpoint as Hugging Face's class saves it."""
    found = {}
    for directory in sorted((GOLDEN / "models").glob("*-joint")):
        found[json.loads((directory / "config.json").read_text())["model_type"]] = directory
    return found


CHECKPOINTS = joint_models()


def prefix(name: str) -> str:
    return name.split(".")[0]


def convert(source: Path, target: Path) -> None:
    command = [sys.executable, "-m", "deformer", "convert", "--from", source, "--to", target]
    ran = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
    assert ran.returncode == 0, ran.stderr


def test_every_architecture_is_here() -> None:
    assert set(CHECKPOINTS) == {
        "albert", "bert", "camembert", "deberta-v2", "distilbert", "electra", "mpnet", "roberta", "xlm-roberta", "xlnet",
    }  # fmt: skip


@pytest.mark.parametrize("model_type", CHECKPOINTS)
def test_a_torch_file_gives_the_same_model(model_type: str, tmp_path: Path) -> None:
    golden = CHECKPOINTS[model_type]
    source = tmp_path / "source"
    shutil.copytree(golden, source, ignore=shutil.ignore_patterns("model.safetensors", "expected*", "cases.json"))
    tensors = read_tensors(golden / "model.safetensors")
    # Older releases of transformers saved this buffer too.
    buffers = {f"{prefix(name)}.embeddings.position_ids" for name in tensors if ".embeddings." in name}
    torch.save(tensors | {name: torch.arange(512).unsqueeze(0) for name in buffers}, source / "pytorch_model.bin")
    convert(source, tmp_path / "model")

    converted = read_tensors(tmp_path / "model" / "model.safetensors")
    assert set(converted) == set(tensors)
    for name, values in tensors.items():
        assert torch.equal(converted[name], values), name
    fingerprints = {deformer.Model.load(directory).fingerprint for directory in (golden, tmp_path / "model")}
    assert len(fingerprints) == 1
