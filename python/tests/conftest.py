"""Fixtures: tiny models of tests/golden, and the mini reader."""

from __future__ import annotations

from pathlib import Path

import pytest

import deformer

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"


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
