"""What the adapters for other libraries share: questions about texts that have no ids."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
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
from .errors import InvalidArgumentError


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

    def __getstate__(self) -> dict[str, object]:
        """A model and a store are not copied: their names are."""
        state = dict(self.__dict__, _loaded=None)
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
        without a token or without a text that has one: the others get theirs."""
        qa, encoder = self.load()
        passages: dict[str, Passage] = {}
        requests = []
        places: dict[int, dict[str, int]] = {}  # by the number of the question
        for asked, (question, texts) in enumerate(questions):
            place: dict[str, int] = {}
            for number, text in enumerate(texts):
                if text.strip():
                    whole = _whole(text)
                    identity = content_id(whole)
                    place.setdefault(identity, number)
                    passages.setdefault(identity, Passage(identity, whole))
            if not place:
                continue
            requests.append(QaRequest(_whole(question), [passages[identity] for identity in place]))
            places[asked] = place
        if encoder is not None:
            encoder.encode(list(passages.values()), batch_tokens=self._batch_tokens)
        # Which questions have a token the tokenizer knows.
        results: Sequence[QaResult | Exception] = qa.answer(
            requests, options, batch_tokens=self._batch_tokens, return_errors=True
        )
        found: list[list[Found]] = [[] for _ in questions]
        for (asked, place), result in zip(places.items(), results):
            if isinstance(result, InvalidArgumentError):
                continue
            if isinstance(result, Exception):
                raise result
            found[asked] = [
                Found(answer, None if answer.no_answer else place[answer.passage_id]) for answer in result.answers
            ]
        return found


def _whole(text: str) -> str:
    """As UTF-8 can hold it: a question mark for half of a surrogate pair, which JSON can name."""
    return text.encode("utf-8", "replace").decode()
