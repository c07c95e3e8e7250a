#!/usr/bin/env python3
"""Writes tests/golden/bpe_tokenizer: what Hugging Face's RobertaTokenizerFast makes of many texts.

usage: make_golden_bpe_tokenizer.py

Needs transformers 4 and tokenizers. The tokenizer is the pipeline of RobertaTokenizerFast (ByteLevel,
BPE) built without added tokens, so that "<s>" in a text is plain text.

Spans are those of the reference with trim_offsets, but for tokens that hold nothing but spaces, which
have none there: they have the spaces, and the added one of add_prefix_space the character after it.
All offsets are written in bytes. Digests are those of make_golden_tokenizer.py.

vocab.json and merges.txt are a small model trained on the texts; the special tokens stand where
RoBERTa has them.
"""

import json
import pathlib
import tempfile

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import RobertaTokenizerFast

from make_golden_tokenizer import (
    CODE_POINTS_PER_DIGEST,
    ROOT,
    Digest,
    byte_offsets,
    decode_tolerantly,
    random_texts,
)
from tokenizer_texts import INVALID_TEXTS, TEXTS

OUTPUT = ROOT / "tests" / "golden" / "bpe_tokenizer"
SPECIAL_TOKENS = ["<s>", "<pad>", "</s>", "<unk>"]
VOCABULARY_SIZE = 1200
# add_prefix_space as in tokenizer_config.json.
MODES = {"default": False, "prefix": True}
RANDOM_TEXTS_PER_DIGEST = 1000
# What GPT-2's pattern is about.
BPE_TEXTS = [
    "don't we'll they've I'm you're he'd it's", "DON'T WE'LL", "'s't're've'm'll'd", " 's 't '", "''s '''", "'",
    "a'sb a 'sb a's'b", "x'lly 'l 've'", "-'s", "  's", "a  b   c    d", "a \n b", "a\n\nb \n", "\n a", "a\t\tb\t c",
    "tail  ", "tail \n", " \u3000a\u3000 b", "\xa0a \xa0 b\xa0", "a\x85b \x85 c", "\u2028a\u2029 b",
    "abc123 4def 5 6", "1\u00b2\u00bd\u2167 \u0661\u0662", "...!? -- (a) [b]", " \u00e9\u00e9 \u4e2d\u6587 \ud55c",
    "<s> </s> <pad> <unk> <mask>", "a<s>b", "\u0120\u010a \u0120a", "of the \u2581of", "\U0001f600 \U0001f600a",
    "e\u0301 e \u0301", "a\u200bb \u200b", "\x00 \x01\x02", "a " * 40, "\u00e9" * 60, " " * 60, "\n" * 50, "'s" * 40,
    "the" * 60, "ab" * 200,
]


def train():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words = "the of and in to was is who what when where how many first city river king".split()
    texts = TEXTS + BPE_TEXTS + [f"{a} {b} of {a}s, {b}'s {n}" for n, a in enumerate(words) for b in words]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    vocabulary = model["vocab"] | {"<mask>": len(model["vocab"])}
    return vocabulary, [tuple(merge) for merge in model["merges"]]


def write_model(vocabulary, merges):
    (OUTPUT / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    lines = ["#version: 0.2", *(" ".join(merge) for merge in merges)]
    (OUTPUT / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")


def write_saved():
    """tokenizer.json and tokenizer_config.json as transformers saves them."""
    with tempfile.TemporaryDirectory() as name:
        RobertaTokenizerFast.from_pretrained(str(OUTPUT)).save_pretrained(name)
        saved = pathlib.Path(name)
        text = json.dumps(json.loads((saved / "tokenizer.json").read_text("utf-8")), ensure_ascii=False,
                          separators=(",", ":"))
        config = (saved / "tokenizer_config.json").read_text("utf-8")
    (OUTPUT / "saved").mkdir(exist_ok=True)
    (OUTPUT / "saved" / "tokenizer.json").write_text(text + "\n", "utf-8")
    (OUTPUT / "saved" / "tokenizer_config.json").write_text(config.rstrip() + "\n", "utf-8")


class Reference:
    """RobertaTokenizerFast without its added tokens, once with trimmed offsets and once without."""

    def __init__(self, add_prefix_space):
        whole = RobertaTokenizerFast.from_pretrained(str(OUTPUT), add_prefix_space=add_prefix_space)
        state = json.loads(whole.backend_tokenizer.to_str())
        assert state["pre_tokenizer"]["add_prefix_space"] is add_prefix_space
        state |= {"added_tokens": [], "post_processor": None}
        self.prefix = add_prefix_space
        self.plain = Tokenizer.from_str(json.dumps(state))
        state["post_processor"] = {
            "type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": True, "use_regex": True}
        self.trimming = Tokenizer.from_str(json.dumps(state))

    def tokens(self, text):
        """(id, begin, end) of each token, in characters."""
        plain = self.plain.encode(text, add_special_tokens=False)
        trimmed = self.trimming.encode(text, add_special_tokens=False)
        added = self.prefix and not text.startswith(" ")
        result = []
        for i, (name, (begin, end)) in enumerate(zip(plain.tokens, plain.offsets)):
            if set(name) == {"\u0120"}:
                span = (begin, max(end, begin + 1))
                if i == 0 and added:
                    span = (0, 1)
            else:
                span = trimmed.offsets[i]
                if i == 0 and self.prefix and not added:
                    # The reference takes the text's own space for the one that it would have added.
                    span = (begin + len(text[begin:end]) - len(text[begin:end].lstrip(" ")), span[1])
            result.append((plain.ids[i], *span))
        return result


def tokenize(reference, text, offsets=None):
    offsets = offsets or byte_offsets(text)
    return [[i, offsets[b], offsets[e]] for i, b, e in reference.tokens(text)]


def write_texts(references):
    with open(OUTPUT / "texts.jsonl", "w", encoding="ascii", newline="\n") as file:
        rows = [({"text": text}, text, None) for text in TEXTS + BPE_TEXTS]
        rows += [({"bytes": data.hex()}, *decode_tolerantly(data)) for data in INVALID_TEXTS]
        for row, text, offsets in rows:
            row |= {mode: tokenize(r, text, offsets) for mode, r in references.items()}
            file.write(json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n")


def token_digest(reference, texts):
    """[number of tokens, CRC-32 of ids and spans]; each text ends with -1."""
    digest, count = Digest(), 0
    for text in texts:
        tokens = tokenize(reference, text)
        digest.add_integers(*(number for token in tokens for number in token), -1)
        count += len(tokens)
    return [count, digest.value]


def write_random(references):
    texts = list(random_texts())
    batches = [texts[first:first + RANDOM_TEXTS_PER_DIGEST] for first in range(0, len(texts), RANDOM_TEXTS_PER_DIGEST)]
    digests = {mode: [token_digest(r, batch) for batch in batches] for mode, r in references.items()}
    (OUTPUT / "random.json").write_text(json.dumps(digests).replace("],", "],\n") + "\n", "ascii")


def word_ends(pre_tokenizer, text):
    offsets = byte_offsets(text)
    return [offsets[end] for _, (_, end) in pre_tokenizer.pre_tokenize_str(text)]


def write_code_points():
    """Digest of the ends of the words of texts with every code point, by block."""
    pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    digests = []
    for first in range(0, 0x110000, CODE_POINTS_PER_DIGEST):
        digest = Digest()
        for code in range(first, first + CODE_POINTS_PER_DIGEST):
            if not 0xD800 <= code <= 0xDFFF:
                c = chr(code)
                digest.add_integers(*word_ends(pre_tokenizer, f"a{c}1{c}-{c} {c}"), -1)
        digests.append(digest.value)
    value = {"code_points_per_digest": CODE_POINTS_PER_DIGEST, "digests": digests}
    (OUTPUT / "code_points.json").write_text(json.dumps(value) + "\n", "ascii")


def write_nfc():
    """Digests of the normal form C of every code point, and of random texts, in UTF-8."""
    nfc = normalizers.NFC()
    code_points, texts = [], list(random_texts())
    for first in range(0, 0x110000, CODE_POINTS_PER_DIGEST):
        digest = Digest()
        for code in range(first, first + CODE_POINTS_PER_DIGEST):
            if not 0xD800 <= code <= 0xDFFF:
                digest.add_bytes(nfc.normalize_str(f"a{chr(code)}\u0323{chr(code)}").encode() + b"\n")
        code_points.append(digest.value)
    random = []
    for first in range(0, len(texts), RANDOM_TEXTS_PER_DIGEST):
        digest = Digest()
        for text in texts[first:first + RANDOM_TEXTS_PER_DIGEST]:
            digest.add_bytes(nfc.normalize_str(text).encode() + b"\n")
        random.append(digest.value)
    value = {"code_points_per_digest": CODE_POINTS_PER_DIGEST, "code_points": code_points, "random": random}
    (OUTPUT / "nfc.json").write_text(json.dumps(value) + "\n", "ascii")


def main():
    OUTPUT.mkdir(parents=True, exist_ok=True)
    if not (OUTPUT / "vocab.json").is_file():
        write_model(*train())
    write_saved()
    references = {mode: Reference(prefix) for mode, prefix in MODES.items()}
    write_texts(references)
    write_random(references)
    write_code_points()
    write_nfc()


if __name__ == "__main__":
    main()
