"""Many machines, by Ray Data (from the checkout: pip install '.[ray]').

    deformer.ray.encode(glob("texts/*.jsonl"), "model-directory", "lmdb:/data/stores/{stem}", workers=8)
    answered = deformer.ray.answer(ray.data.read_parquet("questions"), "model-directory", workers=8)
    deformer.ray.evaluate(ray.data.read_json("dev.jsonl"), "model-directory", workers=8)

What travels are names of files, questions and answers. States stay in stores: they never enter Ray's object store.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from ._native import Model, exact_match, token_f1
from .datasets import AnswerColumns
from .errors import Error, InvalidArgumentError, first_line, from_code
from .progress import progress_bar
from .shards import (
    LMDB_SCHEME,
    ReadPassages,
    Shard,
    ShardEncoder,
    ShardRecord,
    finished_record,
    plan_shards,
    read_passages,
)

try:
    import ray
    import ray.data
except ImportError as error:
    raise ImportError("deformer.ray needs Ray Data: pip install 'ray[data]'") from error

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class ShardFailure:
    """A shard that could not be encoded, and why."""

    input: str
    store: str
    error: Error


@dataclass(frozen=True)
class EncodeSummary:
    """What encode() has done. Rates are of this call alone, over all workers."""

    records: list[ShardRecord]  # of all finished shards, in the order of the inputs
    failures: list[ShardFailure]
    reused: int  # shards that were finished before
    seconds: float
    passages_per_second: float
    tokens_per_second: float

    @property
    def passages(self) -> int:
        return sum(record.passages for record in self.records)

    @property
    def tokens(self) -> int:
        return sum(record.tokens for record in self.records)


@dataclass(frozen=True)
class Evaluation:
    """Means over all questions, in percent; the rate counts all that evaluate() took, loading the models too."""

    total: int
    exact: float
    f1: float
    seconds: float
    questions_per_second: float


class _ShardActor:
    """A worker's model, loaded once; encodes one shard a call."""

    def __init__(self, model: str, load: dict[str, Any], encode: dict[str, Any]) -> None:
        self._encoder = ShardEncoder(Model.load(model, **load), **encode)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        rows = [self._row(*fields) for fields in zip(batch["input"], batch["store"], batch["record"])]
        return {name: [row[name] for row in rows] for name in rows[0]}

    def _row(self, *fields: Any) -> dict[str, str]:
        shard = Shard(*map(str, fields))
        try:
            self._encoder.encode(shard)
        except Error as error:  # of this shard: the others go on
            return {"record": shard.record, "code": error.code, "message": first_line(error)}
        return {"record": shard.record, "code": "", "message": ""}


def encode(
    paths: Sequence[Path],
    model: Path,
    store_template: str,
    *,
    manifest: Path | None = None,
    workers: int = 1,
    num_cpus: float = 1,
    codec: str = "fp16",
    batch_tokens: int = 4096,
    precision: str = "fp32",
    read: ReadPassages = read_passages,
    return_errors: bool = False,
    progress: bool = False,
) -> EncodeSummary:
    """Encodes input files on a Ray cluster, each into one store.

    paths: files that every node sees under this name: *.jsonl with `{"id", "text"}` a line, *.json in SQuAD's form, or
    what `read` reads. model: a directory, on every node. store_template, manifest: see deformer.shards.plan_shards();
    "lmdb:/data/{stem}" makes a store a file. workers: processes, each with a model and `num_cpus` processors.

    A shard is one task. It is encoded under a temporary name, verified, renamed and recorded, so a task that Ray tries
    again or runs twice leaves one whole store. The same call goes on where an earlier one ended: shards with a record
    are not encoded again. A shard that fails leaves the others alone; then the first error is raised, or with
    return_errors all are in the summary. progress: a bar of shards (tqdm).
    """
    planned = plan_shards(
        [_absolute(path) for path in paths],
        _absolute_store(store_template),
        None if manifest is None else _absolute(manifest),
    )
    before = {shard.record for shard in planned if _is_finished(shard)}
    begin = time.monotonic()
    load = {"precision": precision, "threads": _threads(num_cpus)}
    rows = ray.data.from_items([asdict(shard) for shard in planned], override_num_blocks=len(planned)).map_batches(
        _ShardActor,
        fn_constructor_args=(_absolute(model), load, {"codec": codec, "batch_tokens": batch_tokens, "read": read}),
        batch_size=1,
        num_cpus=num_cpus,
        concurrency=workers,
    )
    failed = {
        row["record"]: from_code(row["code"], row["message"])
        for row in _each(rows, len(planned), progress)
        if row["code"]
    }
    if failed and not return_errors:
        raise next(iter(failed.values()))
    return _summary(planned, failed, before, time.monotonic() - begin)


def _is_finished(shard: Shard) -> bool:
    try:
        return finished_record(shard) is not None
    except Error:  # a damaged record: its worker says so
        return False


def _each(rows: Any, total: int, progress: bool) -> list[dict[str, Any]]:
    if not progress:
        return list(rows.iter_rows())
    found = []
    with progress_bar("shards", "encoding") as show:
        for row in rows.iter_rows():
            found.append(row)
            show(len(found), total)
    return found


def _summary(planned: Sequence[Shard], failed: dict[str, Error], before: set[str], seconds: float) -> EncodeSummary:
    found = [(shard, record) for shard in planned if shard.record not in failed and (record := finished_record(shard))]
    records = [record for _, record in found]
    fresh = [record for shard, record in found if shard.record not in before]
    failures = [
        ShardFailure(shard.input, shard.store, failed[shard.record]) for shard in planned if shard.record in failed
    ]
    return EncodeSummary(
        records,
        failures,
        len(records) - len(fresh),
        seconds,
        sum(record.passages for record in fresh) / seconds,
        sum(record.tokens for record in fresh) / seconds,
    )


def _absolute(path: Path) -> str:
    """A worker's working directory is not the caller's."""
    given = os.fspath(path)
    return given if "://" in given else os.path.abspath(given)


def _absolute_store(uri: str) -> str:
    return f"{LMDB_SCHEME}{_absolute(uri.removeprefix(LMDB_SCHEME))}" if uri.startswith(LMDB_SCHEME) else uri


def _threads(num_cpus: float) -> int:
    return max(1, int(num_cpus))


class _Answerer:
    """Adds the columns of AnswerColumns to a batch."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._columns = AnswerColumns(**arguments)
        self._inputs = (arguments["question_column"], arguments["context_column"])

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        texts = {name: list(map(_text_of, batch[name])) for name in self._inputs if name in batch}
        return {**batch, **self._columns(texts)}


def _text_of(value: Any) -> str:
    return "" if _is_absent(value) else str(value)


def _is_absent(value: Any) -> bool:
    """Of a column's value: None, or with pandas not a number."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def answer(
    dataset: ray.data.Dataset,
    model: Path,
    store: str | None = None,
    *,
    workers: int = 1,
    num_cpus: float = 1,
    batch_size: int = 256,
    question_column: str = "question",
    context_column: str = "context",
    prefix: str = "",
    no_answer: bool = False,
    precision: str = "fp32",
    batch_tokens: int = 4096,
) -> ray.data.Dataset:
    """Adds the best answer of each row as columns `answer`, `score`, `start`, `end`, as deformer.datasets.AnswerColumns
    does.

    model: a directory, on every node. store: a URI that every node can open. Contexts which it holds (by content id)
    are taken from there, the others are read on the fly; it is not written, so any number of workers may share an LMDB
    store. workers, num_cpus: processes, each with a model, and their processors. batch_size: rows that a worker answers
    together. Lazy, as Ray's own operations: it runs when the result is used.
    """
    arguments = {
        "model": _absolute(model),
        "store": None if store is None else _absolute_store(store),
        "question_column": question_column,
        "context_column": context_column,
        "prefix": prefix,
        "no_answer": no_answer,
        "precision": precision,
        "batch_tokens": batch_tokens,
        "fill": False,
    }
    return dataset.map_batches(
        _Answerer, fn_constructor_args=(arguments,), batch_size=batch_size, num_cpus=num_cpus, concurrency=workers
    )


def evaluate(
    dataset: ray.data.Dataset, model: Path, store: str | None = None, *, answers_column: str = "answers", **options: Any
) -> Evaluation:
    """Exact match and F1 of a model on rows with right answers, as the official SQuAD scorers count them.

    answers_column: a text, a list of texts, or SQuAD's `{"text": [...], ...}` as Hugging Face's data sets have it; an
    empty list is a question without an answer. options: those of answer(), with `no_answer=True` for SQuAD 2.0.
    """

    prefix = options.setdefault("prefix", "predicted_")
    begin = time.monotonic()
    total, exact, f1 = 0, 0.0, 0.0
    score = partial(_score, prefix + "answer", answers_column)
    for row in answer(dataset, model, store, **options).map_batches(score).iter_rows():
        total, exact, f1 = total + 1, exact + row["exact"], f1 + row["f1"]
    if total == 0:
        raise InvalidArgumentError("evaluate(): expected rows, found none")
    seconds = time.monotonic() - begin
    return Evaluation(total, 100 * exact / total, 100 * f1 / total, seconds, total / seconds)


def _score(answer_column: str, gold_column: str, batch: dict[str, Any]) -> dict[str, Any]:
    pairs = [(str(found), _texts(gold)) for found, gold in zip(batch[answer_column], batch[gold_column])]
    return {
        "exact": [max(exact_match(found, text) for text in texts) for found, texts in pairs],
        "f1": [max(token_f1(found, text) for text in texts) for found, texts in pairs],
    }


def _texts(gold: Any) -> list[str]:
    found = gold["text"] if isinstance(gold, dict) else gold
    if _is_absent(found):
        raise InvalidArgumentError("answers_column: expected a text or a list of texts, found none")
    if isinstance(found, str):  # a sequence too, of its letters
        return [found]
    return [str(text) for text in found] or [""]
