"""The library's own interface."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import deformer
from conftest import GOLDEN, ROOT, read_tensors

MINI = ROOT / "models" / "squad-mini"
TEXT = "the king was in the city and the first river is the king of many"


def passages(count: int, text: str = TEXT) -> list[deformer.Passage]:
    return [deformer.Passage(f"p{i}", text) for i in range(count)]


def test_configuration(split_model: deformer.Model, joint_model: deformer.Model) -> None:
    assert (split_model.config.split_layer, split_model.config.layout) == (2, "restart")
    assert (joint_model.config.task, joint_model.config.architecture) == ("span", "bert")
    assert split_model.can_store_passages
    assert not joint_model.can_store_passages
    assert len(split_model.fingerprint) == 32
    assert split_model.with_split_layer(2).fingerprint == split_model.fingerprint


def test_answers_from_a_store_and_on_the_fly_are_the_same(
    split_model: deformer.Model, store: deformer.PassageStore
) -> None:
    report = deformer.PassageEncoder(split_model, store).encode(passages(3))
    assert (report.encoded, report.reused) == (3, 0)
    assert deformer.PassageEncoder(split_model, store).encode(passages(3)).reused == 3
    options = deformer.AnswerOptions(top_k=2)
    stored = deformer.SpanQa(split_model, store).answer(
        [deformer.QaRequest("who is the king ?", [deformer.Passage("p1")], id="q")], options
    )
    direct = deformer.SpanQa(split_model).answer(
        [deformer.QaRequest("who is the king ?", [deformer.Passage("other", TEXT)])], options
    )
    assert stored[0].id == "q"
    assert len(stored[0].answers) == 2
    for one, other in zip(stored[0].answers, direct[0].answers):
        assert (one.text, one.start, one.end) == (other.text, other.start, other.end)
        assert one.score == pytest.approx(other.score, abs=1e-4)
        assert TEXT[one.start : one.end] == one.text
        assert one.passage_id == "p1"


def test_offsets_are_characters(split_model: deformer.Model) -> None:
    text = "\u00dcber \u6771\u4eac \U0001f600 the king"
    request = deformer.QaRequest("who ?", [deformer.Passage("p", text)])
    for answer in deformer.SpanQa(split_model).answer([request], deformer.AnswerOptions(top_k=5))[0].answers:
        assert text[answer.start : answer.end] == answer.text
        begin, end = answer.bytes
        assert text.encode()[begin:end].decode() == answer.text


def test_a_request_fails_alone_when_errors_are_returned(split_model: deformer.Model) -> None:
    requests = [
        deformer.QaRequest("who ?", [deformer.Passage("nowhere")]),
        deformer.QaRequest("who ?", [deformer.Passage("p", TEXT)]),
    ]
    qa = deformer.SpanQa(split_model)
    failed, answered = qa.answer(requests, return_errors=True)
    assert isinstance(failed, deformer.NotFoundError)
    assert answered.answers
    with pytest.raises(deformer.NotFoundError, match="nowhere"):
        qa.answer(requests)
    with pytest.raises(deformer.TimedOutError):
        qa.answer(requests[1:], timeout_s=0.0)
    for endless in (float("inf"), 1e300):
        assert qa.answer(requests[1:], timeout_s=endless)[0].answers
    with pytest.raises(deformer.InvalidArgumentError, match="timeout_s: expected a number, found nan"):
        qa.answer(requests[1:], timeout_s=float("nan"))


def test_store(split_model: deformer.Model, tmp_path: Path) -> None:
    store = deformer.open_store(f"lmdb:{tmp_path / 'store'}", split_model)
    encoded = deformer.encode_passages(split_model, passages(3))
    store.put(encoded)
    assert len(store) == 3
    assert "p1" in store
    assert "p7" not in store
    assert sorted(store.list_ids()) == ["p0", "p1", "p2"]
    assert store.erase(["p0", "p7"]) == 1
    assert store.get(["p0", "p2"])[0] is None
    store.check()
    assert store.info().engine == "lmdb"
    assert store.info().fingerprint == split_model.fingerprint


def test_ids_of_a_store_need_not_be_utf8(split_model: deformer.Model, tmp_path: Path) -> None:
    uri = f"lmdb:{tmp_path / 'store'}"
    deformer.open_store(uri, split_model).put(
        deformer.encode_passages(split_model, [deformer.Passage("\u00e9-1", TEXT)])
    )
    # As a program in C++ may write it. The record's checksum is that of the other id.
    data = tmp_path / "store" / "data.mdb"
    data.write_bytes(data.read_bytes().replace("\u00e9-1".encode(), b"\xe9\xff-1"))
    store = deformer.open_existing_store(uri)
    ids = store.list_ids()
    assert ids == ["\udce9\udcff-1"]
    assert ids[0] in store
    assert store.list_ids(after=ids[0]) == []
    with pytest.raises(deformer.CorruptError):
        store.get(ids)
    assert store.erase(ids) == 1
    with pytest.raises(deformer.InvalidArgumentError, match="^ids: expected text"):
        store.get(["\ud83d"])


def test_ids_and_texts_that_are_no_utf8_are_read(split_model: deformer.Model, tmp_path: Path) -> None:
    # A byte of Latin-1 and the beginning of another character, inside a word that all the same is one token.
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / os.fsdecode(b"b\xe9\xff.txt")).write_bytes(b"ki\xe9\xe2\x82ng")
    uri = f"lmdb:{tmp_path / 'store'}"
    command = [sys.executable, "-m", "deformer", "encode", "--model", str(GOLDEN / "models" / "bert-split")]
    command += ["--split-layer", "2", "--store", uri, "--text-dir", str(texts)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    store = deformer.open_existing_store(uri)
    (identity,) = store.list_ids()
    assert identity == "b\udce9\udcff.txt"
    (encoded,) = store.get([identity])
    assert (encoded.id, encoded.text) == (identity, "ki\ufffd\ufffd\ufffdng")
    passage = deformer.Passage(identity)
    other = deformer.Passage("p")
    other.id = identity
    assert passage.id == other.id == identity
    assert repr(passage) == "<deformer.Passage b\ufffd\ufffd.txt, 0 bytes>"
    (result,) = deformer.SpanQa(split_model, store).answer([deformer.QaRequest("who is the king ?", [passage])])
    (answer,) = result.answers
    assert (answer.passage_id, answer.text) == (identity, encoded.text)
    assert (answer.start, answer.end) == (0, len(answer.text))
    assert "ki\ufffd\ufffd\ufffdng" in repr(answer)


@pytest.mark.parametrize(("codec", "dtype"), [("fp32", torch.float32), ("fp16", torch.float16), ("int8", torch.int8)])
def test_hidden_states_are_tensors_on_the_stores_memory(
    split_model: deformer.Model, codec: str, dtype: torch.dtype
) -> None:
    (exact,) = deformer.encode_passages(split_model, passages(1))
    (encoded,) = deformer.encode_passages(split_model, passages(1), codec=codec)
    hidden = encoded.hidden
    rows = sum(tokens + 1 for _, tokens in encoded.windows)  # and a [SEP] each
    assert hidden.shape == (rows, split_model.config.hidden_size)
    assert hidden.dtype == dtype
    assert hidden.data_ptr() == encoded.hidden.data_ptr()
    values = hidden.float()
    if codec == "int8":
        assert encoded.scales.shape == (rows,)
        values = values * encoded.scales[:, None]
    else:
        assert encoded.scales is None
    torch.testing.assert_close(values, exact.hidden, atol=0.05, rtol=0.01)


def test_a_tensor_keeps_its_memory_alive(split_model: deformer.Model, tmp_path: Path) -> None:
    store = deformer.open_store(f"lmdb:{tmp_path / 'store'}", split_model)
    deformer.PassageEncoder(split_model, store).encode(passages(1))
    hidden = store.get(["p0"])[0].hidden
    expected = deformer.encode_passages(split_model, passages(1))[0].hidden
    del store
    torch.testing.assert_close(hidden, expected)


def test_trace_has_the_logits_of_the_golden_model(joint_model: deformer.Model) -> None:
    trace = deformer.trace(joint_model, "who is the king ?", TEXT)
    rows = len(trace.question_ids) + len(trace.passage_ids)
    tensors = trace.tensors
    assert tensors["logits.start"].shape == (rows,)
    assert tensors["upper.3"].shape == (rows, joint_model.config.hidden_size)
    assert tensors["upper.3"].data_ptr() == trace.tensors["upper.3"].data_ptr()
    weights = read_tensors(GOLDEN / "models" / "bert-joint" / "model.safetensors")
    logits = tensors["upper.3"] @ weights["qa_outputs.weight"].T + weights["qa_outputs.bias"]
    torch.testing.assert_close(logits[:, 0], tensors["logits.start"], atol=1e-5, rtol=1e-5)


def test_progress_counts_to_the_end(split_model: deformer.Model, store: deformer.PassageStore) -> None:
    seen: list[tuple[int, int]] = []

    def encode(count: int) -> None:
        seen.clear()
        deformer.PassageEncoder(split_model, store).encode(
            passages(count), batch_tokens=64, progress=lambda done, total: seen.append((done, total))
        )

    encode(20)
    assert len(seen) > 3
    assert (seen[0], seen[-1]) == ((0, 20), (20, 20))
    assert seen == sorted(seen)
    encode(20)  # all are there
    assert seen == [(20, 20)]
    encode(0)  # a callback may divide by the total
    assert seen == []


def test_what_a_callback_raises_ends_the_call(split_model: deformer.Model, store: deformer.PassageStore) -> None:
    def stop(done: int, total: int) -> None:
        if done > 0:  # the first call tells what was there before
            raise RuntimeError(f"enough at {done}")

    with pytest.raises(RuntimeError, match="enough at"):
        deformer.PassageEncoder(split_model, store).encode(passages(20), batch_tokens=64, progress=stop)
    assert 0 < len(store) < 20


def test_ctrl_c_stops_at_the_next_batch(split_model: deformer.Model, store: deformer.PassageStore) -> None:
    def press(done: int, total: int) -> None:
        if done >= 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        deformer.PassageEncoder(split_model, store).encode(passages(40), batch_tokens=64, progress=press)
    assert 5 <= len(store) < 40
    requests = [deformer.QaRequest("who ?", [deformer.Passage("p", TEXT)]) for _ in range(40)]
    with pytest.raises(KeyboardInterrupt):
        deformer.SpanQa(split_model).answer(requests, batch_tokens=64, progress=press)


def test_other_threads_run_while_the_library_computes(split_model: deformer.Model) -> None:
    requests = [deformer.QaRequest("who ?", [deformer.Passage(f"{i}", TEXT * 20)]) for i in range(200)]
    finished = threading.Event()
    ticks = 0

    def count() -> None:
        nonlocal ticks
        while not finished.is_set():
            ticks += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    # One batch: no callback gives the lock away in between.
    deformer.SpanQa(split_model).answer(requests, batch_tokens=10_000_000)
    finished.set()
    thread.join()
    assert ticks >= 3


def test_other_threads_run_while_a_reader_is_made(tmp_path: Path) -> None:
    uri = f"lmdb:{tmp_path / 'store'}"
    deformer.open_store(uri, deformer.Model.load(MINI))
    store = deformer.open_existing_store(uri)
    # The system may not wake a thread in so short a time.
    assert any(runs_meanwhile(deformer.Model.load(MINI), store) for _ in range(20))


def runs_meanwhile(model: deformer.Model, store: deformer.PassageStore) -> bool:
    """Whether another thread, which waits for the interpreter's lock, gets it while the model is hashed."""
    stage = ["before"]
    seen: list[str] = []
    reading, writing = os.pipe()

    def look() -> None:
        os.read(reading, 1)
        seen.append(stage[0])

    thread = threading.Thread(target=look)
    thread.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(100)  # nobody has to give the lock away
    try:
        os.write(writing, b"x")
        waiting = time.perf_counter() + 0.02
        while time.perf_counter() < waiting:
            pass
        stage[0] = "meanwhile"
        deformer.SpanQa(model, store)
        stage[0] = "after"
    finally:
        sys.setswitchinterval(interval)
    thread.join()
    os.close(reading)
    os.close(writing)
    return seen == ["meanwhile"]


def test_calls_from_several_threads_agree(split_model: deformer.Model) -> None:
    qa = deformer.SpanQa(split_model)
    request = deformer.QaRequest("who ?", [deformer.Passage("p", TEXT)])
    expected = qa.answer([request])[0].answers[0].text
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(qa.answer([request])[0].answers[0].text)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


@pytest.mark.parametrize(
    "call",
    [
        "len(store)",  # so short that the threads ask for the interpreter's lock all the time
        "qa.answer(requests)",
        "qa.answer(requests, batch_tokens=64, progress=lambda done, total: None)",
        "qa.answer(requests, batch_tokens=64, progress=lambda done, total: time.sleep(0.001))",
    ],
)
def test_a_program_ends_while_daemon_threads_are_in_the_library(call: str) -> None:
    code = f"""
import threading, time
import deformer
model = deformer.Model.load({str(GOLDEN / "models" / "bert-split")!r}, split_layer=2, threads=1)
store = deformer.open_store("memory:", model)
qa = deformer.SpanQa(model)
requests = [deformer.QaRequest("who ?", [deformer.Passage(str(i), {TEXT!r})]) for i in range(16)]
def run():
    while True:
        {call}
        calls.append(1)
calls = []
for _ in range(2):
    threading.Thread(target=run, daemon=True).start()
while not calls:
    time.sleep(0.01)
print("the end")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "the end\n"), done.stderr


def test_progress_bar() -> None:
    pytest.importorskip("tqdm")
    with deformer.progress_bar("passages") as progress:
        progress(1, 4)
        progress(4, 4)


def test_dataset_and_metrics() -> None:
    path = ROOT / "examples" / "sample.json"
    dataset = deformer.load_dataset(path)
    assert (dataset.kind, len(dataset)) == ("span", 13)
    example = dataset.examples[0]
    text, start = example.answers[0]
    assert dataset.passage_of(example)[start : start + len(text)] == text
    predictions = {each.id: each.answers[0][0] for each in dataset.examples if each.answers}
    evaluation = deformer.evaluate_squad(path, predictions)
    assert evaluation.missing == len(dataset) - len(predictions)
    assert evaluation.overall.total == 13
    assert deformer.exact_match("The King!", "king") == 1.0
    assert deformer.token_f1("the old king", "king") == pytest.approx(2 / 3)
    assert deformer.score_classes([1, 0, 1], [1, 1, 1], 1).accuracy == pytest.approx(200 / 3)
    assert len(deformer.join_datasets([dataset, dataset]).examples) == 26


def test_a_file_has_to_have_what_it_is_read_for(tmp_path: Path) -> None:
    path = tmp_path / "data.json"

    def write(paragraph: dict[str, Any]) -> None:
        path.write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}), encoding="utf-8")

    write({"context": "the king", "qas": [{"id": "q", "question": "who?", "answers": [{"text": "king"}]}]})
    with pytest.raises(deformer.CorruptError, match="answer_start"):
        deformer.load_dataset(path)
    (example,) = deformer.load_dataset(path, use="questions").examples
    assert [text for text, _ in example.answers] == ["king"]
    write({"context": "the king"})
    with pytest.raises(deformer.CorruptError, match="qas"):
        deformer.load_dataset(path, use="questions")
    dataset = deformer.load_dataset(path, use="passages")
    assert (dataset.passages, len(dataset)) == (["the king"], 0)
    for name, use in (("squad", "scores"), ("boolq", "passages")):
        with pytest.raises(deformer.InvalidArgumentError, match="use: expected training"):
            deformer.load_dataset(path, name, use)


def test_an_example_of_another_data_set_is_refused(tmp_path: Path) -> None:
    def data(passages: int) -> deformer.Dataset:
        paragraphs = [{"context": f"c{i}", "qas": [{"id": f"q{i}", "question": "?"}]} for i in range(passages)]
        path = tmp_path / f"{passages}.json"
        path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")
        return deformer.load_dataset(path)

    with pytest.raises(deformer.InvalidArgumentError, match="expected an example of this data set"):
        data(1).passage_of(data(9).examples[8])


CLASS_CASES = [
    case
    for case in json.loads((GOLDEN / "tasks" / "cases.json").read_text(encoding="utf-8"))["cases"]
    if case["architecture"] == "bert" and "id2label" not in case["config"]
]


@pytest.mark.parametrize("case", CLASS_CASES, ids=lambda case: case["name"])
def test_classes_and_choices_are_those_of_other_programs(case: dict[str, Any], tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "models" / "bert-split" / "vocab.txt", tmp_path)
    shutil.copy(GOLDEN / "tasks" / f"{case['model']}.safetensors", tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(case["config"]), encoding="utf-8")
    model = deformer.Model.load(tmp_path, task=case["task"])
    passage = deformer.Passage("", case["passage"])
    if model.config.task == "choice":
        requests = [deformer.ChoiceRequest(case["questions"], passage, id="a")]
        (result,) = deformer.MultipleChoice(model).choose(requests)
        best = result.choice
    else:
        classifier = deformer.PairClassifier(model)
        assert classifier.labels == model.config.labels
        (result,) = classifier.classify([deformer.PairRequest(case["questions"][0], passage, id="a")])
        best = result.label
    assert result.id == "a"
    assert result.logits == pytest.approx(case["logits"], abs=1e-5)
    assert best == result.logits.index(max(result.logits))
    assert sum(result.probabilities) == pytest.approx(1)
