"""The router, in front of real services: answers as of one store, replicas, and what is gone is named."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

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


def test_more_passages_than_a_request_may_have(model: deformer.Model, tmp_path: Path) -> None:
    uri = f"lmdb:{tmp_path / 'store'}"
    store = deformer.open_store(uri, model)
    ids = [f"p{i}" for i in range(230)]
    passages = [deformer.Passage(one, f"House {one[1:]} was built in {1500 + i}.") for i, one in enumerate(ids)]
    deformer.PassageEncoder(model, store).encode(passages)
    question = "When was house 17 built?"
    request = deformer.QaRequest(question, [deformer.Passage(one) for one in ids])
    (whole,) = deformer.SpanQa(model, store).answer([request], deformer.AnswerOptions(top_k=20))
    with running([uri]) as services, Router(addresses(services)) as router:
        routed = router.answer(question, ids, top_k=20)
    assert routed.missing == {}
    assert len({int(one.passage_id[1:]) // 100 for one in routed.answers}) > 1
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


def test_what_is_wrong_with_an_input_is_said_of_the_input(tmp_path: Path) -> None:
    folder = tmp_path / "folder.jsonl"
    folder.mkdir()

    def read(path: str) -> Iterator[deformer.Passage]:
        raise FileNotFoundError(2, "No such file or directory", "beside it")
        yield  # a generator, as a reader is

    cut = tmp_path / "cut"
    with pytest.raises(deformer.IoError, match=f"^{folder}: .*directory"):
        split_by_id([SAMPLE, folder], cut, 2)
    with pytest.raises(deformer.NotFoundError, match=f"^{SAMPLE}: .*'beside it'"):
        split_by_id([SAMPLE], cut, 2, read)
    with pytest.raises(deformer.InvalidArgumentError, match="passage_id: expected text"):  # JSON cannot hold it
        split_by_id([SAMPLE], cut, 2, lambda path: [deformer.Passage("b\udce9", "the king")])
    assert list(cut.iterdir()) == []


def test_a_cut_into_more_files_than_may_be_open(tmp_path: Path) -> None:
    code = f"""
import resource
import deformer
from deformer.routing import split_by_id
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
try:
    split_by_id([{str(SAMPLE)!r}], {str(tmp_path)!r}, 200)
except deformer.IoError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.startswith(f"{tmp_path}: "), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "shards", [[], [[]], [["host:80"]], [["ftp://host"]], [["http://h:port"]], [["http://h:99999"]], [["http://[::1"]]]
)
def test_addresses_that_cannot_be_are_refused(shards: list[list[str]]) -> None:
    with pytest.raises(deformer.InvalidArgumentError):
        Router(shards)


ANSWER = {"text": "x", "passage_id": "p1", "start": 0, "end": 1, "score": 1.0, "probability": 0.5}


class Gate:
    """Holds up whoever comes until it is opened."""

    def __init__(self) -> None:
        self.came = threading.Semaphore(0)
        self.opened = threading.Event()

    def wait(self) -> None:
        self.came.release()
        self.opened.wait(60)


class Said(http.server.BaseHTTPRequestHandler):
    """Says what its server's function gives, once its gate is open."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.gate is not None:
            self.server.gate.wait()
        status, data = self.server.said(json.loads(body))
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def saying(status: int, data: bytes, gate: Gate | None = None) -> contextlib.AbstractContextManager[str]:
    """The address of a service that says this to every question."""
    return saying_of(lambda request: (status, data), gate)


@contextlib.contextmanager
def saying_of(said: Callable[[Any], tuple[int, bytes]], gate: Gate | None = None) -> Iterator[str]:
    """The address of a service that says to a request what the function gives for it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Said)
    server.said = said
    server.gate = gate
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def answers(*found: dict[str, object]) -> bytes:
    return json.dumps({"answers": found}).encode()


DAMAGED = {
    "latin": (502, b"<html>caf\xe9</html>"),
    "gzip": (200, b"\x1f\x8b\x08"),
    "deep": (200, b"[" * 100_000),
    "no code": (503, b'{"error": {"message": "x"}}'),
    "a list for a code": (503, b'{"error": {"message": "x", "code": []}}'),
    "a list": (200, b"[]"),
    "no answers": (200, b'{"answers": null}'),
    "no place": (200, answers({"text": "x"})),
    "a text for a place": (200, answers({**ANSWER, "start": "0"})),
    "a place that is none": (200, answers({**ANSWER, "start": 2})),
    "no number": (200, answers({**ANSWER, "score": float("nan")})),
    "too large": (200, answers({**ANSWER, "score": 10**400})),
    "probability 0": (200, answers({**ANSWER, "probability": 0.0})),
    "another passage": (200, answers({**ANSWER, "passage_id": "p2"})),
}


def test_what_a_shard_said_before_it_failed_counts() -> None:
    requests: list[int] = []

    def said(request: Any) -> tuple[int, bytes]:
        asked = [passage["id"] for passage in request["passages"]]
        requests.append(len(asked))
        if "p150" in asked:
            return 503, b'{"error": {"code": "overloaded", "message": "full"}}'
        return 200, answers({**ANSWER, "passage_id": asked[0]})

    ids = [f"p{i}" for i in range(230)]
    with saying_of(said) as address, Router([[address]]) as router:
        result = router.answer("Who?", ids, partial=True)
        assert requests == [100, 100]
        with pytest.raises(deformer.OverloadedError, match="about p100, p101, .* and 95 more, found"):
            router.answer("Who?", ids)
    assert [answer.passage_id for answer in result.answers] == ["p0"]
    assert list(result.missing) == ids[100:]


def test_a_question_that_has_failed_is_asked_no_further() -> None:
    requests: list[int] = []

    def said(request: Any) -> tuple[int, bytes]:
        asked = [passage["id"] for passage in request["passages"]]
        requests.append(len(asked))
        time.sleep(0.05)
        return 200, answers({**ANSWER, "passage_id": asked[0]})

    ids = ["bad", *(f"p{i}" for i in range(2_000))]
    with saying(*DAMAGED["a list"]) as bad, saying_of(said) as good:
        with Router([[bad], [good]], place=lambda one: int(one != "bad")) as router:
            with pytest.raises(deformer.CorruptError):
                router.answer("Who?", ids)
    assert len(requests) < 20  # close() waits for what is on its way


@pytest.mark.parametrize("said", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_answer_is_replaced_by_a_good_one(said: tuple[int, bytes]) -> None:
    with saying(*said) as bad, saying(200, answers(ANSWER)) as good:
        with Router([[bad]]) as router:
            with pytest.raises(deformer.CorruptError, match=f"{bad}: expected a service's answer, found status"):
                router.answer("Who?", ["p1"])
            assert set(router.answer("Who?", ["p1"], partial=True).missing) == {"p1"}
        for _ in range(4):  # whichever is asked first
            with Router([[bad, good]]) as router:
                (answer,) = router.answer("Who?", ["p1"]).answers
                assert (answer.text, answer.probability) == ("x", pytest.approx(0.5))


def test_a_shard_that_hangs_holds_up_no_other() -> None:
    gate = Gate()
    with (
        saying(200, answers(ANSWER), gate) as hanging,
        saying(200, answers({**ANSWER, "passage_id": "p2"})) as other,
        Router([[hanging], [other]], place=lambda one: int(one == "p2")) as router,
        ThreadPoolExecutor(41) as callers,
    ):
        try:
            for _ in range(40):
                callers.submit(router.answer, "Who?", ["p1"])
            assert all(gate.came.acquire(timeout=30) for _ in range(8))
            assert len(callers.submit(router.answer, "Who?", ["p2"]).result(timeout=15).answers) == 1
        finally:
            gate.opened.set()


def test_a_service_without_memory_is_replaced_by_another() -> None:
    said = b'{"error": {"code": "out_of_memory", "message": "out of memory"}}'
    with saying(503, said) as full, saying(200, answers(ANSWER)) as good:
        with Router([[full]]) as router, pytest.raises(deformer.ResourceExhaustedError, match=f"{full}: out of memory"):
            router.answer("Who?", ["p1"])
        for _ in range(4):  # whichever is asked first
            with Router([[full, good]]) as router:
                assert router.answer("Who?", ["p1"]).answers[0].text == "x"


def test_a_thread_that_cannot_be_started_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with saying(200, answers(ANSWER)) as address, Router([[address]]) as router:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", start)
            with pytest.raises(deformer.IoError, match="^shard 0: expected a thread .*: can't start new thread$"):
                router.answer("Who?", ["p1"])
        assert router.answer("Who?", ["p1"]).answers[0].text == "x"


def test_a_process_that_was_forked_asks_by_itself() -> None:
    with saying(200, answers(ANSWER)) as address, Router([[address]]) as router:
        expected = router.answer("Who?", ["p1"])  # a thread and a connection
        child = os.fork()
        if child == 0:
            signal.alarm(30)  # ends it where it hangs
            status = 1
            try:
                status = int(router.answer("Who?", ["p1"]) != expected)
                router.close()
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert router.answer("Who?", ["p1"]) == expected  # on the connection that it had


def test_a_message_of_a_service_is_one_line() -> None:
    with saying(400, b'{"error": {"code": "bad", "message": "a\\nb"}}') as address, Router([[address]]) as router:
        with pytest.raises(deformer.InvalidArgumentError, match=f"^{address}: a b$"):
            router.answer("Who?", ["p1"])


def test_ids_and_calls_that_cannot_be_are_refused() -> None:
    with pytest.raises(deformer.InvalidArgumentError, match="api_key: expected printable ASCII"):
        Router([["http://host"]], api_key="a\nb")
    with pytest.raises(deformer.InvalidArgumentError, match="passage_id: expected text"):
        shard_of("\ud800", 2)
    with saying(200, answers(ANSWER)) as address, Router([[address]]) as router:
        assert len(router.answer("Who?", iter(["p1"])).answers) == 1
        for ids in ("p1", [7]):
            with pytest.raises(deformer.InvalidArgumentError, match="passage_ids: expected"):
                router.answer("Who?", ids)
    with pytest.raises(deformer.InvalidArgumentError, match="expected an open one"):
        router.answer("Who?", ["p1"])
