"""A function for `datasets.Dataset.map` (from the checkout: pip install '.[datasets]').

    answered = dataset.map(AnswerColumns("model-directory", store="lmdb:passages"), batched=True, batch_size=256)
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ._native import AnswerOptions
from ._reading import TextReader


class AnswerColumns:
    """Adds the best answer of each row as columns: `answer`, `score` (a probability), `start` and `end` (characters of the
    context). Where there is none, the answer is "" and the offsets are 0; so it is where question or context is absent
    (None) or blank.

    For map(batched=True). It holds names, not a model, so it can be sent to other processes (num_proc); each loads the
    model once, and computes with one thread where it was forked. With a store, equal contexts are encoded once; several
    processes write to one store only where its engine allows that (Redis protocol).
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        store: str | None = None,
        *,
        question_column: str = "question",
        context_column: str = "context",
        prefix: str = "",
        no_answer: bool = False,
        max_answer_tokens: int = 0,
        device: str = "cpu",
        precision: str = "fp32",
        batch_tokens: int = 4096,
        fill: bool = True,
    ) -> None:
        """prefix: of the new columns' names. no_answer: whether "no answer" competes. fill: contexts that the store
        lacks are put there; else they are read on the fly, and any number of processes may share the store."""
        self._columns = (question_column, context_column)
        self._prefix = prefix
        self._no_answer = no_answer
        self._max_answer_tokens = max_answer_tokens
        self._reader = TextReader(
            os.fspath(model), store, device=device, precision=precision, batch_tokens=batch_tokens, fill=fill
        )

    def __call__(self, batch: Mapping[str, Sequence[str | None]]) -> dict[str, list[Any]]:
        question_column, context_column = self._columns
        for column in self._columns:
            if column not in batch:
                raise KeyError(f"expected the columns {question_column} and {context_column}, found no {column}")
        if isinstance(batch[question_column], str):
            raise TypeError("expected a batch, found one row: use map(..., batched=True)")
        options = AnswerOptions(allow_no_answer=self._no_answer, max_answer_tokens=self._max_answer_tokens)
        questions, contexts = (["" if text is None else text for text in batch[column]] for column in self._columns)
        pairs = [(question, [context]) for question, context in zip(questions, contexts)]
        best = [found[0].answer if found else None for found in self._reader.answer(pairs, options)]
        return {
            self._prefix + "answer": [answer.text if answer else "" for answer in best],
            self._prefix + "score": [answer.probability if answer else 0.0 for answer in best],
            self._prefix + "start": [answer.start if answer else 0 for answer in best],
            self._prefix + "end": [answer.end if answer else 0 for answer in best],
        }
