#!/usr/bin/env python3
"""Writes tests/golden/added_tokens.json: what Hugging Face's `tokenizers` makes of texts with tokens that were added to a
finished tokenizer, plain ones and such as are searched for behind the normalizer.

    python3 scripts/golden/make_golden_added_tokens.py
    python3 scripts/golden/make_golden_added_tokens.py --check    # compares with what is committed

Needs tokenizers. Each form is a committed tokenizer.json (`base`) with other parts in place of its own (`changes`). `texts` are
rows {"text", "ids", "spans"}; the spans, [begin, end] in bytes, of whole characters. A form of byte-level BPE has the spans of
the added tokens alone, in texts of normal form C, null for the others. `digest` is [number of tokens, CRC-32 of the ids] of the
first 2,000 texts of make_golden_tokenizer.py, each with one of the added tokens between it and the next text, each followed
by -1.
"""

import argparse
import itertools
import json
import pathlib
import unicodedata

from tokenizers import Tokenizer

from make_golden_tokenizer import Digest, byte_offsets, random_texts
from tokenizer_texts import TEXTS

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
OUTPUT = GOLDEN / "added_tokens.json"
RANDOM_TEXTS = 2000


def tokens(vocabulary, contents):
    """(content, normalized), as entries of added_tokens. One of the vocabulary keeps its id."""
    ids = itertools.count(1 + max(vocabulary.values()))
    return [{"id": vocabulary.get(content) or next(ids), "content": content, "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": normalized, "special": False} for content, normalized in contents]


def bert(**options):
    return {"normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                           "lowercase": True, **options}}


BERT_TOKENS = [("[Q1]", True), ("NewWord", True), ("Caf\u00e9", True), ("\u4e2d\u6587", True), ("new  word", True),
               ("[Q2]", False), ("Word", False), ("\u00c5", True), ("ing", True), ("[Q1] x", True)]
FORMS = {
    "bert": ("tokenizer", bert(), BERT_TOKENS),
    "bert_cased": ("tokenizer", bert(lowercase=False), BERT_TOKENS),
    "bert_accents": ("tokenizer", bert(strip_accents=False, handle_chinese_chars=False), BERT_TOKENS),
    "bpe": ("bpe_tokenizer/saved", {}, [("<q>", True), ("\u00c5", True), ("NewWord", False), ("New", True)]),
    "bpe_nfc": ("bpe_tokenizer/saved", {"normalizer": {"type": "NFC"}},
                [("<q>", False), ("cafe\u0301", True), ("\u212b", True), ("new word", True)]),
}
MORE_TEXTS = [
    "[Q1]", "[q1][Q1]", "Ask [Q1] now.", "a[Q2]b [q2]", "NewWord newword NEWWORD NewWorld", "new  word", "new word", "new\tword",
    "new \u00a0word", "Caf\u00e9 cafe CAFE\u0301 caf\u00e9s", "\u4e2d\u6587 \u4e2d \u6587 x\u4e2d\u6587y", "\u4e2d\u3000\u6587",
    "\u212b \u00c5 A\u030a \u00e5 a", "singing ing \u0130ng", "[Q1] x", "[Q1]  x", "[Q\u00001]", "[Q\u200b1]", "New\u00adWord", "[Q1",
    "Q1]", "[[Q1]]", "<q><Q> <q> x", "cafe\u0301 caf\u00e9 cafe", "NewWordNewWord Newer", " [Q1] ", "", " ", "\n[Q1]\n",
]


def document_of(base, changes, contents):
    document = {**json.loads((GOLDEN / base / "tokenizer.json").read_text("utf-8")), **changes}
    # Without special tokens, so that "[SEP]" in a text is plain text.
    return document, tokens(document["model"]["vocab"], contents)


def spans_in_bytes(encoding, text, is_shown):
    offsets = byte_offsets(text)
    return [[offsets[begin], offsets[end]] if is_shown(i) else None for i, (begin, end) in zip(encoding.ids, encoding.offsets)]


def make_rows(document, added, encode):
    is_bpe = document["model"]["type"] == "BPE"
    known = {token["id"] for token in added}
    for text in TEXTS[::4] + MORE_TEXTS:
        encoding = encode(text)
        # Hugging Face leaves a mark that was composed out of the span.
        keeps_marks = not is_bpe or unicodedata.is_normalized("NFC", text)
        spans = spans_in_bytes(encoding, text, lambda i: keeps_marks and (not is_bpe or i in known))
        yield {"text": text, "ids": encoding.ids, "spans": spans}


def make_form(base, changes, contents):
    document, added = document_of(base, changes, contents)
    tokenizer = Tokenizer.from_str(json.dumps({**document, "added_tokens": added, "post_processor": None}))
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False)
    texts = list(itertools.islice(random_texts(), RANDOM_TEXTS + 1))
    digest, count = Digest(), 0
    for i in range(RANDOM_TEXTS):
        ids = encode(texts[i] + added[i % len(added)]["content"] + texts[i + 1]).ids
        digest.add_integers(*ids, -1)
        count += len(ids)
    return {"base": base, "changes": {**changes, "added_tokens": added}, "digest": [count, digest.value], "texts": list(make_rows(document, added, encode))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    forms = {name: make_form(*form) for name, form in FORMS.items()}
    text = json.dumps(forms, separators=(",", ":")).replace('{"text"', '\n{"text"').replace('"base"', '\n"base"') + "\n"
    if not options.check:
        OUTPUT.write_text(text, "ascii")
    elif OUTPUT.read_text("ascii") != text:
        raise SystemExit(f"{OUTPUT}: differs")


if __name__ == "__main__":
    main()
