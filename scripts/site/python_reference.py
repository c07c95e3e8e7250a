"""The Python reference: which name stands on which page. mkdocstrings fills in signatures and texts, from the installed
package and its stub."""

from __future__ import annotations

import ast
from pathlib import Path

GROUPS: dict[str, tuple[str, str, list[str]]] = {
    "pipeline": (
        "Pipeline",
        "The call of transformers' question-answering pipeline. [The guide](../../python.md#the-pipeline) says what "
        "differs.",
        ["pipeline", "QuestionAnsweringPipeline", "bundled_model"],
    ),
    "models": (
        "Models and traces",
        "A model directory, loaded; and every intermediate state of one question on one passage.",
        ["Model", "ModelConfig", "SequenceLengths", "known_architectures", "trace", "Trace"],
    ),
    "stores": (
        "Stores and encoding",
        "The encode step: passages through the lower layers, once, into a store.",
        [
            "Passage",
            "PassageEncoder",
            "EncodeReport",
            "PassageStore",
            "StoreInfo",
            "EncodedPassage",
            "open_store",
            "open_existing_store",
            "encode_passages",
            "content_id",
        ],
    ),
    "answers": (
        "Answers, classes, choices",
        "The answer step of the three kinds of model.",
        [
            "SpanQa",
            "QaRequest",
            "AnswerOptions",
            "QaResult",
            "Answer",
            "PairClassifier",
            "PairRequest",
            "PairResult",
            "MultipleChoice",
            "ChoiceRequest",
            "ChoiceResult",
        ],
    ),
    "data": (
        "Data sets and metrics",
        "Files of known data sets, and the official scores.",
        [
            "load_dataset",
            "join_datasets",
            "Dataset",
            "Example",
            "evaluate_squad",
            "SquadEvaluation",
            "SquadScore",
            "BestThreshold",
            "score_classes",
            "ClassScore",
            "exact_match",
            "token_f1",
            "normalize_answer",
        ],
    ),
    "training": (
        "Training",
        "[The guide](../../training.md) says what is minimised and what the output directory holds.",
        [
            "train",
            "TrainingOptions",
            "TrainingProgress",
            "TrainingScore",
            "TrainingResult",
            "StepLosses",
            "progress_bar",
        ],
    ),
    "errors": (
        "Errors",
        "Every message is one line: where, what was expected, what was found.",
        [
            "Error",
            "InvalidArgumentError",
            "NotFoundError",
            "CorruptError",
            "IncompatibleError",
            "UnsupportedError",
            "ResourceExhaustedError",
            "IoError",
            "CancelledError",
            "TimedOutError",
            "OverloadedError",
            "InternalError",
        ],
    ),
    # Modules of the package are imported by themselves, and some need what the package does without.
    "adapters": (
        "In other libraries",
        "Modules for Haystack, LangChain and datasets; [the guide](../../python.md#in-other-libraries) has them in one "
        "table.",
        ["haystack.DeformerReader", "langchain.DeformerRunnable", "datasets.AnswerColumns"],
    ),
    "machines": (
        "Many machines",
        "`deformer.ray` needs Ray, `deformer.shards` and `deformer.routing` nothing more; [the guide](../../cluster.md) "
        "comes first.",
        [
            "routing.Router",
            "routing.RoutedResult",
            "routing.RoutedAnswer",
            "routing.split_by_id",
            "routing.shard_of",
            "ray.encode",
            "ray.answer",
            "ray.evaluate",
            "ray.EncodeSummary",
            "ray.ShardFailure",
            "ray.Evaluation",
            "shards.plan_shards",
            "shards.Shard",
            "shards.ShardEncoder",
            "shards.ShardRecord",
            "shards.read_passages",
            "shards.read_record",
        ],
    ),
}


def _public_names(package: Path) -> set[str]:
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            return set(ast.literal_eval(node.value))
    raise ValueError(f"{package / '__init__.py'}: expected __all__, found none")


def _check(package: Path) -> None:
    public = _public_names(package) - {"__version__"}
    listed = {name for _, _, names in GROUPS.values() for name in names if "." not in name}
    if public != listed:
        raise ValueError(
            f"{__file__}: expected a page for every public name, found none for {sorted(public - listed)} and pages for "
            f"{sorted(listed - public)}, which are not public"
        )


def pages(package: Path) -> dict[str, str]:
    """Text by place in the site. Raises ValueError where a public name has no page."""
    _check(package)
    made = {"reference/python/index.md": ""}  # the first of the navigation
    index = [
        "# Python reference",
        "",
        "`import deformer`: [the guide](../../python.md) comes first.",
        "",
        "| | |",
        "|---|---|",
    ]
    for name, (title, text, names) in GROUPS.items():
        made[f"reference/python/{name}.md"] = f"# {title}\n\n{text}\n\n" + "\n".join(
            f"::: deformer.{one}\n" for one in names
        )
        links = ", ".join(f"[{one}]({name}.md#deformer.{one})" for one in names)
        index.append(f"| [{title}]({name}.md) | {links} |")
    made["reference/python/index.md"] = "\n".join(index) + "\n"
    return made
