"""Training from Python: a few steps of a tiny model."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

import deformer
from conftest import GOLDEN

BASE = GOLDEN / "models" / "bert-joint"
WORDS = "the king of the city is in the first river and many is what how".split()


@pytest.fixture
def data(tmp_path: Path) -> deformer.Dataset:
    context = " ".join(WORDS)
    questions = [
        {"id": f"q{i}", "question": f"who is {word} ?", "answers": [{"text": word, "answer_start": context.index(word)}]}
        for i, word in enumerate(WORDS)
    ]
    path = tmp_path / "train.json"
    paragraphs = [{"context": context, "qas": questions}]
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")
    return deformer.load_dataset(path)


def train(data: deformer.Dataset, output: Path, **changes: Any) -> deformer.TrainingResult:
    options = {"split_layers": [2], "max_steps": 6, "batch_questions": 4, "learning_rate": 1e-3, **changes}
    return deformer.train(BASE, data, output, **options)


def test_writes_a_reader_that_answers(data: deformer.Dataset, tmp_path: Path) -> None:
    steps: list[deformer.TrainingProgress] = []
    result = train(data, tmp_path / "out", on_step=steps.append)
    assert result.finished
    assert result.steps == 6
    assert [step.step for step in steps] == [1, 2, 3, 4, 5, 6]
    assert steps[0].losses.task is not None
    assert steps[0].losses.kd is None
    model = deformer.Model.load(tmp_path / "out")
    assert model.config.split_layer == 2
    pipe = deformer.pipeline(model=model)
    assert pipe(question="who is the king ?", context=" ".join(WORDS))["answer"]


def test_options_have_the_names_and_values_of_the_tool() -> None:
    options = deformer.TrainingOptions()
    assert (options.precision, options.save_format, options.negatives) == ("fp32", "fp32", "drop")
    options.save_format = "int8"
    options.lrs_scale = "teacher"
    assert (options.save_format, options.lrs_scale) == ("int8", "teacher")
    for schedule in ("alternate", "sum"):
        options.split_schedule = schedule
        assert options.split_schedule == schedule
    with pytest.raises(deformer.InvalidArgumentError, match="expected one of alternate, sum, found turns"):
        options.split_schedule = "turns"
    with pytest.raises(deformer.InvalidArgumentError, match="save_format: expected one of fp32, fp16, bf16, int8, found f8"):
        options.save_format = "f8"


def test_validation_data_choose_the_best(data: deformer.Dataset, tmp_path: Path) -> None:
    text = "the city is in the first river"
    question = {"id": "v", "question": "what is in ?", "answers": [{"text": "city", "answer_start": text.index("city")}]}
    path = tmp_path / "validation.json"
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": text, "qas": [question]}]}]}), encoding="utf-8")
    result = train(data, tmp_path / "out", validation=deformer.load_dataset(path), evaluate_every=3)
    assert [score.step for score in result.scores] == [3, 6]
    assert result.best is not None
    assert result.in_validation == 0
    with pytest.raises(deformer.InvalidArgumentError, match="held-out questions or validation data, found both"):
        train(data, tmp_path / "both", validation=deformer.load_dataset(path), held_out_questions=2)


def test_the_teachers_answers_are_kept_in_a_file(data: deformer.Dataset, tmp_path: Path) -> None:
    answers = tmp_path / "answers.safetensors"
    kept = {"teacher": BASE, "loss_weights": "task=1,kd=1", "teacher_answers": answers}
    assert train(data, tmp_path / "a", **kept).finished
    written = answers.stat().st_mtime_ns
    assert train(data, tmp_path / "b", **kept).finished
    assert answers.stat().st_mtime_ns == written


def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(data: deformer.Dataset, tmp_path: Path) -> None:
    def press(progress: deformer.TrainingProgress) -> None:
        if progress.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "out", on_step=press)
    seen: list[int] = []
    result = train(data, tmp_path / "out", resume=True, on_step=lambda progress: seen.append(progress.step))
    assert result.finished
    assert seen[0] > 2
    assert seen[-1] == 6


def test_ctrl_c_is_seen_while_the_teacher_answers(data: deformer.Dataset, tmp_path: Path) -> None:
    def press(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, press)
    signal.setitimer(signal.ITIMER_REAL, 0.005)
    try:
        with pytest.raises(KeyboardInterrupt):
            kept = {"teacher": BASE, "loss_weights": "task=1,kd=1", "teacher_answers": tmp_path / "answers"}
            train(data, tmp_path / "out", pass_tokens=1, **kept)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    # The log begins with the first step.
    assert not (tmp_path / "out" / "training" / "log.jsonl").exists()


def test_options_are_copied_to_the_last_digit() -> None:
    options = deformer.TrainingOptions()
    options.loss_weights = "task=0.33333333,kd=1e-7"
    options.seed = 7
    copy = deformer.TrainingOptions(options)
    options.seed = 8
    assert (copy.loss_weights, copy.seed) == ("task=0.33333333,kd=1e-07,lrs=0", 7)


def test_what_a_callback_raises_is_raised(data: deformer.Dataset, tmp_path: Path) -> None:
    def fail(progress: deformer.TrainingProgress) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        train(data, tmp_path / "out", on_step=fail)


def test_an_unknown_option_is_named(data: deformer.Dataset, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="'learning_rat'"):
        train(data, tmp_path / "out", learning_rat=1e-3)
    with pytest.raises(deformer.InvalidArgumentError, match="precision"):
        train(data, tmp_path / "out", precision="fp64")


def test_the_callers_options_stay_as_they_are(data: deformer.Dataset, tmp_path: Path) -> None:
    options = deformer.TrainingOptions()
    options.seed = 7
    with pytest.raises(TypeError, match="'sede'"):
        train(data, tmp_path / "out", options=options, epochs=9.0, sede=5)
    with pytest.raises(TypeError, match="'__init__'"):
        train(data, tmp_path / "out", options=options, __init__=5)
    assert train(data, tmp_path / "out", options=options, max_steps=2).steps == 2
    assert (options.seed, options.epochs, options.max_steps, options.split_layers) == (7, 3.0, None, [])


def test_a_progress_bar_counts_steps(data: deformer.Dataset, tmp_path: Path) -> None:
    pytest.importorskip("tqdm")
    assert train(data, tmp_path / "out", progress=True).finished
