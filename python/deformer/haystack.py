"""A reader for Haystack 2 and 3 (from the checkout: pip install '.[haystack]'), where ExtractiveReader was.

    reader = DeformerReader(model="model-directory", store="lmdb:passages")
    reader.run(query="When did the river rise?", documents=documents)["answers"]

Import this module before Pipeline.loads(): Haystack 3 loads components only from modules on its allow-list, and the
import puts this one there.
"""

# Annotations stay types here: older Haystack takes those of run() as they are.
import re
from typing import Any

try:
    from haystack import Document, ExtractedAnswer, component, default_from_dict, default_to_dict
    from haystack.core import serialization
    from haystack.utils import Secret, deserialize_secrets_inplace
except ImportError as error:
    raise ImportError("deformer.haystack needs Haystack: pip install haystack-ai") from error

from ._native import Answer, AnswerOptions
from ._reading import TextReader
from .errors import InvalidArgumentError


@component
class DeformerReader:
    """Finds the answers to a query in documents.

    Scores are probabilities over all candidates in all documents of the call, so those of one call add up to at most 1.
    With a store, a document is encoded once, whatever the number of queries; stores are for decomposed models.
    """

    def __init__(
        self,
        model: str,
        store: str | Secret | None = None,
        *,
        device: str = "cpu",
        precision: str = "fp32",
        top_k: int = 20,
        score_threshold: float | None = None,
        no_answer: bool = True,
        max_answer_tokens: int = 0,
        batch_tokens: int = 4096,
    ) -> None:
        """model: a directory. store: a URI of deformer.open_store(); one with a password as a Secret,
        Secret.from_env_var("STORE"), so that a saved pipeline has the variable's name alone. top_k: answers of a run.
        score_threshold: answers below it are left out. no_answer: whether "no answer" competes; as an answer its data
        is None. max_answer_tokens: longest answer, 0: the model's own."""
        self.top_k = top_k
        self.score_threshold = score_threshold
        self.no_answer = no_answer
        self.max_answer_tokens = max_answer_tokens
        # What the model is loaded with: a later change would have no effect.
        self._store = store
        self._loading: dict[str, Any] = {"device": device, "precision": precision, "batch_tokens": batch_tokens}
        self._model = str(model)
        uri = store.resolve_value() if isinstance(store, Secret) else store
        self._reader = TextReader(self._model, uri, **self._loading)

    def warm_up(self) -> None:
        """Loads the model; run() does so where it was not called."""
        self._reader.load()

    def to_dict(self) -> dict[str, Any]:
        """Raises InvalidArgumentError where the store's URI has a password."""
        return default_to_dict(
            self,
            model=self._model,
            store=_saved(self._store),
            top_k=self.top_k,
            score_threshold=self.score_threshold,
            no_answer=self.no_answer,
            max_answer_tokens=self.max_answer_tokens,
            **self._loading,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "DeformerReader":
        parameters = dict(data.get("init_parameters", {}))
        if isinstance(parameters.get("store"), dict):
            deserialize_secrets_inplace(parameters, keys=["store"])
        return default_from_dict(cls, {**data, "init_parameters": parameters})

    @component.output_types(answers=list[ExtractedAnswer])
    def run(
        self,
        query: str,
        documents: list[Document],
        top_k: int | None = None,
        score_threshold: float | None = None,
        no_answer: bool | None = None,
    ) -> dict[str, list[ExtractedAnswer]]:
        """Returns {"answers": [...]}, best first. Documents without text are not read; where no other is left, there is no
        answer. Arguments that are None are those of the reader."""
        readable = [document for document in documents if document.content]
        if not readable:
            return {"answers": []}
        options = AnswerOptions(
            top_k=self.top_k if top_k is None else top_k,
            max_answer_tokens=self.max_answer_tokens,
            allow_no_answer=self.no_answer if no_answer is None else no_answer,
        )
        (found,) = self._reader.answer([(query, [document.content or "" for document in readable])], options)
        lowest = self.score_threshold if score_threshold is None else score_threshold
        answers = [
            _extracted(query, each.answer, None if each.text is None else readable[each.text]) for each in found
        ]
        return {"answers": [answer for answer in answers if lowest is None or answer.score >= lowest]}


# Older Haystack has no such list.
_allow_module = getattr(serialization, "allow_deserialization_module", None)
if _allow_module is not None:
    _allow_module(__name__)


# What stands before the ? of a Redis URI without a password: host, port, database and prefix.
_PLACE = re.compile(r"rediss?://([^\s:/\[\]]+|\[[^\s\]]+\])(:\d+)?(/.*)?")


def _has_password(uri: str) -> bool:
    """As the library reads a URI: all that is before the last @ of the first part is user and password, as a slash may be
    part of these. Behind the ? a prefix may have an @, or it ends a password whose own ? is not written as %3F."""
    if not uri.startswith(("redis:", "rediss:")):
        return False
    place, _, options = uri.partition("?")
    if "@" in place:
        return True
    with_at = [option for option in options.split("&") if "@" in option]
    are_prefixes = all(option.startswith("prefix=") for option in with_at)
    return bool(with_at) and not (are_prefixes and _PLACE.fullmatch(place))


def _saved(store: str | Secret | None) -> str | dict[str, Any] | None:
    if isinstance(store, Secret):
        return store.to_dict()
    if store is not None and _has_password(store):
        raise InvalidArgumentError(
            "store: expected a URI without a password, or a Secret.from_env_var(), in a pipeline that is saved; found "
            "one with a password"
        )
    return store


def _extracted(query: str, answer: Answer, document: Document | None) -> ExtractedAnswer:
    if document is None:
        return ExtractedAnswer(query=query, score=answer.probability)
    return ExtractedAnswer(
        query=query,
        score=answer.probability,
        data=answer.text,
        document=document,
        document_offset=ExtractedAnswer.Span(answer.start, answer.end),
    )
