"""The adapters, with the real packages where they are installed."""

from __future__ import annotations

import asyncio
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import deformer
from conftest import GOLDEN, ROOT
from deformer._reading import TextReader
from deformer.datasets import AnswerColumns

MINI = ROOT / "models" / "squad-mini"
TEXTS = [
    "The mill stands on the hill above the town.",
    "The river rose in March and flooded the lower streets.",
    "Mia lives in Oslo with her brother.",
]
QUESTION = "When did the river rise?"
BEST = "March"


@pytest.fixture(scope="module")
def haystack() -> Any:
    return pytest.importorskip("haystack")


@pytest.fixture(scope="module")
def reader(haystack: Any) -> Any:
    from deformer.haystack import DeformerReader

    return DeformerReader(model=str(MINI), store="memory:", no_answer=False)


@pytest.fixture(scope="module")
def runnable() -> Any:
    pytest.importorskip("langchain_core")
    from deformer.langchain import DeformerRunnable

    return DeformerRunnable(MINI, store="memory:")


class TestHaystack:
    def test_finds_the_document_and_the_place(self, haystack: Any, reader: Any) -> None:
        documents = [haystack.Document(content=text, meta={"number": i}) for i, text in enumerate(TEXTS)]
        answers = reader.run(query=QUESTION, documents=documents, top_k=3)["answers"]
        assert len(answers) == 3
        assert [answer.score for answer in answers] == sorted((answer.score for answer in answers), reverse=True)
        best = answers[0]
        assert (best.query, best.data) == (QUESTION, BEST)
        assert best.document.meta["number"] == 1
        assert best.document.content[best.document_offset.start : best.document_offset.end] == BEST
        assert 0 < best.score <= 1

    def test_threshold_no_answer_and_nothing_to_read(self, haystack: Any, reader: Any) -> None:
        documents = [haystack.Document(content=text) for text in TEXTS]
        assert reader.run(query=QUESTION, documents=documents, score_threshold=1.1)["answers"] == []
        assert reader.run(query=QUESTION, documents=[])["answers"] == []
        assert reader.run(query=QUESTION, documents=[haystack.Document(content=None)])["answers"] == []
        with_none = reader.run(query=QUESTION, documents=documents, top_k=1000, no_answer=True)["answers"]
        assert [answer.document for answer in with_none if answer.data is None] == [None]

    def test_runs_in_a_pipeline_that_was_saved(self, haystack: Any, reader: Any) -> None:
        from deformer.haystack import DeformerReader

        copy = DeformerReader.from_dict(reader.to_dict())
        assert copy.to_dict() == reader.to_dict()
        pipeline = haystack.Pipeline()
        pipeline.add_component("reader", copy)
        documents = [haystack.Document(content=text) for text in TEXTS]
        result = pipeline.run({"reader": {"query": QUESTION, "documents": documents, "top_k": 1}})
        assert result["reader"]["answers"][0].data == BEST

    def test_a_pipeline_is_read_from_what_was_saved(self, haystack: Any, reader: Any) -> None:
        pipeline = haystack.Pipeline()
        pipeline.add_component("reader", type(reader).from_dict(reader.to_dict()))
        copy = haystack.Pipeline.loads(pipeline.dumps())
        assert copy.get_component("reader").to_dict() == reader.to_dict()

    def test_what_was_changed_is_saved(self, haystack: Any, reader: Any) -> None:
        changed = type(reader).from_dict(reader.to_dict())
        changed.top_k, changed.score_threshold, changed.no_answer, changed.max_answer_tokens = 3, 0.5, True, 7
        copy = type(reader).from_dict(changed.to_dict())
        assert (copy.top_k, copy.score_threshold, copy.no_answer, copy.max_answer_tokens) == (3, 0.5, True, 7)

    def test_a_password_is_not_saved(self, haystack: Any, reader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        from haystack.utils import Secret

        monkeypatch.setenv("DEFORMER_TEST_STORE", "redis://user:pass/word@127.0.0.1:1")
        pipeline = haystack.Pipeline()
        pipeline.add_component("reader", type(reader)(str(MINI), Secret.from_env_var("DEFORMER_TEST_STORE")))
        saved = pipeline.dumps()
        assert "DEFORMER_TEST_STORE" in saved
        assert "word" not in saved
        assert haystack.Pipeline.loads(saved).dumps() == saved
        with pytest.raises(deformer.InvalidArgumentError, match="store: expected a URI without a password") as caught:
            type(reader)(str(MINI), "redis://user:pass/word@127.0.0.1:1").to_dict()
        assert "word@" not in str(caught.value)

    @pytest.mark.parametrize(
        ("uri", "is_saved"),
        [
            ("redis://host:7000/2/wiki?retries=1", True),
            ("redis://host?prefix=team@wiki", True),
            ("redis://[::1]:7000/2?retries=1&prefix=team@wiki", True),
            ("lmdb:/data/team@wiki", True),
            ("redis://:word@host?prefix=wiki", False),
            ("redis://user:wo/rd@host/2?prefix=team@wiki", False),
            ("redis://user:wo?rd@host", False),
            ("redis://user:wo?prefix=rd@host", False),
            ("redis://user:12?34@host", False),
        ],
    )
    def test_an_at_in_a_prefix_is_no_password(self, haystack: Any, reader: Any, uri: str, is_saved: bool) -> None:
        other = type(reader)(str(MINI), uri)
        if is_saved:
            assert other.to_dict()["init_parameters"]["store"] == uri
            return
        with pytest.raises(deformer.InvalidArgumentError, match="store: expected a URI without a password"):
            other.to_dict()

    def test_a_secret_store_is_opened(self, haystack: Any, reader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        from haystack.utils import Secret

        monkeypatch.setenv("DEFORMER_TEST_STORE", "memory:")
        other = type(reader)(str(MINI), Secret.from_env_var("DEFORMER_TEST_STORE"), no_answer=False)
        documents = [haystack.Document(content=text) for text in TEXTS]
        assert other.run(query=QUESTION, documents=documents, top_k=1)["answers"][0].data == BEST


class TestLangchain:
    def test_answers_from_texts_and_documents(self, runnable: Any) -> None:
        from langchain_core.documents import Document

        result = runnable.invoke({"question": QUESTION, "context": TEXTS})
        assert (result["answer"], result["source"]) == (BEST, TEXTS[1])
        assert TEXTS[1][result["start"] : result["end"]] == BEST
        documents = [Document(page_content=text, metadata={"number": i}) for i, text in enumerate(TEXTS)]
        assert runnable.invoke({"question": QUESTION, "context": documents})["source"] is documents[1]
        assert runnable.invoke({"question": QUESTION, "context": TEXTS[1]})["answer"] == BEST

    def test_batch_is_the_single_calls(self, runnable: Any) -> None:
        inputs = [{"question": QUESTION, "context": TEXTS}, {"question": "Where does Mia live?", "context": TEXTS[2]}]
        together = runnable.batch(inputs)
        assert [result["answer"] for result in together] == [BEST, "Oslo"]
        for result, each in zip(together, inputs):
            alone = runnable.invoke(each)
            assert {**result, "score": 0} == {**alone, "score": 0}
            assert result["score"] == pytest.approx(alone["score"], abs=1e-5)
        assert runnable.batch([]) == []

    def test_leaves_out_what_is_empty(self, runnable: Any) -> None:
        from langchain_core.documents import Document

        documents = [Document(""), Document(TEXTS[1]), Document(" ")]
        assert runnable.invoke({"question": QUESTION, "context": documents})["answer"] == BEST
        assert runnable.invoke({"question": QUESTION, "context": []})["answer"] == ""

    def test_composes(self, runnable: Any) -> None:
        from langchain_core.runnables import RunnableLambda

        chain = RunnableLambda(lambda question: {"question": question, "context": TEXTS}) | runnable
        assert chain.invoke(QUESTION)["answer"] == BEST

    def test_a_batch_is_one_call_whatever_is_in_it(self, runnable: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[int] = []
        outcomes = runnable._reader.outcomes

        def counted(questions: Any, options: Any) -> Any:
            asked.append(len(questions))
            return outcomes(questions, options)

        monkeypatch.setattr(runnable._reader, "outcomes", counted)
        good = {"question": QUESTION, "context": TEXTS}
        results = runnable.batch([good, {"question": 7, "context": TEXTS}, good], return_exceptions=True)
        assert asked == [2]
        assert [result if isinstance(result, dict) else type(result) for result in results] == [
            results[0],
            ValueError,
            results[0],
        ]
        together = asyncio.run(runnable.abatch([good] * 3))
        assert asked == [2, 3]
        assert [result["answer"] for result in together] == [BEST] * 3

    def test_can_be_pickled(self, runnable: Any, split_model: deformer.Model) -> None:
        copy = pickle.loads(pickle.dumps(type(runnable)(MINI, max_answer_tokens=5)))
        assert copy.invoke({"question": QUESTION, "context": TEXTS})["answer"] == BEST
        with pytest.raises(TypeError, match="expected a reader of names"):
            pickle.dumps(type(runnable)(split_model))

    def test_bad_input_is_one_clear_error(self, runnable: Any) -> None:
        with pytest.raises(ValueError, match="question"):
            runnable.invoke({"context": TEXTS})
        with pytest.raises(ValueError, match="context"):
            runnable.invoke({"question": QUESTION, "context": None})
        good = {"question": QUESTION, "context": TEXTS}
        failed, answered = runnable.batch([{"question": QUESTION}, good], return_exceptions=True)
        assert isinstance(failed, ValueError)
        assert answered["answer"] == BEST


class TestDatasets:
    def test_adds_columns_to_a_batch(self) -> None:
        function = AnswerColumns(MINI, store="memory:", prefix="best_")
        columns = function({"question": [QUESTION, QUESTION], "context": [TEXTS[1], " "]})
        assert columns["best_answer"] == [BEST, ""]
        assert TEXTS[1][columns["best_start"][0] : columns["best_end"][0]] == BEST
        assert columns["best_score"][1] == 0.0

    @pytest.mark.parametrize("options", [{}, {"store": "memory:"}, {"store": "memory:", "fill": False}], ids=str)
    def test_rows_without_text_leave_the_others_their_answers(self, options: dict[str, Any]) -> None:
        questions = [QUESTION, QUESTION, QUESTION, "", " \u00ad", None]
        contexts = [TEXTS[1], "", None, TEXTS[1], TEXTS[1], TEXTS[1]]
        columns = AnswerColumns(MINI, **options)({"question": questions, "context": contexts})
        assert columns["answer"] == [BEST, "", "", "", "", ""]
        assert columns["score"][0] > 0
        assert columns["score"][1:] == [0.0] * 5
        assert columns["start"][1:] == columns["end"][1:] == [0] * 5

    def test_questions_without_a_token_leave_the_others_their_answers(self) -> None:
        questions = [QUESTION, "\ufffd", "\u0301", "\ue000", "\ufe0f", " ", QUESTION]
        columns = AnswerColumns(MINI)({"question": questions, "context": [TEXTS[1]] * 7})
        assert columns["answer"] == [BEST, "", "", "", "", "", BEST]

    def test_half_a_surrogate_pair_is_a_question_mark(self) -> None:
        batch = {"question": [QUESTION, "\ud83d" + QUESTION], "context": ["\udc00 " + TEXTS[1], TEXTS[1]]}
        columns = AnswerColumns(MINI)(batch)
        assert columns["answer"] == [BEST, BEST]
        assert columns["start"][0] == columns["start"][1] + 2

    def test_a_mistyped_store_is_named_and_not_made(self, tmp_path: Path) -> None:
        function = AnswerColumns(MINI, f"lmdb:{tmp_path}/typo", fill=False)
        with pytest.raises(deformer.NotFoundError, match="typo"):
            function({"question": [QUESTION], "context": [TEXTS[1]]})
        assert list(tmp_path.iterdir()) == []

    def test_a_process_that_was_forked_after_computing_answers(self) -> None:
        code = f"""
import os, signal, torch
from deformer.datasets import AnswerColumns
torch.set_num_threads(2)
batch = {{"question": ["who ?"], "context": ["the king is in the city " * 400]}}
columns = AnswerColumns({str(GOLDEN / "models" / "bert-split")!r})
columns(batch)
if os.fork() == 0:
    signal.alarm(30)
    columns(batch)
    os._exit(0)
os._exit(os.wait()[1] != 0)
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr

    def test_is_copied_by_name(self) -> None:
        function = AnswerColumns(MINI)
        batch = {"question": [QUESTION], "context": [TEXTS[1]]}
        expected = function(batch)
        assert pickle.loads(pickle.dumps(function))(batch) == expected

    def test_a_changed_model_is_another_function(self, tmp_path: Path) -> None:
        """By whose pickled form map() knows what it has computed already."""
        model = Path(shutil.copytree(GOLDEN / "models" / "bert-split", tmp_path / "model"))
        function = AnswerColumns(model)
        first = pickle.dumps(function)
        assert pickle.dumps(function) == first
        os.utime(model / "model.safetensors", ns=(0, 0))
        second = pickle.dumps(function)
        assert second != first
        function({"question": ["who ?"], "context": ["the king"]})
        os.utime(model / "model.safetensors", ns=(1, 1))
        assert pickle.dumps(function) == second  # it answers with the model that it has loaded

    def test_what_is_no_text_is_named(self) -> None:
        function = AnswerColumns(GOLDEN / "models" / "bert-split")
        for question, context in ((7, "the king"), ("who ?", 7), ("who ?", 0)):
            with pytest.raises(deformer.InvalidArgumentError, match="^expected a text, found int$"):
                function({"question": ["who ?", question], "context": ["the king", context]})

    def test_wrong_columns_are_named(self) -> None:
        function = AnswerColumns(GOLDEN / "models" / "bert-split")
        with pytest.raises(KeyError, match="found no context"):
            function({"question": ["who ?"]})
        with pytest.raises(TypeError, match="batched=True"):
            function({"question": "who ?", "context": "the king"})

    def test_maps_a_real_dataset(self, tmp_path: Path) -> None:
        datasets = pytest.importorskip("datasets")
        rows = datasets.Dataset.from_dict({"question": [QUESTION] * 5, "context": [TEXTS[1]] * 5})
        answered = rows.map(AnswerColumns(MINI), batched=True, batch_size=2)
        assert answered["answer"][:] == [BEST] * 5


def test_a_reader_of_a_loaded_model_or_an_open_store_is_not_copied(
    split_model: deformer.Model, store: deformer.PassageStore
) -> None:
    for given in ((split_model, None), (GOLDEN / "models" / "bert-split", store)):
        with pytest.raises(TypeError, match="expected a reader of names to copy or pickle"):
            pickle.dumps(TextReader(*given))


class Refusing:
    """An encoder into a store that does not take a certain text, as Redis takes no record above 512 MB."""

    def __init__(self, encoder: deformer.PassageEncoder, refused: str, error: Exception) -> None:
        self._encoder, self._refused, self._error = encoder, refused, error

    def encode(self, passages: list[deformer.Passage], **options: Any) -> deformer.EncodeReport:
        if any(passage.text == self._refused for passage in passages):
            raise self._error
        return self._encoder.encode(passages, **options)


def test_a_text_that_the_store_refuses_leaves_the_others_alone() -> None:
    model = deformer.Model.load(MINI)
    store = deformer.open_store("memory:", model)
    reader = TextReader(model, store)
    qa, encoder = reader.load()
    questions = [(QUESTION, TEXTS[:2]), ("Where does Mia live?", TEXTS[2:])]
    too_large = deformer.InvalidArgumentError("passage: expected a record of at most 1 byte, found 2")
    reader._loaded = (qa, Refusing(encoder, TEXTS[2], too_large))
    outcomes = reader.outcomes(questions, deformer.AnswerOptions())
    assert [found[0].answer.text for found in outcomes] == [BEST, "Oslo"]
    assert sorted(store.list_ids()) == sorted(map(deformer.content_id, TEXTS[:2]))
    # What is wrong with the store itself concerns all.
    reader._loaded = (qa, Refusing(encoder, TEXTS[2], deformer.IoError("gone")))
    with pytest.raises(deformer.IoError, match="gone"):
        reader.outcomes(questions, deformer.AnswerOptions())


@pytest.mark.parametrize(
    ("module", "package", "hint"),
    [
        ("deformer.haystack", "haystack", "pip install haystack-ai"),
        ("deformer.langchain", "langchain_core", "pip install langchain-core"),
        ("deformer.ray", "ray", "pip install 'ray[data]'"),
    ],
)
def test_a_missing_package_is_named(module: str, package: str, hint: str) -> None:
    code = f"import sys; sys.modules['{package}'] = None; import {module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1].endswith(hint)


def test_the_mini_reader_is_a_package_of_its_own() -> None:
    pytest.importorskip("deformer_squad_mini")
    model = deformer.Model.load(deformer.bundled_model())
    assert model.config.split_layer == 3


def test_a_missing_mini_reader_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(deformer.NotFoundError, match="expected the package deformer-squad-mini .*, found none"):
        deformer.bundled_model()
