#!/usr/bin/env python3
"""Compares deformer.pipeline() with transformers' own question-answering pipeline on the questions of a SQuAD file.

Usage: compare_pipeline.py MODEL_DIR SQUAD_FILE [--questions N] [--seed N] [--answers-alone] [NAME=VALUE ...]

NAME=VALUE are parameters of the call, e.g. top_k=3 max_seq_len=128 handle_impossible_answer=True. Needs transformers 5.2.0
(5.3 has removed the pipeline) beside deformer. The model is read jointly by both: split layer 0, layout `continue`. Prints
how many results are the same (answer, start, end of every answer, scores within 1e-4), each that is not, and the time of
each reader, taken in turns; for a decomposed model also of its own split with stored contexts. Exits with 1 when fewer than
99.9 % are the same. --answers-alone leaves out the readers that are only timed.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import sys
import time
from collections.abc import Callable

SCORE_TOLERANCE = 1e-4
REQUIRED = 0.999
# Questions that each reader answers in turn, so that a machine that changes its speed changes all of them.
PORTION = 50


def load_questions(path: str, count: int, seed: int) -> list[dict]:
    with open(path, encoding="utf-8") as file:
        data = json.load(file)["data"]
    questions = [
        {"question": question["question"], "context": paragraph["context"]}
        for article in data
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    ]
    random.Random(seed).shuffle(questions)
    return questions[:count] if count else questions


def as_list(result: dict | list) -> list[dict]:
    return [result] if isinstance(result, dict) else result


def as_results(result: dict | list, portion: list[dict]) -> list:
    """The results of a portion; that of a single question comes without a list."""
    return [result] if len(portion) == 1 else result


def same(ours: dict | list, theirs: dict | list) -> bool:
    ours, theirs = as_list(ours), as_list(theirs)
    return len(ours) == len(theirs) and all(
        all(mine[key] == other[key] for key in ("answer", "start", "end"))
        and abs(mine["score"] - other["score"]) <= SCORE_TOLERANCE
        for mine, other in zip(ours, theirs)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model_dir")
    parser.add_argument("squad_file")
    parser.add_argument("--questions", type=int, default=500, help="0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--answers-alone", action="store_true")
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE")
    arguments = parser.parse_args()
    parameters = {
        name: ast.literal_eval(value) for name, value in (pair.split("=", 1) for pair in arguments.parameters)
    }

    import transformers

    import deformer

    questions = load_questions(arguments.squad_file, arguments.questions, arguments.seed)
    transformers.utils.logging.disable_progress_bar()
    reference = transformers.pipeline("question-answering", model=arguments.model_dir, dtype="float32")
    joint = deformer.pipeline("question-answering", model=arguments.model_dir, split_layer=0, layout="continue")
    readers: dict[str, Callable[[list[dict]], list]] = {
        f"transformers {transformers.__version__}, one by one": lambda portion: [
            reference(**question, **parameters) for question in portion
        ],
        "deformer, joint": lambda portion: as_results(joint(portion, **parameters), portion),
    }
    model = deformer.Model.load(arguments.model_dir)
    if not arguments.answers_alone:
        readers["deformer, joint, one by one"] = lambda portion: [joint(**question, **parameters) for question in portion]
    if not arguments.answers_alone and model.can_store_passages:
        split = deformer.pipeline("question-answering", model=model, store="memory:")
        # Lengths make windows of their own, which have a store of their own.
        split(questions, **parameters)
        readers["deformer, decomposed, contexts in the store"] = lambda portion: split(portion, **parameters)
        readers["deformer, decomposed, one by one"] = lambda portion: [split(**question, **parameters) for question in portion]

    theirs, ours = [], []
    seconds = dict.fromkeys(readers, 0.0)
    for begin in range(0, len(questions), PORTION):
        portion = questions[begin : begin + PORTION]
        for name, read in readers.items():
            start = time.perf_counter()
            results = read(portion)
            seconds[name] += time.perf_counter() - start
            if name.startswith("transformers"):
                theirs += results
            elif name == "deformer, joint":
                ours += results

    different = [i for i, pair in enumerate(zip(ours, theirs)) if not same(*pair)]
    for i in different:
        print(json.dumps({"question": questions[i]["question"], "ours": ours[i], "theirs": theirs[i]}, ensure_ascii=False))
    for name, spent in seconds.items():
        print(f"{spent:8.2f} s  {name}")
    share = 1 - len(different) / len(questions)
    print(f"{len(questions)} questions, {100 * share:.2f} % the same")
    return 0 if share >= REQUIRED else 1


if __name__ == "__main__":
    sys.exit(main())
