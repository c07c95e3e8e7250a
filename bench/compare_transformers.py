#!/usr/bin/env python3
"""Time per question at split layer 0 against Hugging Face's BertForQuestionAnswering, interleaved.

Both answer the first N questions of a SQuAD file with the same weights and threads, fp32. Hugging Face gets batches of
windows of similar length, padded to the longest of the batch, eager attention, and only its forward passes are timed (its
tokenisation and span search are left out). Of ours everything after loading is timed, tokenisation and span search included.

Development only: needs torch, transformers and tokenizers.

  bench/compare_transformers.py --deformer build/release/deformer --model DIR --squad dev-v1.1.json
"""
import argparse
import itertools
import json
import pathlib
import statistics
import subprocess
import time

import torch
from tokenizers import BertWordPieceTokenizer
from transformers import BertForQuestionAnswering

from machine import cpu_name


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deformer", required=True, help="the command-line tool")
    parser.add_argument("--model", required=True, type=pathlib.Path, help="model directory")
    parser.add_argument("--squad", required=True, type=pathlib.Path, help="SQuAD file")
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16, help="windows of one Hugging Face batch")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def read_questions(path, count):
    data = json.loads(path.read_text())
    pairs = ((qa["question"], paragraph["context"]) for article in data["data"]
             for paragraph in article["paragraphs"] for qa in paragraph["qas"])
    return list(itertools.islice(pairs, count))


def make_rows(model_dir, questions):
    """One row of ids and types a window, as the project cuts them."""
    split = json.loads((model_dir / "config.json").read_text()).get("deformer", {})
    question_tokens = split.get("max_question_tokens", 64)
    window, step = split.get("window_tokens", 292), split.get("window_step", 128)
    tokenizer = BertWordPieceTokenizer(str(model_dir / "vocab.txt"), lowercase=True)
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")

    def ids_of(text):
        return tokenizer.encode(text, add_special_tokens=False).ids

    rows = []
    for question, context in questions:
        head = [cls, *ids_of(question)[:question_tokens], sep]
        tokens = ids_of(context)
        for start in range(0, max(len(tokens), 1), step):
            part = tokens[start:start + window]
            rows.append((head + part + [sep], [0] * len(head) + [1] * (len(part) + 1)))
            if start + window >= len(tokens):
                break
    return rows


def make_batches(rows, size):
    rows = sorted(rows, key=lambda row: len(row[0]))
    batches = []
    for begin in range(0, len(rows), size):
        part = rows[begin:begin + size]
        length = max(len(ids) for ids, _ in part)
        batches.append({
            "input_ids": torch.tensor([ids + [0] * (length - len(ids)) for ids, _ in part]),
            "token_type_ids": torch.tensor([t + [0] * (length - len(t)) for _, t in part]),
            "attention_mask": torch.tensor([[1] * len(ids) + [0] * (length - len(ids))
                                            for ids, _ in part]),
        })
    return batches


def time_transformers(model, batches):
    begin = time.perf_counter()
    with torch.inference_mode():
        for batch in batches:
            model(**batch)
    return time.perf_counter() - begin


def time_deformer(options):
    command = [options.deformer, "evaluate", "--model", str(options.model), "--squad",
               str(options.squad), "--split-layer", "0", "--limit", str(options.questions),
               "--threads", str(options.threads), "--json", "--quiet"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return report["seconds"]


def main():
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    questions = read_questions(options.squad, options.questions)
    batches = make_batches(make_rows(options.model, questions), options.batch)
    model = BertForQuestionAnswering.from_pretrained(
        options.model, attn_implementation="eager", dtype=torch.float32).eval()
    time_transformers(model, batches[:2])
    time_deformer(options)
    ours, theirs = [], []
    for _ in range(options.rounds):
        theirs.append(time_transformers(model, batches))
        ours.append(time_deformer(options))
    scale = 1000 / len(questions)
    ratios = [t / o for t, o in zip(theirs, ours)]
    print(f"{cpu_name()}, {options.threads} threads, {len(questions)} questions, "
          f"{options.rounds} rounds, torch {torch.__version__}")
    print(f"transformers, eager fp32, batches of {options.batch}: "
          f"{statistics.median(theirs) * scale:.2f} ms per question (median)")
    print(f"deformer, split layer 0, fp32: {statistics.median(ours) * scale:.2f} ms per question")
    print(f"ratio by round: median {statistics.median(ratios):.2f}, "
          f"from {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    main()
