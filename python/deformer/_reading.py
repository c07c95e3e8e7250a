"""What the adapters for other libraries share: questions about texts that have no ids."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ._native import (
    Answer,
    AnswerOptions,
    Model,
    Passage,
    PassageEncoder,
    PassageStore,
    QaRequest,
    QaResult,
    SpanQa,
    content_id,
    open_existing_store,
    open_store,
)
from .errors import Error, InvalidArgumentError, IoError, ResourceExhaustedError

ModelFiles = tuple[tuple[str, int, int], ...]
"""Name, size and time of change of each file of a model's directory."""


@dataclass(frozen=True)
class Found:
    """An answer, and the place of its text among those that were read; None for no answer."""

    answer: Answer
    text: int | None


class TextReader:
    """Loads its model at the first call, so that it can be made, copied to another process and configured cheaply.

    Texts go by content_id(), so a store encodes each once. Safe to use from several threads.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Model,
        store: str | PassageStore | None = None,
        *,
        device: str = "cpu",
        precision: str = "fp32",
        batch_tokens: int = 4096,
        fill: bool = True,
    ) -> None:
        """fill: texts that the store lacks are encoded into it; else they are read on the fly, and the store is not
        written."""
        self._source = model
        self._store_source = store
        self._device = device
        self._precision = precision
        self._batch_tokens = batch_tokens
        self._fill = fill
        self._lock = threading.Lock()
        self._loaded: tuple[SpanQa, PassageEncoder | None] | None = None
        self._files: ModelFiles = ()  # when the model was loaded

    def __getstate__(self) -> dict[str, object]:
        """A model and a store are not copied: their names are. So are the sizes and times of the model's files: by this
        state Hugging Face's datasets know whether they have the answers already."""
        if isinstance(self._source, Model) or isinstance(self._store_source, PassageStore):
            raise TypeError(
                "expected a reader of names to copy or pickle (a model's directory, a store's URI), found one of a "
                "loaded Model or an open PassageStore"
            )
        files = _files_of(self._source) if self._loaded is None else self._files
        state = dict(self.__dict__, _loaded=None, _files=files)
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def load(self) -> tuple[SpanQa, PassageEncoder | None]:
        with self._lock:
            if self._loaded is None:
                model = self._source
                if not isinstance(model, Model):
                    self._files = _files_of(model)
                    model = Model.load(model, device=self._device, precision=self._precision)
                store = self._store_source
                if isinstance(store, str):
                    # What only reads makes no store of a mistyped name.
                    filled = self._fill or store == "memory:"
                    store = open_store(store, model) if filled else open_existing_store(store)
                encoder = PassageEncoder(model, store) if store is not None and self._fill else None
                self._loaded = (SpanQa(model, store), encoder)
            return self._loaded

    def answer(self, questions: Sequence[tuple[str, Sequence[str]]], options: AnswerOptions) -> list[list[Found]]:
        """For each question, with the texts to read, its answers: best first, over all of them. None for a question
        without a token or without a text that has one: the others get theirs. Raises InvalidArgumentError for a value
        that is no text."""
        found = []
        for outcome in self.outcomes(questions, options):
            if isinstance(outcome, Exception):
                raise outcome
            found.append(outcome)
        return found

    def outcomes(
        self, questions: Sequence[tuple[str, Sequence[str]]], options: AnswerOptions
    ) -> list[list[Found] | Exception]:
        """As answer(), with the exception of a question that cannot be answered in its place."""
        qa, encoder = self.load()
        passages: dict[str, Passage] = {}
        requests = []
        places: dict[int, dict[str, int]] = {}  # by the number of the question
        for asked, (question, texts) in enumerate(questions):
            whole_question = _whole(question)
            place: dict[str, int] = {}
            for number, text in enumerate(map(_whole, texts)):
                if text.strip():
                    identity = content_id(text)
                    place.setdefault(identity, number)
                    passages.setdefault(identity, Passage(identity, text))
            if not place:
                continue
            # With their texts, stored or not: between the two calls another program may erase a passage, or a server
            # drop it. Then it is read on the fly.
            requests.append(QaRequest(whole_question, [passages[identity] for identity in place]))
            places[asked] = place
        if encoder is not None:
            self._store(encoder, list(passages.values()))
        results = qa.answer(requests, options, batch_tokens=self._batch_tokens, return_errors=True)
        found: list[list[Found] | Exception] = [[] for _ in questions]
        for (asked, place), result in zip(places.items(), results):
            # A question without a token is found out by the tokenizer, and has no answer.
            if not isinstance(result, InvalidArgumentError):
                found[asked] = _found(result, place)
        return found

    def _store(self, encoder: PassageEncoder, passages: list[Passage]) -> None:
        """Encodes texts into the store. One that it does not take leaves the others alone: the answer step reads it on
        the fly, or says what is wrong with it, to the questions that ask for it."""
        try:
            encoder.encode(passages, batch_tokens=self._batch_tokens)
        except (IoError, ResourceExhaustedError):  # one text cannot be blamed for these
            raise
        except Error:
            if len(passages) > 1:
                for passage in passages:
                    self._store(encoder, [passage])


def _found(result: QaResult | Exception, place: Mapping[str, int]) -> list[Found] | Exception:
    if isinstance(result, Exception):
        return result
    return [Found(answer, None if answer.no_answer else place[answer.passage_id]) for answer in result.answers]


def _whole(text: object) -> str:
    """As UTF-8 can hold it: a question mark for half of a surrogate pair, which JSON can name."""
    if not isinstance(text, str):
        raise InvalidArgumentError(f"expected a text, found {type(text).__name__}")
    return text.encode("utf-8", "replace").decode()


def _files_of(model: str | os.PathLike[str]) -> ModelFiles:
    try:
        with os.scandir(model) as entries:
            stats = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
    except OSError:  # no such directory here: the copy may be for another machine
        return ()
    return tuple(sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats))
