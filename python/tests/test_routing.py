"""The router, in front of real services: answers as of one store, replicas, and what is gone is named."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import deformer
from conftest import ROOT
from deformer.routing import Router, shard_of, split_by_id
from deformer.shards import ShardEncoder, plan_shards, read_passages

MINI = ROOT / "models" / "squad-mini"
SAMPLE = ROOT / "examples" / "squad-sample.json"
SHARDS = 2


class Service:
    """A `deformer serve` on a free port of the loopback."""

    def __init__(self, store: str) -> None:
        command = [sys.executable, "-m", "deformer", "serve", "--listen", "127.0.0.1:0", "--log-level", "error"]
        self.process = subprocess.Popen(
            [*command, "--model", str(MINI), "--store", store, "--threads", "1"], stdout=subprocess.PIPE, text=True
        )
        self.address = json.loads(self.process.stdout.readline())["listening"]

    def wait_until_ready(self) -> None:
        for _ in range(600):
            with (
                contextlib.suppress(urllib.error.URLError),
                urllib.request.urlopen(self.address + "/readyz", timeout=10),
            ):
                return
            time.sleep(0.05)
        raise RuntimeError("the service is not ready after 30 s")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def model() -> deformer.Model:
    return deformer.Model.load(MINI)


@pytest.fixture(scope="module")
def stores(model: deformer.Model, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The sample's passages, cut by id, each part encoded into a store."""
    folder = tmp_path_factory.mktemp("routing")
    files = split_by_id([SAMPLE], folder / "cut", SHARDS)
    shards = plan_shards(files, f"lmdb:{folder}/stores/{{stem}}")
    counts = [ShardEncoder(model, codec="fp32").encode(shard).passages for shard in shards]
    assert sum(counts) == 21
    assert min(counts) > 0
    return [shard.store for shard in shards]


@contextlib.contextmanager
def running(*shards: list[str]) -> Iterator[list[list[Service]]]:
    """Services of these stores: for each shard as many as it names."""
    started = [[Service(store) for store in replicas] for replicas in shards]
    try:
        for service in (one for replicas in started for one in replicas):
            service.wait_until_ready()
        yield started
    finally:
        for service in (one for replicas in started for one in replicas):
            service.stop()


@pytest.fixture(scope="module")
def services(stores: list[str]) -> Iterator[list[list[Service]]]:
    """One a shard."""
    with running([stores[0]], [stores[1]]) as started:
        yield started


def addresses(services: list[list[Service]]) -> list[list[str]]:
    return [[service.address for service in replicas] for replicas in services]


def test_answers_are_those_of_one_store(model: deformer.Model, services: list[list[Service]]) -> None:
    store = deformer.open_store("memory:", model)
    passages = list(read_passages(str(SAMPLE)))
    deformer.PassageEncoder(model, store).encode(passages)
    ids = [passage.id for passage in passages]
    questions = [example.question for example in deformer.load_dataset(SAMPLE).examples[:12]]
    named = [ids[i : i + 10] for i in range(12)]
    options = deformer.AnswerOptions(top_k=10)
    requests = [
        deformer.QaRequest(question, [deformer.Passage(one) for one in some])
        for question, some in zip(questions, named)
    ]
    with Router(addresses(services)) as router:
        for question, some, whole in zip(questions, named, deformer.SpanQa(model, store).answer(requests, options)):
            routed = router.answer(question, some, top_k=10)
            assert routed.missing == {}
            places = [(one.passage_id, one.start, one.end, one.text) for one in routed.answers]
            assert places == [(one.passage_id, one.start, one.end, one.text) for one in whole.answers]
            for one, other in zip(routed.answers, whole.answers):
                assert one.score == pytest.approx(other.score, abs=1e-4)
                assert one.probability == pytest.approx(other.probability, abs=1e-5)


def test_what_a_service_refuses_is_raised(services: list[list[Service]]) -> None:
    with Router(addresses(services)) as router:
        with pytest.raises(deformer.NotFoundError, match="nowhere"):
            router.answer("Who?", ["nowhere"])
        with pytest.raises(deformer.InvalidArgumentError, match="top_k"):
            router.answer("Who?", ["nowhere"], top_k=5000)
        with pytest.raises(deformer.InvalidArgumentError, match="at least one"):
            router.answer("Who?", [])


def test_a_service_that_is_gone(stores: list[str], model: deformer.Model) -> None:
    ids = [deformer.open_store(store, model).list_ids()[0] for store in stores]
    with running([stores[0]] * 2, [stores[1]]) as services, Router(addresses(services)) as router:
        expected = router.answer("When was it built?", ids, top_k=3)
        services[0][0].stop()
        for _ in range(4):  # the other replica answers
            assert router.answer("When was it built?", ids, top_k=3).answers == expected.answers
        services[1][0].stop()  # the only one
        with pytest.raises(deformer.IoError, match=f"shard 1: expected an answer about {ids[1]}, found http"):
            router.answer("When was it built?", ids)
        rest = router.answer("When was it built?", ids, partial=True)
        assert set(rest.missing) == {ids[1]}
        assert {answer.passage_id for answer in rest.answers} == {ids[0]}


def test_the_place_of_an_id_never_changes() -> None:
    # By coreutils: `printf p1 | b2sum -l 64`, a number in base 16, modulo 1000.
    assert [shard_of(one, 1000) for one in ("p1", "Faust", "\u00fc")] == [585, 277, 335]
    counts = [0] * 8
    for number in range(8000):
        counts[shard_of(str(number), 8)] += 1
    assert min(counts) > 850


def test_a_cut_keeps_every_passage_once(tmp_path: Path) -> None:
    files = split_by_id([SAMPLE], tmp_path, 3)
    assert sorted(tmp_path.iterdir()) == files
    found = {passage.id: number for number, file in enumerate(files) for passage in read_passages(str(file))}
    assert set(found) == {passage.id for passage in read_passages(str(SAMPLE))}
    assert all(shard_of(passage, 3) == number for passage, number in found.items())


@pytest.mark.parametrize("shards", [[], [[]], [["host:80"]], [["ftp://host"]]])
def test_addresses_that_cannot_be_are_refused(shards: list[list[str]]) -> None:
    with pytest.raises(deformer.InvalidArgumentError):
        Router(shards)
