"""The question goes to the data: asks the services that hold a question's passages, and merges their answers.

Ten passages of a base model are 2.6 MB of states, a question is 100 bytes. So each machine serves (`deformer serve`)
the stores that lie on its disk, and a router, which holds no model, sends every question to the machines of its
passages:

    split_by_id(glob("texts/*.jsonl"), "cut", 8)            # then one store a file: deformer.shards, deformer.ray
    router = Router([["http://a:8080", "http://b:8080"], ["http://c:8080", "http://d:8080"], ...])
    router.answer("Who wrote it?", ["p1", "p2", "p3"], top_k=3)
"""

from __future__ import annotations

import hashlib
import http.client
import json
import math
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO, TypeAlias
from urllib.parse import urlsplit

from ._native import Passage
from .errors import CorruptError, Error, InvalidArgumentError, IoError, first_line, from_code
from .shards import ReadPassages, passages_of, read_passages, write_whole

# Questions to one shard that are under way at once; the others wait.
_ASKED_AT_ONCE = 16
# Passages of one request: what a service takes where its --max-passages is not set.
_PASSAGES_AT_ONCE = 100
# A replica that could not be reached is asked last for so long.
_REST_SECONDS = 5.0
# A probability is a sum of rounded numbers.
_MOST_PROBABLE = 1.001
# Of a service's answer: another replica may do better.
_TRY_NEXT = {429, 500, 502, 503, 504}
_CODES = {
    "corrupt": "corrupt data",
    "loading": "input/output error",
    "not_found": "not found",
    "out_of_memory": "resource exhausted",
    "overloaded": "overloaded",
    "stopping": "input/output error",
    "store_unavailable": "input/output error",
    "timed_out": "timed out",
    "unsupported": "unsupported",
}


def shard_of(passage_id: str, count: int) -> int:
    """The shard of a passage, 0 to count - 1: the same on every machine and in every version."""
    try:
        identity = passage_id.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(f"passage_id: expected text, found {passage_id!a}") from error
    return int.from_bytes(hashlib.blake2b(identity, digest_size=8).digest(), "big") % count


def split_by_id(
    paths: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    count: int,
    read: ReadPassages = read_passages,
) -> list[Path]:
    """Cuts inputs into `count` files *.jsonl by shard_of() of the passages' ids, so that a router needs no table of
    them.

    Returns the files, in the order of the shards. Each appears whole or not at all, and replaces one of its name. All
    are open at once: IoError where the system allows a process fewer (`ulimit -n`).
    """
    if count < 1:
        raise InvalidArgumentError(f"count: expected at least 1, found {count}")
    target = Path(folder)
    files = [target / f"shard-{shard:05}-of-{count:05}.jsonl" for shard in range(count)]
    try:
        target.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            written = [stack.enter_context(write_whole(file)) for file in files]
            for path in paths:
                _spread(passages_of(os.fspath(path), read), written)
    except Error:  # some of which are an OSError too
        raise
    except OSError as error:
        raise IoError(f"{target}: {first_line(error)}") from error
    return files


def _spread(passages: Iterable[Passage], files: Sequence[TextIO]) -> None:
    for passage in passages:
        line = json.dumps({"id": passage.id, "text": passage.text}, ensure_ascii=False)
        files[shard_of(passage.id, len(files))].write(line + "\n")


@dataclass(frozen=True)
class RoutedAnswer:
    """As deformer.Answer; offsets in characters of the passage."""

    text: str
    passage_id: str
    start: int
    end: int
    score: float
    probability: float


@dataclass(frozen=True)
class RoutedResult:
    """Best first, over all passages that were read. missing: those that were not, and why; empty unless `partial` was
    given."""

    answers: list[RoutedAnswer]
    missing: dict[str, Error]


# What a shard says: the answers of each request, best first, and why passages are missing.
_Found: TypeAlias = tuple[list[list[RoutedAnswer]], dict[str, Error]]


class Router:
    """Answers questions about stored passages, wherever they are. Safe to use from several threads, and in a process
    that was forked, which gets threads and connections of its own.

    The answers are those of one store that holds all passages: scores are comparable between machines, and
    probabilities are put together from what each machine says. "No answer" does not compete.
    """

    def __init__(
        self,
        shards: Sequence[Sequence[str]],
        *,
        place: Callable[[str], int] | None = None,
        api_key: str | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        """shards: for each shard the addresses of the services that hold it, "http://host:port". place: the shard of a
        passage id; by default shard_of(). api_key: sent to every service. timeout_s: of one request to one service."""
        if not shards or not all(shards):
            raise InvalidArgumentError("shards: expected an address for every shard, found none")
        named = [list(replicas) for replicas in shards]
        self._place = place if place is not None else lambda passage_id: shard_of(passage_id, len(named))
        self._count = len(named)
        self._connect: Callable[[], _Ties] = lambda: _Ties(named, api_key, timeout_s)
        self._ties = {os.getpid(): self._connect()}
        self._closed = False

    def __enter__(self) -> Router:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections of this process."""
        self._closed = True
        self._own_ties().close()

    def answer(
        self,
        question: str,
        passage_ids: Iterable[str],
        *,
        top_k: int = 1,
        max_answer_tokens: int = 0,
        align_to_words: bool = True,
        partial: bool = False,
    ) -> RoutedResult:
        """The best answers in these passages, of which every one is named by its id alone. There may be any number;
        a service gets 100 of them in a request.

        A service that is gone, or whose answer is damaged, is replaced by another of its shard. Where no service of a
        shard answers, its error is raised, with the passages that could not be read; with `partial` they are in
        `missing`, and the answers are those of the others. A passage that its service was asked about and does not know
        is NotFoundError in any case.
        """
        ids = _ids(passage_ids)
        options: dict[str, Any] = {"question": question, "top_k": top_k, "align_to_words": align_to_words}
        if max_answer_tokens:
            options["max_answer_tokens"] = max_answer_tokens
        asking = _Asking(options, partial)
        found: list[list[RoutedAnswer]] = []
        missing: dict[str, Error] = {}
        try:
            pending = [self._submitted(shard, some, asking) for shard, some in self._by_shard(ids).items()]
            for response in pending:
                answered, absent = response.result()
                found += answered
                missing |= absent
        finally:
            asking.over.set()
        return RoutedResult(_merged(found, ids, top_k), missing)

    def _submitted(self, shard: int, ids: list[str], asking: _Asking) -> Future[_Found]:
        if not self._closed:
            ties = self._own_ties()
            try:
                return ties.threads[shard].submit(_ask_in_turn, shard, ties.shards[shard], ids, asking)
            except RuntimeError as error:
                if not self._closed:  # else another thread closes it meanwhile
                    reason = first_line(error)
                    raise IoError(f"shard {shard}: expected a thread to ask in, found none: {reason}") from error
        raise InvalidArgumentError("Router: expected an open one, found one after close()")

    def _own_ties(self) -> _Ties:
        """Of this process. Without a lock: one that a thread held at a fork would stay locked in the child."""
        process = os.getpid()
        ties = self._ties.get(process)
        if ties is None:
            ties = self._ties.setdefault(process, self._connect())  # where two threads come here, both get the same
            for other in set(self._ties) - {process}:
                if inherited := self._ties.pop(other, None):
                    inherited.drop()
        return ties

    def _by_shard(self, passage_ids: Sequence[str]) -> dict[int, list[str]]:
        asked: dict[int, list[str]] = {}
        for passage_id in dict.fromkeys(passage_ids):
            shard = self._place(passage_id)
            if not 0 <= shard < self._count:
                raise InvalidArgumentError(
                    f"place: expected a shard below {self._count}, found {shard} for {passage_id}"
                )
            asked.setdefault(shard, []).append(passage_id)
        return asked


class _Ties:
    """Threads and connections, which are of one process: after a fork the child has no threads, and would read on the
    connections what its parent has asked."""

    def __init__(self, shards: Sequence[Sequence[str]], api_key: str | None, timeout_s: float) -> None:
        self._services = {address: _Service(address, api_key, timeout_s) for replicas in shards for address in replicas}
        self.shards = [[self._services[address] for address in replicas] for replicas in shards]
        # Each shard has its own: one whose services hang holds up no other.
        self.threads = [ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="deformer-router") for _ in shards]

    def close(self) -> None:
        for threads in self.threads:
            threads.shutdown()
        for service in self._services.values():
            service.close()

    def drop(self) -> None:
        """In a child: closes its copies of the descriptors. The connections stay the parent's."""
        for service in self._services.values():
            service.drop()


class _Asking:
    """A question on its way through the shards."""

    def __init__(self, options: dict[str, Any], partial: bool) -> None:
        self.options = options
        self.partial = partial
        self.over = threading.Event()  # nobody waits for what the other shards say


def _ask_in_turn(shard: int, replicas: Sequence[_Service], ids: list[str], asking: _Asking) -> _Found:
    """Not all at once: a service has room for one large request, and no other beside it."""
    found: list[list[RoutedAnswer]] = []
    for begin in range(0, len(ids), _PASSAGES_AT_ONCE):
        if asking.over.is_set():
            break
        try:
            found.append(_ask(shard, replicas, ids[begin : begin + _PASSAGES_AT_ONCE], asking.options))
        except Error as error:
            if not asking.partial or not _is_absence(error):
                raise
            return found, dict.fromkeys(ids[begin:], error)  # to go on could take as long again for each request
    return found, {}


def _ask(shard: int, replicas: Sequence[_Service], ids: list[str], options: dict[str, Any]) -> list[RoutedAnswer]:
    body = json.dumps({**options, "passages": [{"id": one} for one in ids]}).encode()
    asked = frozenset(ids)
    now = time.monotonic()
    # Not the same one first for all questions; those that failed lately last.
    turn = threading.get_ident() + int(1000 * now)
    order = [replicas[(turn + i) % len(replicas)] for i in range(len(replicas))]
    failures = []
    for service in sorted(order, key=lambda service: service.rests(now)):
        try:
            return service.answer(body, asked)
        except Error as error:
            if not _is_absence(error):
                raise
            failures.append(error)
    named = ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
    reasons = "; ".join(map(str, failures))
    raise from_code(failures[0].code, f"shard {shard}: expected an answer about {named}, found {reasons}")


def _is_absence(error: Error) -> bool:
    """Whether another replica may answer."""
    return error.code in (
        "corrupt data",
        "input/output error",
        "internal error",
        "overloaded",
        "resource exhausted",
        "timed out",
    )


def _ids(passage_ids: Iterable[str]) -> list[str]:
    ids = [] if isinstance(passage_ids, str) else list(passage_ids)  # a text is a sequence of its letters
    if not ids:
        raise InvalidArgumentError("passage_ids: expected a list of at least one, found none")
    for one in ids:
        if not isinstance(one, str):
            raise InvalidArgumentError(f"passage_ids: expected texts, found {type(one).__name__}")
    return ids


def _merged(found: Sequence[Sequence[RoutedAnswer]], passage_ids: Sequence[str], top_k: int) -> list[RoutedAnswer]:
    """A probability is exp(score) over a sum over all candidates. Each request's sum follows from its best answer; the
    question's is the sum of these. Answers of equal score are in the order of their passages, as in one store."""
    best = [answers[0] for answers in found if answers]
    if not best:
        return []
    sums = [answer.score - math.log(answer.probability) for answer in best]  # logarithms
    highest = max(sums)
    total = highest + math.log(sum(math.exp(one - highest) for one in sums))
    rank = {passage_id: number for number, passage_id in reversed(list(enumerate(passage_ids)))}
    together = [answer for answers in found for answer in answers]
    together.sort(key=lambda answer: (-answer.score, rank[answer.passage_id]))
    return [replace(answer, probability=math.exp(answer.score - total)) for answer in together[:top_k]]


def _parsed(status: int, data: bytes, asked: Collection[str]) -> list[RoutedAnswer] | Error:
    """What a service says: its answers, best first, or why there are none. Raises CorruptError for what no service
    says, so that all that follows may rely on the shape."""
    try:
        value = json.loads(data.decode())
        if status != http.HTTPStatus.OK:
            return _refusal(status, value["error"])
        answers = [_answer_of(one, asked) for one in _of_type(value["answers"], list)]
        if answers and answers[0].probability <= 0:  # all others are measured by the best one
            raise ValueError("a best answer of probability 0")
        return answers
    except KeyError as error:
        reason = f"no {first_line(error)}"
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        reason = first_line(error)
    raise CorruptError(f"expected a service's answer, found status {status} and {reason}")


def _answer_of(value: Any, asked: Collection[str]) -> RoutedAnswer:
    answer = RoutedAnswer(
        _of_type(value["text"], str),
        _of_type(value["passage_id"], str),
        _of_type(value["start"], int),
        _of_type(value["end"], int),
        float(_of_type(value["score"], int | float)),
        float(_of_type(value["probability"], int | float)),
    )
    if answer.passage_id not in asked:
        raise ValueError(f"an answer in passage {answer.passage_id}, which was not asked for")
    if not 0 <= answer.start <= answer.end:
        raise ValueError(f"an answer from {answer.start} to {answer.end}")
    if not math.isfinite(answer.score) or not 0 <= answer.probability <= _MOST_PROBABLE:
        raise ValueError(f"an answer of score {answer.score} and probability {answer.probability}")
    return answer


def _refusal(status: int, value: Any) -> Error:
    code, message = _of_type(value["code"], str), _of_type(value["message"], str)
    return from_code(_CODES.get(code, "internal error" if status in _TRY_NEXT else "invalid argument"), message)


def _of_type(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"a value of type {type(value).__name__}")
    return value


class _Service:
    """One `deformer serve`; keeps its idle connections."""

    def __init__(self, address: str, api_key: str | None, timeout_s: float) -> None:
        expected = f"{address}: expected http://HOST:PORT or https://HOST:PORT"
        try:
            parts = urlsplit(address)
            self._where = (parts.hostname or "", parts.port)
        except ValueError as error:
            raise InvalidArgumentError(f"{expected}, found {first_line(error)}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidArgumentError(expected)
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            raise InvalidArgumentError("api_key: expected printable ASCII characters, found others")
        self._address = address
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._path = parts.path.rstrip("/") + "/v1/answer"
        self._timeout_s = timeout_s
        self._headers = {"Content-Type": "application/json"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._lock = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []
        self._rests_until = 0.0

    def rests(self, now: float) -> bool:
        return now < self._rests_until

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def drop(self) -> None:
        """As close(), in a child: the lock may be held by a thread that it does not have. Closing a descriptor says
        nothing to the service while the parent has it too."""
        for connection in self._idle:
            connection.close()

    def answer(self, body: bytes, asked: Collection[str]) -> list[RoutedAnswer]:
        """The answers of this service, in passages that were `asked` for, best first. Raises what the service says,
        CorruptError where that is damaged, IoError and TimedOutError."""
        try:
            status, data = self._post(body)
        # UnicodeError: a name that no host can have.
        except (OSError, UnicodeError, http.client.HTTPException) as error:
            self._rest()
            if isinstance(error, TimeoutError):
                raise from_code(
                    "timed out", f"{self._address}: expected an answer within {self._timeout_s} s"
                ) from error
            raise IoError(f"{self._address}: {first_line(error)}") from error
        if status in _TRY_NEXT:
            self._rest()
        try:
            said = _parsed(status, data, asked)
        except CorruptError as error:
            self._rest()
            raise CorruptError(f"{self._address}: {error}") from error
        if isinstance(said, Error):
            raise from_code(said.code, f"{self._address}: {said}")
        return said

    def _rest(self) -> None:
        self._rests_until = time.monotonic() + _REST_SECONDS

    def _post(self, body: bytes) -> tuple[int, bytes]:
        """On an idle connection if there is one. The service may have closed it meanwhile: then once more on a new one,
        which is safe, since to answer changes nothing."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is not None:
            try:
                return self._post_on(connection, body)
            except ConnectionError:
                connection.close()
        return self._post_on(self._kind(*self._where, timeout=self._timeout_s), body)

    def _post_on(self, connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
        with ExitStack() as stack:
            stack.enter_context(closing(connection))
            connection.request("POST", self._path, body, self._headers)
            response = connection.getresponse()
            data = response.read()
            if not response.will_close:
                stack.pop_all()
                with self._lock:
                    self._idle.append(connection)
            return response.status, data
