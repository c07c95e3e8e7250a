"""deformer.ray on a local cluster of two workers, where Ray is installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import deformer
from conftest import ROOT
from deformer.shards import ShardEncoder, plan_shards, read_passages
from test_shards import MODEL, assert_whole, template, write_inputs

ray = pytest.importorskip("ray")
pytest.importorskip("ray.data")

MINI = ROOT / "models" / "squad-mini"
SAMPLE = ROOT / "examples" / "sample.json"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    import deformer.ray as module

    tests = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    ray.init(
        num_cpus=2, include_dashboard=False, object_store_memory=100_000_000, log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": tests}},
    )  # fmt: skip
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield module
    ray.shutdown()


@pytest.fixture(scope="module")
def model() -> deformer.Model:
    return deformer.Model.load(MODEL)


def test_encodes_every_input_once_and_resumes(cluster: Any, model: deformer.Model, tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, files=4)
    summary = cluster.encode(inputs, MODEL, template(tmp_path), workers=2)
    shards = plan_shards(inputs, template(tmp_path))
    assert_whole(shards, model)
    assert (summary.passages, summary.reused, summary.failures) == (32, 0, [])
    assert summary.passages_per_second > 0
    more = [*inputs, *write_inputs(tmp_path / "more", files=1)]
    more[-1] = more[-1].rename(tmp_path / "part-9.jsonl")
    again = cluster.encode(more, MODEL, template(tmp_path), workers=2)
    assert (again.passages, again.reused) == (40, 4)
    shutil.rmtree(plan_shards(more, template(tmp_path))[0].folder)  # its record is left
    assert cluster.encode(more, MODEL, template(tmp_path), workers=2).reused == 4
    assert_whole(plan_shards(more, template(tmp_path)), model)


def test_relative_paths_are_the_callers(
    cluster: Any, model: deformer.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_inputs(tmp_path, files=2)
    monkeypatch.chdir(tmp_path)
    assert cluster.encode(["part-0.jsonl", "part-1.jsonl"], MODEL, "lmdb:stores/{stem}").passages == 16
    assert_whole(plan_shards(sorted(tmp_path.glob("*.jsonl")), template(tmp_path)), model)


def test_a_shard_that_fails_leaves_the_others(cluster: Any, model: deformer.Model, tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, files=3)
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{\n", encoding="utf-8")
    with pytest.raises(deformer.CorruptError, match="broken.jsonl:1"):
        cluster.encode([broken, *inputs], MODEL, template(tmp_path), workers=2)
    summary = cluster.encode([broken, *inputs], MODEL, template(tmp_path), workers=2, return_errors=True)
    assert [failure.input for failure in summary.failures] == [str(broken)]
    assert (len(summary.records), summary.reused) == (3, 3)
    assert_whole(plan_shards(inputs, template(tmp_path)), model)


def read_or_fail(path: str) -> Iterator[deformer.Passage]:
    yield from read_passages(path)
    if path.endswith("part-1.jsonl"):
        raise ZeroDivisionError("of the function")


def test_any_failure_of_a_shard_leaves_the_others(cluster: Any, model: deformer.Model, tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, files=3)
    inputs[0].write_bytes(b'{"text": "caf\xe9"}\n')
    damaged = plan_shards(inputs, template(tmp_path))[2]
    Path(damaged.record).parent.mkdir()
    Path(damaged.record).write_text("{", encoding="utf-8")
    options = {"workers": 2, "read": read_or_fail, "return_errors": True}
    more = write_inputs(tmp_path / "more", files=5)[4:]
    summary = cluster.encode([*inputs, *more], MODEL, template(tmp_path), **options)
    kinds = [type(failure.error) for failure in summary.failures]
    assert kinds == [deformer.CorruptError, deformer.InternalError, deformer.CorruptError]
    assert (len(summary.records), summary.reused) == (1, 0)


class ReadAndTell:
    """Reads an input slowly, and leaves the reading process's id where the test finds it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, path: str) -> Iterator[deformer.Passage]:
        (self.folder / f"{os.getpid()}").touch()
        for passage in read_passages(path):
            time.sleep(0.02)
            yield passage


def test_killed_workers_lose_and_double_nothing(cluster: Any, model: deformer.Model, tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, files=6, passages=20)
    workers = tmp_path / "workers"
    workers.mkdir()
    done = threading.Event()
    killed: set[int] = set()

    def kill() -> None:
        while not done.is_set() and len(killed) < 3:
            time.sleep(0.3)
            for process in {int(path.name) for path in workers.iterdir()} - killed:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
                killed.add(process)
                break

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        summary = cluster.encode(inputs, MODEL, template(tmp_path), workers=2, read=ReadAndTell(workers))
    finally:
        done.set()
        killer.join()
    assert killed
    assert summary.passages == 120
    assert_whole(plan_shards(inputs, template(tmp_path)), model)


def sample_rows() -> list[dict[str, Any]]:
    data = deformer.load_dataset(SAMPLE)
    return [
        {
            "id": example.id,
            "question": example.question,
            "context": data.passage_of(example),
            "answers": {
                "text": [text for text, _ in example.answers],
                "answer_start": [at for _, at in example.answers],
            },
        }
        for example in data.examples
    ]


def test_answers_and_scores_are_those_of_one_process(cluster: Any, tmp_path: Path) -> None:
    mini = deformer.Model.load(MINI)
    (shard,) = plan_shards([SAMPLE], template(tmp_path))
    ShardEncoder(mini, codec="fp32").encode(shard)
    rows = sample_rows()
    dataset = ray.data.from_items(rows, override_num_blocks=4)
    answered = {
        row["id"]: row for row in cluster.answer(dataset, MINI, shard.store, workers=2, batch_size=3).take_all()
    }
    requests = [deformer.QaRequest(row["question"], [deformer.Passage("p", row["context"])]) for row in rows]
    for row, result in zip(rows, deformer.SpanQa(mini).answer(requests)):
        found, best = answered[row["id"]], result.answers[0]
        assert (found["answer"], found["start"], found["end"]) == (best.text, best.start, best.end)
        assert found["score"] == pytest.approx(best.probability, abs=1e-4)
    assert len(deformer.open_store(shard.store, mini)) == 4  # it is read, not written

    score = cluster.evaluate(dataset, MINI, shard.store, workers=2)
    official = deformer.evaluate_squad(SAMPLE, {row["id"]: answered[row["id"]]["answer"] for row in rows}).overall
    assert score.total == official.total
    assert (score.exact, score.f1) == (pytest.approx(official.exact), pytest.approx(official.f1))


def test_rows_without_text_leave_the_others_their_answers(cluster: Any) -> None:
    rows = sample_rows()[:3]
    expected = cluster.answer(ray.data.from_items(rows[:1]), MINI).take_all()[0]["answer"]
    rows[1]["context"], rows[2]["question"] = None, None
    answered = {row["id"]: row for row in cluster.answer(ray.data.from_items(rows), MINI).take_all()}
    assert [answered[row["id"]]["answer"] for row in rows] == [expected, "", ""]
    assert answered[rows[1]["id"]]["context"] is None


def test_right_answers_may_be_one_text(cluster: Any) -> None:
    assert cluster._texts("March") == ["March"]
    assert cluster._texts({"text": ["March", "in March"]}) == ["March", "in March"]
    assert cluster._texts([]) == cluster._texts("") == [""]
    for absent in (None, float("nan"), {"text": None}):
        with pytest.raises(deformer.InvalidArgumentError, match="answers_column: expected a text or a list of texts"):
            cluster._texts(absent)


def test_wrong_columns_and_no_rows_are_named(cluster: Any) -> None:
    with pytest.raises(Exception, match="found no context"):
        cluster.answer(ray.data.from_items([{"question": "who ?"}]), MODEL).take_all()
    with pytest.raises(deformer.InvalidArgumentError, match="expected rows, found none"):
        cluster.evaluate(ray.data.from_items(sample_rows()).limit(0), MODEL)
