#!/usr/bin/env python3
"""Makes the data that scripts/train_squad_base trains on, and a validation set.

    scripts/squad_base_data.py DATA_DIR OUTPUT_DIR

OUTPUT_DIR then holds core.json (both SQuAD files and new_wiki, paragraphs mixed), others.json (the other sets) and validation.json, about 500
questions on whole paragraphs of SQuAD's training set. No paragraph of the validation set, compared by its letters and digits
alone, is in the others: one file holds tokenised copies of the other's.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from pathlib import Path
from typing import Any

VALIDATION_QUESTIONS = 500
# What is unlike SQuAD: tweets, reviews, questions of web searches.
OTHER_SETS = {"SQuADShifts-amazon_reviews", "TyDiQA-GoldP-en", "TweetQA", "NQ-open-oracle"}

Paragraph = dict[str, Any]
"""An article with one paragraph: {"title", "paragraphs": [one]}."""


def paragraphs(path: Path) -> list[Paragraph]:
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    return [{"title": a["title"], "paragraphs": [p]} for a in articles for p in a["paragraphs"]]


def text_of(one: Paragraph) -> str:
    return one["paragraphs"][0]["context"]


def letters(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def questions(some: list[Paragraph]) -> int:
    return sum(len(one["paragraphs"][0]["qas"]) for one in some)


def choose_validation(some: list[Paragraph]) -> list[Paragraph]:
    """The texts with the smallest hashes: the same ones whatever else the file holds."""
    by_text: dict[str, list[Paragraph]] = {}
    for one in some:
        by_text.setdefault(text_of(one), []).append(one)
    chosen: list[Paragraph] = []
    for text in sorted(by_text, key=lambda text: hashlib.sha256(("validation" + text).encode()).hexdigest()):
        if questions(chosen) >= VALIDATION_QUESTIONS:
            break
        chosen += by_text[text]
    return chosen


def write(some: list[Paragraph], path: Path) -> None:
    path.write_text(json.dumps({"version": "1.1", "data": some}), encoding="utf-8")
    print(f"{path}: {questions(some)} questions on {len(some)} paragraphs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    squad = paragraphs(options.data / "squad" / "train-v1.1-subset.json")
    more = paragraphs(options.data / "squad" / "train-v1.1-more.json")
    other = paragraphs(options.data / "extractive-other" / "train.json")
    validation = choose_validation(squad)
    held_out = {letters(text_of(one)) for one in validation}
    rest = [one for one in squad + more + other if letters(text_of(one)) not in held_out]
    others = [one for one in rest if one["title"] in OTHER_SETS]
    core = [one for one in rest if one["title"] not in OTHER_SETS]
    random.Random(7).shuffle(core)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, some in (("validation", validation), ("core", core), ("others", others)):
        write(some, options.output / f"{name}.json")


if __name__ == "__main__":
    main()
