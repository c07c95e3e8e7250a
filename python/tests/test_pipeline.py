"""deformer.pipeline() against what transformers 5.2's own pipeline gives (scripts/golden/make_golden_pipeline.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils.data import Dataset, IterableDataset

import deformer
from conftest import GOLDEN, ROOT
from deformer.pipelines import _device_name

SCORE_TOLERANCE = 1e-4
TINY_MODELS = ("bert-joint", "roberta-joint")
QUESTION = "who is the king ?"
CONTEXT = "the king is in the city and the river is many first"


def golden(name: str) -> dict[str, Any]:
    return json.loads((GOLDEN / "pipeline" / f"{name}.json").read_text(encoding="utf-8"))


def as_list(result: Any) -> list[dict[str, Any]]:
    return [result] if isinstance(result, dict) else result


def expect_same(found: Any, expected: Any, tolerance: float = SCORE_TOLERANCE) -> None:
    assert isinstance(found, dict) == isinstance(expected, dict)
    found, expected = as_list(found), as_list(expected)
    places = [(answer["answer"], answer["start"], answer["end"]) for answer in found]
    assert places == [(answer["answer"], answer["start"], answer["end"]) for answer in expected]
    scores = [answer["score"] for answer in expected]
    assert [answer["score"] for answer in found] == pytest.approx(scores, abs=tolerance)


@pytest.fixture(scope="module")
def tiny_pipelines() -> dict[str, deformer.QuestionAnsweringPipeline]:
    return {name: deformer.pipeline(model=GOLDEN / "models" / name) for name in TINY_MODELS}


@pytest.fixture(scope="module")
def joint(joint_model: deformer.Model) -> deformer.QuestionAnsweringPipeline:
    return deformer.pipeline("question-answering", model=joint_model, max_seq_len=48)


@pytest.fixture(scope="module")
def split(split_model: deformer.Model) -> deformer.QuestionAnsweringPipeline:
    return deformer.pipeline("question-answering", model=split_model)


@pytest.mark.parametrize(
    ("model", "case"),
    [(model, case) for model in TINY_MODELS for case in golden(model)["cases"]],
    ids=lambda value: value if isinstance(value, str) else str(value["parameters"]),
)
def test_gives_what_transformers_gives_with_a_tiny_model(
    tiny_pipelines: dict[str, deformer.QuestionAnsweringPipeline], model: str, case: dict[str, Any]
) -> None:
    found = tiny_pipelines[model](question=case["question"], context=case["context"], **case["parameters"])
    # Scores of random weights are small, and so is the tolerance.
    expect_same(found, case["expected"], tolerance=2e-6)


def test_gives_what_transformers_gives_with_the_mini_reader() -> None:
    data = golden("squad-mini")
    pipe = deformer.pipeline("question-answering", model=ROOT / data["model"], split_layer=0, layout="continue")
    for parameters in {json.dumps(case["parameters"]): case["parameters"] for case in data["cases"]}.values():
        cases = [case for case in data["cases"] if case["parameters"] == parameters]
        questions = [{"question": case["question"], "context": case["context"]} for case in cases]
        for found, case in zip(pipe(questions, **parameters), cases):
            expect_same(found, case["expected"])


def test_a_list_gives_what_single_calls_give(split: deformer.QuestionAnsweringPipeline) -> None:
    questions = [QUESTION, "what is the river ?", "how many ?"]
    together = split(question=questions, context=CONTEXT, top_k=3)
    assert len(together) == 3
    for question, result in zip(questions, together):
        expect_same(result, split(question=question, context=CONTEXT, top_k=3), tolerance=1e-6)


def test_all_forms_of_a_call_give_the_same(split: deformer.QuestionAnsweringPipeline) -> None:
    expected = split(question=QUESTION, context=CONTEXT)
    # Products of other numbers of rows may round the last bit otherwise, which depends on the processor.
    expected["score"] = pytest.approx(expected["score"], rel=1e-5)
    assert set(expected) == {"score", "start", "end", "answer"}
    assert CONTEXT[expected["start"] : expected["end"]] == expected["answer"]
    mapping = {"question": QUESTION, "context": CONTEXT}
    example = SimpleNamespace(question_text=QUESTION, context_text=CONTEXT)
    assert split(question=[QUESTION], context=[CONTEXT]) == expected
    assert split(mapping) == expected
    assert split(example) == expected
    assert split([mapping]) == expected
    assert split([mapping, example]) == [expected, expected]
    assert split(question=[QUESTION] * 2, context=CONTEXT) == [expected] * 2
    assert split(question=[QUESTION] * 2, context=[CONTEXT] * 2) == [expected] * 2
    stream = split(iter([mapping] * 3))
    assert next(stream) == expected
    assert list(stream) == [expected] * 2


def test_defaults_of_the_call_can_be_given_when_it_is_made(split_model: deformer.Model) -> None:
    pipe = deformer.pipeline("question-answering", model=split_model, top_k=3)
    assert len(pipe(question=QUESTION, context=CONTEXT)) == 3
    assert isinstance(pipe(question=QUESTION, context=CONTEXT, top_k=1), dict)


def test_a_store_encodes_each_context_once(
    split_model: deformer.Model, store: deformer.PassageStore, split: deformer.QuestionAnsweringPipeline
) -> None:
    pipe = deformer.pipeline("question-answering", model=split_model, store=store)
    results = pipe(question=[QUESTION, "what ?"], context=[CONTEXT, CONTEXT])
    assert len(store) == 1
    assert store.list_ids() == [deformer.content_id(CONTEXT)]
    for question, result in zip([QUESTION, "what ?"], results):
        expect_same(result, split(question=question, context=CONTEXT), tolerance=1e-6)
    pipe(question=QUESTION, context=CONTEXT + " city")
    assert len(store) == 2


def test_a_store_on_disk_is_used_by_the_next_pipeline(split_model: deformer.Model, tmp_path: Path) -> None:
    uri = f"lmdb:{tmp_path / 'store'}"
    first = deformer.pipeline(model=split_model, store=uri)(question=QUESTION, context=CONTEXT)
    assert len(deformer.open_existing_store(uri)) == 1
    assert deformer.pipeline(model=split_model, store=uri)(question=QUESTION, context=CONTEXT) == first


def test_lengths_of_a_decomposed_model_are_windows_of_another_store(
    split_model: deformer.Model, store: deformer.PassageStore
) -> None:
    long = " ".join([CONTEXT] * 6)
    pipe = deformer.pipeline(model=split_model, max_seq_len=30, doc_stride=4, max_question_len=8)
    (passage,) = deformer.encode_passages(
        split_model.with_lengths(max_question_tokens=8, window_tokens=19, window_step=15),
        [deformer.Passage("p", long)],
    )
    assert passage.windows[1] == (15, 19)
    assert pipe(question=QUESTION, context=long)["score"] > 0
    with_store = deformer.pipeline(model=split_model, store=store)
    with pytest.raises(deformer.IncompatibleError):
        with_store(question=QUESTION, context=long, max_seq_len=30, doc_stride=4)


def test_a_joint_model_takes_no_store(joint_model: deformer.Model) -> None:
    with pytest.raises(deformer.IncompatibleError, match="store: expected a decomposed model"):
        deformer.pipeline(model=joint_model, store="memory:")


def test_max_question_len_cuts_the_question(joint: deformer.QuestionAnsweringPipeline) -> None:
    long = "who is the king and what is the river in the city ?"
    cut = joint(question=long, context=CONTEXT, max_question_len=4)
    expect_same(cut, joint(question="who is the king", context=CONTEXT), tolerance=1e-6)


def test_a_context_without_a_token_has_no_answer(split: deformer.QuestionAnsweringPipeline) -> None:
    assert split(question=QUESTION, context=" \n") == []
    assert split(question=QUESTION, context=" \n", handle_impossible_answer=True) == {
        "score": 1.0, "start": 0, "end": 0, "answer": ""
    }  # fmt: skip


# None: the iterator itself fails. The last two are found out while the others are answered.
@pytest.mark.parametrize(
    "last",
    [
        None,
        7,
        {"question": "", "context": CONTEXT},
        {"question": " ", "context": CONTEXT},
        {"question": "\ufffd", "context": CONTEXT},
    ],
    ids=ascii,
)
def test_an_iterator_that_fails_loses_no_answer(split: deformer.QuestionAnsweringPipeline, last: Any) -> None:
    def questions() -> Iterator[Any]:
        yield from [{"question": QUESTION, "context": CONTEXT}] * 3
        if last is None:
            raise RuntimeError("enough")
        yield last

    for size in (None, 2, 3):
        stream = split(questions(), batch_size=size)
        assert [next(stream)["answer"] for _ in range(3)] == [split(question=QUESTION, context=CONTEXT)["answer"]] * 3
        with pytest.raises((RuntimeError, ValueError, deformer.InvalidArgumentError)):
            next(stream)


def test_half_a_surrogate_pair_is_one_clear_error(split: deformer.QuestionAnsweringPipeline) -> None:
    for given in ({"question": "\ud83d?", "context": CONTEXT}, {"question": QUESTION, "context": "a\udc00"}):
        with pytest.raises(ValueError, match="found half of a surrogate pair$"):
            split(**given)


def test_devices_may_be_numbered_as_transformers_does() -> None:
    model = GOLDEN / "models" / "bert-joint"
    assert deformer.pipeline(model=model, device=-1)(question=QUESTION, context=CONTEXT)["answer"]
    with pytest.raises(ValueError, match="found 1$"):
        deformer.pipeline(model=model, device=1)


def test_devices_may_be_torchs() -> None:
    model = GOLDEN / "models" / "bert-joint"
    assert deformer.pipeline(model=model, device=torch.device("cpu"))(question=QUESTION, context=CONTEXT)["answer"]
    assert [_device_name(one) for one in ("cuda:0", torch.device("cuda", 0), "cuda", "cpu:0")] == ["cuda"] * 3 + ["cpu"]
    for other in ("cuda:1", torch.device("cuda", 1)):
        with pytest.raises(ValueError, match="found cuda:1$"):
            deformer.pipeline(model=model, device=other)


class Rows(Dataset):
    """As torch has data sets: rows by number."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int) -> dict[str, str]:
        return {"question": (QUESTION, "what ?")[number], "context": CONTEXT}


def test_a_data_set_makes_the_call_a_generator(split: deformer.QuestionAnsweringPipeline) -> None:
    stream = split(Rows(), batch_size=1)
    assert isinstance(stream, Iterator)
    for found, row in zip(stream, Rows(), strict=True):
        expect_same(found, split(row), tolerance=1e-6)
    assert len(split(list(Rows()))) == 2


def test_a_data_set_of_hugging_face_does_too(split: deformer.QuestionAnsweringPipeline) -> None:
    datasets = pytest.importorskip("datasets")
    stream = split(datasets.Dataset.from_list(list(Rows())))
    assert isinstance(stream, Iterator)
    assert len(list(stream)) == 2
    stream = split(datasets.Dataset.from_list(list(Rows())).to_iterable_dataset())
    assert isinstance(stream, Iterator)
    assert len(list(stream)) == 2


def endless_rows(_: object) -> Iterator[dict[str, str]]:
    return cycle([Rows()[0], Rows()[1]])


class Stream(IterableDataset):
    """As torch has data sets without numbers and length."""

    __iter__ = endless_rows


# And as Hugging Face has them.
HuggingFaceStream = type("IterableDataset", (), {"__iter__": endless_rows, "__module__": "datasets.iterable_dataset"})


@pytest.mark.parametrize("kind", [Stream, HuggingFaceStream])
def test_a_data_set_without_an_end_is_read_as_far_as_is_asked_for(
    split: deformer.QuestionAnsweringPipeline, kind: type[Any]
) -> None:
    stream = split(kind(), batch_size=2)
    assert isinstance(stream, Iterator)
    found = list(islice(stream, 4))
    for one, other in zip(found, [*found[:2], *found[:2]], strict=True):
        expect_same(one, other, tolerance=1e-6)


class Array:
    """As numpy's arrays and pandas' Series of mappings: with numbers and a length, and no Sequence."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int) -> dict[str, str]:
        return Rows()[number]

    def __iter__(self) -> Iterator[dict[str, str]]:
        return iter([self[0], self[1]])


def test_an_array_gives_a_list(split: deformer.QuestionAnsweringPipeline) -> None:
    found = split(Array())
    assert isinstance(found, list)
    for one, row in zip(found, Array(), strict=True):
        expect_same(one, split(row), tolerance=1e-6)


def test_batch_size_is_what_is_taken_at_once(split: deformer.QuestionAnsweringPipeline) -> None:
    left = iter([{"question": QUESTION, "context": CONTEXT}] * 5)
    next(split(left, batch_size=2))
    assert len(list(left)) == 3


def test_parameters_of_transformers_that_change_nothing_are_taken(split: deformer.QuestionAnsweringPipeline) -> None:
    given = {"padding": "longest", "batch_size": 8, "num_workers": 2}
    assert split(question=QUESTION, context=CONTEXT, **given) == split(question=QUESTION, context=CONTEXT)


class Number:
    """Whole, as numpy's are."""

    def __index__(self) -> int:
        return 3


def test_numbers_may_be_of_another_kind_and_large(joint: deformer.QuestionAnsweringPipeline) -> None:
    question = {"question": QUESTION, "context": CONTEXT}
    assert joint(question, max_answer_len=10**12) == joint(question, max_answer_len=10**6)
    assert joint(question, top_k=Number()) == joint(question, top_k=3)


def test_the_default_length_is_at_most_the_models(
    tiny_pipelines: dict[str, deformer.QuestionAnsweringPipeline],
) -> None:
    for pipe in tiny_pipelines.values():  # of 64 positions
        assert pipe(question=QUESTION, context=" ".join([CONTEXT] * 20))["answer"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"question": "", "context": CONTEXT}, ValueError, "`question` cannot be empty"),
        ({"question": QUESTION, "context": ""}, ValueError, "`context` cannot be empty"),
        ({"question": None, "context": CONTEXT}, ValueError, "`question` cannot be None"),
        ({"question": QUESTION}, ValueError, "`context` cannot be None"),
        ({"question": QUESTION, "context": 7}, ValueError, "`context`: expected a string, found int"),
        ({"question": QUESTION, "context": [CONTEXT]}, ValueError, "`context`: expected a string, found list"),
        ({"question": [QUESTION] * 2, "context": [CONTEXT]}, ValueError, "don't have the same lengths"),
        ({"inputs": "text"}, ValueError, "expected a mapping with question and context"),
        ({"inputs": [7]}, ValueError, "expected a mapping with question and context, found int"),
        ({"inputs": {"question": QUESTION}}, KeyError, "dictionary with keys"),
        ({"question": QUESTION, "context": CONTEXT, "top_k": 0}, ValueError, r"top_k parameter should be >= 1 \(got 0\)"),
        ({"question": QUESTION, "context": CONTEXT, "max_answer_len": 0}, ValueError, "max_answer_len parameter"),
        ({"question": QUESTION, "context": CONTEXT, "batch_size": 0}, ValueError, "batch_size parameter"),
        ({"question": QUESTION, "context": CONTEXT, "max_seq_len": 0}, ValueError, "max_seq_len parameter"),
        ({"question": QUESTION, "context": CONTEXT, "doc_stride": -1}, ValueError, r"should be >= 0 \(got -1\)"),
        ({"question": QUESTION, "context": CONTEXT, "top_k": "3"}, TypeError, "^top_k: expected a whole number, found str"),
        ({"question": QUESTION, "context": CONTEXT, "top_k": True}, TypeError, "expected a whole number, found bool$"),
        ({"question": QUESTION, "context": CONTEXT, "batch_size": 2.5}, TypeError, "a whole number, found float$"),
        ({"question": QUESTION, "context": CONTEXT, "align_to_words": 1}, TypeError, "True or False, found int$"),
        ({"question": QUESTION, "context": CONTEXT, "doc_stride": 49, "max_seq_len": 48}, ValueError, "is larger than"),
        ({"question": QUESTION, "context": CONTEXT, "max_seq_len": 65}, ValueError, "at most the model's 64 positions"),
        ({"question": QUESTION, "context": CONTEXT, "topk": 3}, TypeError, "'topk'"),
    ],
    ids=str,
)
def test_bad_input_is_one_clear_error(
    joint: deformer.QuestionAnsweringPipeline, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        joint(**arguments)


def test_an_empty_list_gives_an_empty_list(joint: deformer.QuestionAnsweringPipeline) -> None:
    assert joint([]) == []
    assert joint(question=[], context=[]) == []


def test_another_task_or_no_model_is_refused(joint_model: deformer.Model) -> None:
    with pytest.raises(deformer.UnsupportedError, match="expected question-answering, found text-generation"):
        deformer.pipeline("text-generation", model=joint_model)
    with pytest.raises(TypeError, match="needs a model"):
        deformer.pipeline("question-answering")
    with pytest.raises(TypeError, match="split_layer: expected with a directory"):
        deformer.pipeline("question-answering", model=joint_model, split_layer=0)
