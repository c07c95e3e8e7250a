#!/usr/bin/env python3
"""Writes tests/golden/tokenizer/tokenizer.json: what transformers saves of a BertTokenizer.

usage: make_golden_tokenizer_json.py

The vocabulary is tests/golden/tokenizer/vocab.txt, the options are the defaults (uncased). Since
version 5 transformers saves this file and tokenizer_config.json, and no vocab.txt.
"""

import json
import pathlib
import tempfile

from transformers import AutoTokenizer

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "tokenizer"


def main():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        (directory / "vocab.txt").write_bytes((OUTPUT / "vocab.txt").read_bytes())
        (directory / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
        AutoTokenizer.from_pretrained(directory).save_pretrained(directory / "saved")
        saved = json.loads((directory / "saved" / "tokenizer.json").read_text(encoding="utf-8"))
    text = json.dumps(saved, ensure_ascii=False, separators=(",", ":"))
    (OUTPUT / "tokenizer.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
