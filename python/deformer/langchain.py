"""A Runnable for LangChain (from the checkout: pip install '.[langchain]').

    reader = DeformerRunnable(model="model-directory", store="lmdb:passages")
    reader.invoke({"question": "When did the river rise?", "context": documents})["answer"]
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

try:
    from langchain_core.documents import Document
    from langchain_core.runnables import Runnable, RunnableConfig
    from langchain_core.runnables.config import run_in_executor
except ImportError as error:
    raise ImportError("deformer.langchain needs LangChain: pip install langchain-core") from error

from ._native import AnswerOptions, Model, PassageStore
from ._reading import Found, TextReader

Output = dict[str, Any]


@dataclass(frozen=True)
class _Asked:
    """An input that can be read: its question, and its texts with what they were given as."""

    question: str
    texts: list[str]
    sources: list[str | Document]


class DeformerRunnable(Runnable[Mapping[str, Any], Output]):
    """Answers a question from texts.

    Takes {"question": str, "context": TEXT or a list of them}; a text is a string or a Document. Gives {"answer", "score",
    "start", "end", "source"}: the score is a probability over all candidates in all texts, the offsets are characters of
    the text that `source` is: the string or the Document. Without an answer, the answer is "" and the source None.
    batch() and abatch() answer all inputs in one call. It can be pickled if model and store were given by name.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Model,
        store: str | PassageStore | None = None,
        *,
        device: str = "cpu",
        precision: str = "fp32",
        no_answer: bool = False,
        max_answer_tokens: int = 0,
        batch_tokens: int = 4096,
    ) -> None:
        """no_answer: whether "no answer" competes. The others: deformer.Model.load() and AnswerOptions."""
        self._reader = TextReader(model, store, device=device, precision=precision, batch_tokens=batch_tokens)
        self._no_answer = no_answer
        self._max_answer_tokens = max_answer_tokens

    def invoke(self, input: Mapping[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> Output:
        return self._call_with_config(self._answer_one, input, config)

    def batch(
        self,
        inputs: list[Mapping[str, Any]],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Output]:
        """All inputs in one call of the library. With return_exceptions, one that cannot be answered has its exception in
        the list."""
        if not inputs:
            return []
        return self._batch_with_config(self._answer_all, inputs, config, return_exceptions=return_exceptions)

    async def abatch(
        self,
        inputs: list[Mapping[str, Any]],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Output]:
        """As batch(), in a thread."""
        return await run_in_executor(None, self.batch, inputs, config, return_exceptions=return_exceptions, **kwargs)

    def _answer_one(self, input: Mapping[str, Any]) -> Output:
        (outcome,) = self._answer([_asked(input)])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _answer_all(self, inputs: list[Mapping[str, Any]]) -> list[Output | Exception]:
        parsed = [_asked_or_error(each) for each in inputs]
        outcomes = iter(self._answer([one for one in parsed if isinstance(one, _Asked)]))
        return [next(outcomes) if isinstance(one, _Asked) else one for one in parsed]

    def _answer(self, asked: Sequence[_Asked]) -> list[Output | Exception]:
        options = AnswerOptions(allow_no_answer=self._no_answer, max_answer_tokens=self._max_answer_tokens)
        outcomes = self._reader.outcomes([(one.question, one.texts) for one in asked], options)
        return [
            outcome if isinstance(outcome, Exception) else _as_output(outcome, one.sources)
            for outcome, one in zip(outcomes, asked)
        ]


def _asked(input: Mapping[str, Any]) -> _Asked:
    sources = _sources_of(input)
    return _Asked(_question_of(input), [_text_of(source) for source in sources], sources)


def _asked_or_error(input: Mapping[str, Any]) -> _Asked | ValueError:
    try:
        return _asked(input)
    except ValueError as error:
        return error


def _question_of(input: Mapping[str, Any]) -> str:
    question = input.get("question") if isinstance(input, Mapping) else None
    if not isinstance(question, str):
        raise ValueError('expected a mapping with "question", a string, and "context"')
    return question


def _sources_of(input: Mapping[str, Any]) -> list[str | Document]:
    context = input.get("context") if isinstance(input, Mapping) else None
    if isinstance(context, (str, Document)):
        return [context]
    if isinstance(context, Sequence):
        return list(context)
    raise ValueError('expected "context" to be a text, a Document or a list of them, found none')


def _text_of(source: str | Document) -> str:
    text = source.page_content if isinstance(source, Document) else source
    if text is not None and not isinstance(text, str):
        raise ValueError('expected "context" to hold texts')
    return text or ""


def _as_output(found: Sequence[Found], sources: Sequence[str | Document]) -> Output:
    if not found or found[0].text is None:
        score = found[0].answer.probability if found else 0.0
        return {"answer": "", "score": score, "start": 0, "end": 0, "source": None}
    best = found[0].answer
    return {
        "answer": best.text,
        "score": best.probability,
        "start": best.start,
        "end": best.end,
        "source": sources[found[0].text],
    }
