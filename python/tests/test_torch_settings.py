"""What a program has set in torch changes nothing in the library, and the library leaves it as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import deformer
from conftest import GOLDEN

PASSAGE = deformer.Passage("p", "the river rises in the alps and flows to the sea")
REQUEST = deformer.QaRequest("where does it rise", [PASSAGE])


def test_autocast_changes_no_state_and_no_answer(split_model: deformer.Model) -> None:
    (plain,) = deformer.encode_passages(split_model, [PASSAGE])
    qa = deformer.SpanQa(split_model)
    (answer,) = qa.answer([REQUEST])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (within,) = deformer.encode_passages(split_model, [PASSAGE])
        (same,) = qa.answer([REQUEST])
    assert torch.equal(within.hidden, plain.hidden)
    assert same.answers[0].score == answer.answers[0].score


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_another_default_type_loads_and_answers_alike(dtype: str, split_model: deformer.Model) -> None:
    program = f"""
import sys, torch, deformer
torch.set_default_dtype(torch.{dtype})
passage = deformer.Passage("p", {PASSAGE.text!r})
for weights, precision in (("fp16", "fp32"), ("auto", "int8"), ("auto", "fp32")):
    model = deformer.Model.load(sys.argv[1], split_layer=2, weights=weights, precision=precision)
    (result,) = deformer.SpanQa(model).answer([deformer.QaRequest("where does it rise", [passage])])
print(result.answers[0].score)
"""
    model_dir = Path(GOLDEN) / "models" / "bert-split"
    run = subprocess.run([sys.executable, "-c", program, str(model_dir)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    (answer,) = deformer.SpanQa(split_model).answer([REQUEST])
    assert float(run.stdout) == pytest.approx(answer.answers[0].score, abs=1e-5)


def test_what_a_callback_makes_can_be_trained(split_model: deformer.Model) -> None:
    seen = []

    def look(done: int, total: int) -> None:
        seen.append(torch.is_inference_mode_enabled())

    deformer.SpanQa(split_model).answer([REQUEST], progress=look)
    deformer.encode_passages(split_model, [PASSAGE], progress=look)
    assert seen
    assert not any(seen)
