"""The call of transformers' question-answering pipeline (5.2), on this library."""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch.utils.data import Dataset  # which torch has imported already

from ._native import (
    Answer,
    AnswerOptions,
    Model,
    Passage,
    PassageEncoder,
    PassageStore,
    QaRequest,
    QaResult,
    SequenceLengths,
    SpanQa,
    content_id,
    open_store,
)
from .errors import IncompatibleError, UnsupportedError

PipelineAnswer: TypeAlias = dict[str, Any]
"""{"score": float, "start": int, "end": int, "answer": str}; offsets in characters of the context."""

PipelineResult: TypeAlias = "PipelineAnswer | list[PipelineAnswer]"

# Questions of an iterator that are answered together, where `batch_size` does not say.
_STREAMED = 256

# Of these, two rows of the position table are no positions.
_PADDED_POSITIONS = ("camembert", "mpnet", "roberta", "xlm-roberta")

_DEFAULT_SEQUENCE = 384
_DEFAULT_OVERLAP = 128

# The least that a whole number of a call may be.
_LEAST = {"top_k": 1, "doc_stride": 0, "max_answer_len": 1, "max_seq_len": 1, "max_question_len": 0, "batch_size": 1}
_SWITCHES = ("handle_impossible_answer", "align_to_words")
# The library counts with 32 bits; no text is as long, so a larger number means the same.
_MOST = 2**31 - 1


@dataclass(frozen=True)
class PipelineOptions:
    """The parameters of a call. None: the default, which for lengths depends on the model."""

    top_k: int = 1
    doc_stride: int | None = None
    max_answer_len: int = 15
    max_seq_len: int | None = None
    max_question_len: int | None = None
    handle_impossible_answer: bool = False
    align_to_words: bool = True
    batch_size: int | None = None
    # transformers has these: they change no answer, and are accepted without effect.
    padding: Any = None
    num_workers: int | None = None

    def changed(self, changes: Mapping[str, Any]) -> PipelineOptions:
        known = {field.name for field in fields(self)}
        for name in changes:
            if name not in known:
                raise TypeError(f"expected one of {', '.join(sorted(known))}, found {name!r}")
        return replace(self, **{name: _option(name, value) for name, value in changes.items() if value is not None})


def _option(name: str, value: Any) -> Any:
    """As the library takes it. Raises TypeError and ValueError."""
    if name in _SWITCHES and not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, found {type(value).__name__}")
    return value if name not in _LEAST else _whole_number(name, value)


def _whole_number(name: str, value: Any) -> int:
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise TypeError(f"{name}: expected a whole number, found {type(value).__name__}")
    if number < _LEAST[name]:
        raise ValueError(f"{name} parameter should be >= {_LEAST[name]} (got {number})")
    return min(number, _MOST)


@dataclass(frozen=True)
class _Reader:
    """What answers with certain lengths."""

    qa: SpanQa
    encoder: PassageEncoder | None
    sequence: SequenceLengths | None


class QuestionAnsweringPipeline:
    """Answers questions about contexts, with the call and the results of transformers' pipeline.

        qa = deformer.pipeline("question-answering", model="model-directory")
        qa(question="Who moved?", context="The people moved to the mill.")
        {'score': 0.93, 'start': 0, 'end': 10, 'answer': 'The people'}

    An ordinary checkpoint (split_layer 0, layout `continue`) is read as transformers reads it: the windows of a long
    context depend on the length of the question. A decomposed model has windows of its own, as config.json says unless
    `max_seq_len`, `doc_stride` or `max_question_len` is given; other windows need another store.

    With a store, contexts are encoded into it once, under an id that depends on the text alone. Safe to use from several
    threads.
    """

    task = "question-answering"

    def __init__(
        self,
        model: Model,
        store: str | PassageStore | None = None,
        *,
        batch_tokens: int = 4096,
        codec: str = "fp32",
        model_max_length: int | None = None,
        **options: Any,
    ) -> None:
        """model_max_length: the longest sequence, in tokens, if the tokenizer has one. batch_tokens: most tokens of one
        pass. codec: how a store keeps states. options: defaults of the call's."""
        self.model = model
        self._options = PipelineOptions().changed(options)
        self._store = store
        self._batch_tokens = batch_tokens
        self._codec = codec
        self._longest = min(model_max_length or _DEFAULT_SEQUENCE, _positions(model), _DEFAULT_SEQUENCE)
        self._readers: dict[tuple[int | None, ...], _Reader] = {}
        # transformers reads all models so: question and context together, in windows that depend on the question.
        self._joint = not model.can_store_passages
        if self._joint and store is not None:
            raise IncompatibleError(
                "store: expected a decomposed model (split_layer above 0), whose passages can be stored, found "
                f"split_layer {model.config.split_layer}, layout {model.config.layout}"
            )
        self._reader(self._options)

    def __call__(self, inputs: Any = None, *, question: Any = None, context: Any = None, **options: Any) -> Any:
        """Answers questions.

        question, context: each a string or a list; one context serves a list of questions. In place of them `inputs`: a
        mapping with the keys `question` and `context`, a SquadExample, a list of these (or an array, a Series), or an
        iterator or a data set of them (torch's or Hugging Face's), which makes the call a generator of results.

        top_k: answers a question. max_answer_len: longest answer, in tokens. doc_stride: tokens that two windows of a
        long context share; max_seq_len: tokens of question and window; max_question_len: longer questions are cut, None:
        at the model's own length, or, by an ordinary model, not. handle_impossible_answer: the empty answer competes. align_to_words: answers begin and end
        where words do. batch_size: questions of an iterator that are taken from it and answered together, 256 by default.
        padding and num_workers of transformers' call have no effect.

        Returns {"score", "start", "end", "answer"} where one answer remains, else a list of them; for several questions a
        list of these, in order. Equal answers (but for case) are one, with the sum of their scores.
        """
        chosen = self._options.changed(options)
        if inputs is None:
            pairs = _pairs_of(question, context)
        elif question is not None or context is not None:
            raise ValueError("expected inputs, or question and context, found both")
        elif isinstance(inputs, Iterator):
            return self._stream(inputs, chosen)
        elif _is_dataset(inputs):
            return self._stream(_rows(inputs), chosen)
        else:
            pairs = [_pair_of(item) for item in _listed(inputs)]
        results = list(self._answer(pairs, chosen))
        return results[0] if len(results) == 1 else results

    def _stream(self, inputs: Iterator[Any], options: PipelineOptions) -> Iterator[PipelineResult]:
        failure: Exception | None = None
        while failure is None:
            portion, failure = _taken(inputs, options.batch_size or _STREAMED)
            if not portion:
                break
            yield from self._answer(portion, options)
        if failure is not None:
            raise failure

    def _answer(self, pairs: Sequence[tuple[str, str]], options: PipelineOptions) -> Iterator[PipelineResult]:
        """One for each pair, up to the first that has an error of its own, which is raised."""
        reader = self._reader(options)
        passages: dict[str, Passage] = {}
        for _, context in pairs:
            if context not in passages:
                passages[context] = Passage(content_id(context), context)
        if reader.encoder is not None:
            reader.encoder.encode(list(passages.values()), batch_tokens=self._batch_tokens, codec=self._codec)
        # With their texts, stored or not: between the two calls another program may erase a passage, or a server drop
        # it. Then it is read on the fly.
        requests = [QaRequest(question, [passages[context]]) for question, context in pairs]
        answer_options = AnswerOptions(
            top_k=options.top_k,
            max_answer_tokens=options.max_answer_len,
            align_to_words=options.align_to_words,
            allow_no_answer=options.handle_impossible_answer,
            scoring="window_probability",
            sequence=reader.sequence,
        )
        for result in reader.qa.answer(requests, answer_options, batch_tokens=self._batch_tokens, return_errors=True):
            if isinstance(result, Exception):
                raise result
            yield _as_pipeline(result, options)

    def _reader(self, options: PipelineOptions) -> _Reader:
        key = (options.max_seq_len, options.doc_stride, options.max_question_len)
        if key not in self._readers:
            self._readers[key] = self._joint_reader(options) if self._joint else self._split_reader(options)
        return self._readers[key]

    def _lengths(self, options: PipelineOptions) -> tuple[int, int]:
        """Tokens of a sequence, and those that two windows share."""
        sequence = self._longest if options.max_seq_len is None else options.max_seq_len
        overlap = min(sequence // 2, _DEFAULT_OVERLAP) if options.doc_stride is None else options.doc_stride
        if overlap > sequence:
            raise ValueError(f"`doc_stride` ({overlap}) is larger than `max_seq_len` ({sequence})")
        return sequence, overlap

    def _joint_reader(self, options: PipelineOptions) -> _Reader:
        sequence, overlap = self._lengths(options)
        lengths = SequenceLengths(
            sequence_tokens=sequence,
            overlap_tokens=overlap,
            max_question_tokens=options.max_question_len or 0,
        )
        return _Reader(SpanQa(self.model), None, lengths)

    def _split_reader(self, options: PipelineOptions) -> _Reader:
        model = self.model
        given = (options.max_seq_len, options.doc_stride, options.max_question_len)
        if any(value is not None for value in given):
            model = self._with_lengths(options)
        store = self._store
        if isinstance(store, str):
            store = open_store(store, model)
        encoder = None if store is None else PassageEncoder(model, store)
        return _Reader(SpanQa(model, store), encoder, None)

    def _with_lengths(self, options: PipelineOptions) -> Model:
        """A model whose windows have room beside the longest question, whatever the question at hand."""
        config = self.model.config
        sequence, overlap = self._lengths(options)
        question = options.max_question_len
        if question is None:
            question = config.max_question_tokens
        window = sequence - question - _SPECIAL_TOKENS
        if window <= overlap:
            raise ValueError(
                f"max_seq_len: expected more than max_question_len {question} + doc_stride {overlap} + "
                f"{_SPECIAL_TOKENS} special tokens, found {sequence}"
            )
        return self.model.with_lengths(
            max_question_tokens=question, window_tokens=window, window_step=window - overlap
        )


# [CLS] and two [SEP].
_SPECIAL_TOKENS = 3


def pipeline(
    task: str = "question-answering",
    model: str | os.PathLike[str] | Model | None = None,
    *,
    store: str | PassageStore | None = None,
    device: str | int | torch.device | None = None,
    precision: str | None = None,
    threads: int | None = None,
    split_layer: int | None = None,
    layout: str | None = None,
    **options: Any,
) -> QuestionAnsweringPipeline:
    """A question-answering pipeline, as transformers.pipeline() made them until 5.2.

    model: a directory in Hugging Face's form, or a loaded Model. store: where contexts are kept once they are encoded, a
    URI of open_store() or a store; decomposed models only. device, precision, threads, split_layer and layout are those
    of Model.load(), for a directory. options: those of QuestionAnsweringPipeline, and defaults of its call's, e.g. top_k=3.
    """
    if task != QuestionAnsweringPipeline.task:
        raise UnsupportedError(f"task: expected {QuestionAnsweringPipeline.task}, found {task}")
    if model is None:
        raise TypeError("pipeline() needs a model: a directory, or a deformer.Model")
    loading: dict[str, Any] = {
        name: value
        for name, value in (
            ("device", None if device is None else _device_name(device)),
            ("precision", precision),
            ("threads", threads),
            ("split_layer", split_layer),
            ("layout", layout),
        )
        if value is not None
    }
    if not isinstance(model, Model):
        directory = Path(model)
        model = Model.load(directory, **loading)
        options.setdefault("model_max_length", _model_max_length(directory))
    elif loading:
        raise TypeError(f"{', '.join(loading)}: expected with a directory; a loaded model has its own")
    return QuestionAnsweringPipeline(model, store, **options)


def _device_name(device: str | int | torch.device) -> str:
    """As Model.load() has it, which knows one GPU. transformers numbers devices, and so does torch: "cuda:0"."""
    if isinstance(device, int):
        name, number = "cpu" if device < 0 else "cuda", device
    else:
        name, _, index = str(device).partition(":")
        if not index.isdecimal():
            return str(device)
        number = int(index)
    if number > 0:
        raise ValueError(f"device: expected -1 (cpu) or 0 (the first GPU), or a name, found {device}")
    return name


def _model_max_length(directory: Path) -> int | None:
    """The tokenizer's own limit, where it has one."""
    try:
        found = json.loads((directory / "tokenizer_config.json").read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return None
    value = found.get("model_max_length")
    return int(value) if isinstance(value, (int, float)) and value >= 1 else None


def _positions(model: Model) -> int:
    """The longest sequence that a model can read; the pipeline's default where there is no limit."""
    config = model.config
    rows = config.max_position_embeddings
    if rows == 0:
        return _DEFAULT_SEQUENCE
    return rows - 2 if config.architecture in _PADDED_POSITIONS else rows


def _as_pipeline(result: QaResult, options: PipelineOptions) -> PipelineResult:
    answers = [_as_dict(answer) for answer in result.answers]
    if not answers and options.handle_impossible_answer:  # no token to choose from: nothing else is possible
        return {"score": 1.0, "start": 0, "end": 0, "answer": ""}
    return answers[0] if len(answers) == 1 else answers


def _as_dict(answer: Answer) -> PipelineAnswer:
    return {"score": answer.score, "start": answer.start, "end": answer.end, "answer": answer.text}


def _taken(inputs: Iterator[Any], count: int) -> tuple[list[tuple[str, str]], Exception | None]:
    """The next questions of an iterator, at most `count`, and what it raised instead of a further one."""
    taken: list[tuple[str, str]] = []
    try:
        for item in islice(inputs, count):
            taken.append(_pair_of(item))
    except Exception as failure:  # noqa: BLE001 - raised once these are answered
        return taken, failure
    return taken, None


def _is_dataset(inputs: Any) -> bool:
    """Whether it is torch's or Hugging Face's, and may make its rows as they are asked for, without an end too."""
    if isinstance(inputs, (Sequence, Mapping)) or hasattr(inputs, "question_text"):
        return False
    # By name, as `datasets` need not be installed.
    is_hugging_face = any(kind.__module__.partition(".")[0] == "datasets" for kind in type(inputs).__mro__)
    return is_hugging_face or isinstance(inputs, Dataset)


def _rows(dataset: Any) -> Iterator[Any]:
    return iter(dataset) if isinstance(dataset, Iterable) else (dataset[number] for number in range(len(dataset)))


def _listed(inputs: Any) -> list[Any]:
    if isinstance(inputs, Mapping) or hasattr(inputs, "question_text"):
        return [inputs]
    if isinstance(inputs, Iterable) and not isinstance(inputs, str):
        return list(inputs)
    raise ValueError(f"expected a mapping with question and context, or several, found {type(inputs).__name__}")


def _pairs_of(question: Any, context: Any) -> list[tuple[str, str]]:
    if isinstance(question, list) and isinstance(context, list):
        if len(question) != len(context):
            raise ValueError("Questions and contexts don't have the same lengths")
        pairs = list(zip(question, context))
    elif isinstance(question, list):
        pairs = [(each, context) for each in question]
    else:
        pairs = [(question, context)]
    return [(_text("question", one), _text("context", other)) for one, other in pairs]


def _pair_of(item: Any) -> tuple[str, str]:
    """Of a mapping, or of an object such as transformers' SquadExample."""
    if isinstance(item, Mapping):
        for key in ("question", "context"):
            if key not in item:
                raise KeyError("You need to provide a dictionary with keys {question:..., context:...}")
        return _text("question", item["question"]), _text("context", item["context"])
    if hasattr(item, "question_text") and hasattr(item, "context_text"):
        return _text("question", item.question_text), _text("context", item.context_text)
    raise ValueError(f"expected a mapping with question and context, found {type(item).__name__}")


def _text(name: str, value: Any) -> str:
    if value is None:
        raise ValueError(f"`{name}` cannot be None")
    if not isinstance(value, str):
        raise ValueError(f"`{name}`: expected a string, found {type(value).__name__}")
    if not value:
        raise ValueError(f"`{name}` cannot be empty")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"`{name}`: expected text that UTF-8 can hold, found half of a surrogate pair") from error
    return value
