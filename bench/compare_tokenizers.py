#!/usr/bin/env python3
"""Tokenizers against Hugging Face's in Rust, on the contexts and questions of a SQuAD file, on one thread, in turn.

Both make ids and offsets of the same texts. KIND is bert, roberta or xlnet (the directory's vocabulary, theirs made from it), or json (both read the
directory's tokenizer.json). Reads deformer_tokenizer_speed (bench/tokenizer_speed.cpp).

Development only: needs transformers and tokenizers.

  bench/compare_tokenizers.py build/release/bench/deformer_tokenizer_speed DEV bert=DIR roberta=DIR json=DIR
"""
import argparse
import json
import os
import statistics
import subprocess
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import tokenizers  # noqa: E402
import transformers  # noqa: E402

from machine import cpu_name  # noqa: E402

CLASSES = {
    "bert": transformers.BertTokenizerFast,
    "roberta": transformers.RobertaTokenizerFast,
    "xlnet": transformers.XLNetTokenizerFast,
}


def backend(kind, directory):
    if kind == "json":
        return tokenizers.Tokenizer.from_file(f"{directory}/tokenizer.json")
    return CLASSES[kind].from_pretrained(directory).backend_tokenizer


def texts_of(path):
    for article in json.load(open(path, encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            yield paragraph["context"]
            for question in paragraph["qas"]:
                yield question["question"]


def ours(program, directory, squad):
    words = subprocess.run([program, directory, squad, "1"], check=True, capture_output=True, text=True).stdout.split()
    return float(words[0]), int(words[1]), int(words[2])


def theirs(tokenizer, texts):
    begin = time.perf_counter()
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    return time.perf_counter() - begin, sum(len(encoding) for encoding in encodings)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("squad")
    parser.add_argument("tokenizers", nargs="+", metavar="KIND=DIR")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    texts = list(texts_of(options.squad))
    print(f"{cpu_name()}, tokenizers {tokenizers.__version__}, {len(texts)} texts")
    for kind, directory in (entry.split("=", 1) for entry in options.tokenizers):
        their_tokenizer = backend(kind, directory)
        times = {"ours": [], "theirs": []}
        for _ in range(options.rounds):
            seconds, tokens, size = ours(options.program, directory, options.squad)
            times["ours"].append(seconds)
            seconds, other_tokens = theirs(their_tokenizer, texts)
            times["theirs"].append(seconds)
            # From a SentencePiece model ours are the ids of the tokenizer in Python, docs/model_format.md.
            assert tokens == other_tokens or kind == "xlnet", (tokens, other_tokens)
        medians = {name: statistics.median(values) for name, values in times.items()}
        ratios = [b / a for a, b in zip(times["ours"], times["theirs"])]
        print(f"{kind}: {tokens} tokens, {size / 1e6:.2f} MB; ours {size / 1e6 / medians['ours']:.1f} MB/s, "
              f"theirs {size / 1e6 / medians['theirs']:.1f} MB/s, "
              f"{statistics.median(ratios):.1f}x ({min(ratios):.1f} to {max(ratios):.1f})")


if __name__ == "__main__":
    main()
