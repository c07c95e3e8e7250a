"""A Runnable for LangChain (pip install 'deformer[langchain]').

    reader = DeformerRunnable(model="model-directory", store="lmdb:passages")
    reader.invoke({"question": "When did the river rise?", "context": documents})["answer"]
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

try:
    from langchain_core.documents import Document
    from langchain_core.runnables import Runnable, RunnableConfig
except ImportError as error:
    raise ImportError("deformer.langchain needs LangChain: pip install 'deformer[langchain]'") from error

from ._native import AnswerOptions, Model, PassageStore
from ._reading import Found, TextReader
from .errors import Error

Output = dict[str, Any]


class DeformerRunnable(Runnable[Mapping[str, Any], Output]):
    """Answers a question from texts.

    Takes {"question": str, "context": TEXT or a list of them}; a text is a string or a Document. Gives {"answer", "score",
    "start", "end", "source"}: the score is a probability over all candidates in all texts, the offsets are characters of
    the text that `source` is: the string or the Document. Without an answer, the answer is "" and the source None.
    batch() answers all inputs in one call.
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
        self._options = AnswerOptions(allow_no_answer=no_answer, max_answer_tokens=max_answer_tokens)

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

    def _answer_all(self, inputs: list[Mapping[str, Any]]) -> list[Output | Exception]:
        try:
            return list(self._answer(inputs))
        except (Error, ValueError, TypeError):
            # Each by itself: the others are answered.
            return [self._attempt(each) for each in inputs]

    def _attempt(self, input: Mapping[str, Any]) -> Output | Exception:
        try:
            return self._answer_one(input)
        except (Error, ValueError, TypeError) as error:
            return error

    def _answer_one(self, input: Mapping[str, Any]) -> Output:
        return self._answer([input])[0]

    def _answer(self, inputs: Sequence[Mapping[str, Any]]) -> list[Output]:
        sources = [_sources_of(each) for each in inputs]
        questions = [
            (_question_of(each), [_text_of(source) for source in texts]) for each, texts in zip(inputs, sources)
        ]
        results = self._reader.answer(questions, self._options)
        return [_as_output(found, texts) for found, texts in zip(results, sources)]


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
