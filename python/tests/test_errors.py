"""Errors: one family, with the library's codes, that also are what Python calls such errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import deformer
from conftest import GOLDEN


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(deformer.NotFoundError) as caught:
        deformer.Model.load(tmp_path)
    assert isinstance(caught.value, (deformer.Error, FileNotFoundError))
    assert caught.value.code == "not found"
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_broken_file_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(deformer.CorruptError, match="config.json") as caught:
        deformer.Model.load(tmp_path)
    assert caught.value.code == "corrupt data"


def test_a_store_of_another_model_is_incompatible(split_model: deformer.Model, tmp_path: Path) -> None:
    uri = f"lmdb:{tmp_path / 'store'}"
    deformer.open_store(uri, split_model)
    other = split_model.with_split_layer(1)
    with pytest.raises(deformer.IncompatibleError, match=other.fingerprint) as caught:
        deformer.open_store(uri, other)
    assert isinstance(caught.value, ValueError)


def test_a_store_for_a_joint_model_is_refused_before_it_is_made(joint_model: deformer.Model, tmp_path: Path) -> None:
    with pytest.raises(deformer.UnsupportedError):
        deformer.open_store(f"lmdb:{tmp_path / 'store'}", joint_model)
    assert list(tmp_path.iterdir()) == []


def test_values_out_of_range_are_value_errors(split_model: deformer.Model) -> None:
    with pytest.raises(ValueError, match="precision|fp32"):
        deformer.Model.load(GOLDEN / "models" / "bert-split", precision="fp7")
    with pytest.raises(deformer.InvalidArgumentError, match="top_k: expected 1 to 1000, found 0"):
        deformer.SpanQa(split_model).answer([], deformer.AnswerOptions(top_k=0))
    with pytest.raises(deformer.InvalidArgumentError, match="scheme|memory"):
        deformer.open_store("nonsense:", split_model)


def test_weights_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    source = GOLDEN / "models" / "bert-joint"
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = tmp_path / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-400:] = b"\xff" * 400  # NaN in fp32
    weights.write_bytes(bytes(data))
    with pytest.raises(deformer.CorruptError, match='tensor "bert.*expected finite numbers, found -?nan'):
        deformer.pipeline("question-answering", model=tmp_path)


def test_wrong_types_are_type_errors(split_model: deformer.Model) -> None:
    with pytest.raises(TypeError):
        deformer.Passage(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        deformer.SpanQa(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        deformer.SpanQa(split_model).answer(["a question"])  # type: ignore[list-item]


HALF = "\ud83d"  # of a surrogate pair
PASSAGE = deformer.Passage("p", "the king")


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("id", lambda: deformer.Passage(HALF)),
        ("id", lambda: setattr(deformer.Passage("p"), "id", HALF)),
        ("text", lambda: deformer.Passage("p", HALF)),
        ("text", lambda: setattr(deformer.Passage("p"), "text", HALF)),
        ("question", lambda: deformer.QaRequest(HALF, [PASSAGE])),
        ("id", lambda: deformer.QaRequest("who ?", [PASSAGE], id=HALF)),
        ("question", lambda: deformer.PairRequest(HALF, PASSAGE)),
        ("choices", lambda: deformer.ChoiceRequest(["the king", HALF], PASSAGE)),
        ("text", lambda: deformer.content_id(HALF)),
    ],
)
def test_half_a_surrogate_pair_is_named(name: str, make: Callable[[], object]) -> None:
    message = f"^{name}: expected text that UTF-8 can hold, found half of a surrogate pair$"
    with pytest.raises(deformer.InvalidArgumentError, match=message):
        make()


def test_every_code_has_its_class() -> None:
    from deformer import errors

    codes = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.Error)}
    assert len(codes) == 11
    for code in codes:
        assert errors.from_code(code, "text").code == code
    assert isinstance(errors.from_code("a code of a newer library", "text"), errors.InternalError)


def test_messages_are_one_line() -> None:
    from deformer import errors

    assert str(errors.from_code("corrupt data", "two\nlines\r\nor three")) == "two lines or three"
    assert errors.first_line(ValueError("\nfirst\nsecond")) == "first"
    assert errors.first_line(KeyError()) == "KeyError"
    assert errors.first_line(ValueError("a \ud800")) == "a \\ud800"
