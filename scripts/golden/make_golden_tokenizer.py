#!/usr/bin/env python3
"""Writes tests/golden/tokenizer: what Hugging Face's tokenizer makes of many texts.

usage: make_golden_tokenizer.py [SHARED]

SHARED is the directory with data/tokenizers and data/squad (default: `shared` beside the checkout);
without it the digests of the published vocabularies and of SQuAD are left as they are.

The reference is the pipeline of transformers' BertTokenizer (BertNormalizer, BertPreTokenizer,
WordPiece), built without added tokens, so that "[SEP]" in a text is plain text. All offsets are
written in bytes. A digest is the CRC-32 of the stream that `Digest` describes.
"""

import json
import pathlib
import struct
import sys
import zlib

from tokenizers import PreTokenizedString, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordPiece

from tokenizer_texts import INVALID_TEXTS, RANDOM_POOLS, TEXTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "tests" / "golden" / "tokenizer"

# do_lower_case, strip_accents, tokenize_chinese_chars as in tokenizer_config.json.
MODES = {
    "uncased": (True, None, True),
    "cased": (False, None, True),
    "lower_keep_accents": (True, False, True),
    "cased_strip_accents": (False, True, True),
    "uncased_keep_ideographs": (True, None, False),
}
SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CODE_POINTS_PER_DIGEST = 0x1000
RANDOM_SEED = 20200704
RANDOM_TEXTS_PER_DIGEST = 1000
RANDOM_DIGESTS = 20
MAX_VOCABULARY_BYTES = 60_000


class Digest:
    """CRC-32 of little-endian 32-bit integers and UTF-8 strings."""

    def __init__(self):
        self.value = 0

    def add_bytes(self, data):
        self.value = zlib.crc32(data, self.value)

    def add_integers(self, *values):
        self.add_bytes(struct.pack(f"<{len(values)}i", *values))


def decode_tolerantly(data):
    """The text of `data` with U+FFFD for each invalid byte, and the byte offsets of its characters."""
    chars, offsets, at = [], [0], 0
    while at < len(data):
        char, size = "\ufffd", 1
        for length in (1, 2, 3, 4):
            try:
                char, size = data[at : at + length].decode("utf-8"), length
                break
            except UnicodeDecodeError:
                continue
        chars.append(char)
        at += size
        offsets.append(at)
    return "".join(chars), offsets


def byte_offsets(text):
    offsets = [0]
    for char in text:
        offsets.append(offsets[-1] + len(char.encode()))
    return offsets


def make_normalizer(mode):
    lower_case, strip_accents, ideographs = MODES[mode]
    return normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=ideographs,
        strip_accents=strip_accents,
        lowercase=lower_case,
    )


class Words:
    """The cleaned words of a text, before they are cut into pieces."""

    def __init__(self, mode):
        self.normalizer = make_normalizer(mode)
        self.pre_tokenizer = pre_tokenizers.BertPreTokenizer()

    def __call__(self, text):
        state = PreTokenizedString(text)
        state.normalize(self.normalizer.normalize)
        self.pre_tokenizer.pre_tokenize(state)
        offsets = byte_offsets(text)
        splits = state.get_splits("original", "char")
        return [(word, offsets[begin], offsets[end]) for word, (begin, end), _ in splits]


def make_tokenizer(vocabulary, mode):
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = make_normalizer(mode)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def tokenize(tokenizer, text, offsets=None):
    """[id, begin, end] of each token, offsets in bytes."""
    encoding = tokenizer.encode(text, add_special_tokens=False)
    offsets = offsets or byte_offsets(text)
    return [[i, offsets[b], offsets[e]] for i, (b, e) in zip(encoding.ids, encoding.offsets)]


def load_vocabulary(path):
    return {line.rstrip(): i for i, line in enumerate(path.read_text("utf-8").split("\n")[:-1])}


def cleaned_words():
    words = {}
    for mode in MODES:
        split = Words(mode)
        for text in TEXTS:
            for word, _, _ in split(text):
                words[word] = words.get(word, 0) + 1
    return words


def make_vocabulary():
    """Characters of the texts but for some, so that there are unknown words, and frequent pieces."""
    words = cleaned_words()
    initial = {chr(c) for c in range(0x21, 0x7F)}
    continuing = {chr(c) for c in range(0x30, 0x7B) if chr(c).isalnum()}
    counts = {}
    for word, count in words.items():
        if ord(word[0]) % 11:
            initial.add(word[0])
        continuing.update(c for c in word[1:40] if ord(c) % 13)
        for size in range(2, 9):
            for begin in range(0, min(len(word), 24) - size + 1):
                piece = (begin > 0, word[begin : begin + size])
                counts[piece] = counts.get(piece, 0) + count * size
    ranked = sorted(counts, key=lambda piece: (-counts[piece], piece))
    for is_continuing, piece in ranked[:1500]:
        (continuing if is_continuing else initial).add(piece)
    tokens = SPECIAL_TOKENS + sorted(initial) + ["##" + piece for piece in sorted(continuing)]
    assert len("\n".join(tokens).encode()) < MAX_VOCABULARY_BYTES
    return tokens


def write_json_lines(name, rows):
    with open(OUTPUT / name, "w", encoding="ascii", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n")


def write_json(name, value):
    (OUTPUT / name).write_text(json.dumps(value, ensure_ascii=True, indent=1) + "\n", "ascii")


def write_texts(vocabulary):
    tokenizers = {mode: make_tokenizer(vocabulary, mode) for mode in MODES}
    rows = []
    for text in TEXTS:
        rows.append({"text": text, **{m: tokenize(t, text) for m, t in tokenizers.items()}})
    for data in INVALID_TEXTS:
        text, offsets = decode_tolerantly(data)
        tokens = {m: tokenize(t, text, offsets) for m, t in tokenizers.items()}
        rows.append({"bytes": data.hex(), "boundaries": offsets, **tokens})
    write_json_lines("texts.jsonl", rows)
    return rows


def add_words(digest, words):
    for word, begin, end in words:
        digest.add_bytes(word.encode())
        digest.add_integers(begin, end)
    digest.add_integers(-1)


def code_point_digests(mode):
    split = Words(mode)
    digests = []
    for first in range(0, 0x110000, CODE_POINTS_PER_DIGEST):
        digest = Digest()
        for code in range(first, first + CODE_POINTS_PER_DIGEST):
            if not 0xD800 <= code <= 0xDFFF:
                add_words(digest, split(f"a{chr(code)}b"))
        digests.append(digest.value)
    return digests


def random_texts():
    """The same texts as the C++ test makes: a linear congruential generator over the pools."""
    state = RANDOM_SEED

    def draw(bound):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % bound

    def draw_char(pool):
        first, last = RANDOM_POOLS[pool]
        return chr(first + draw(last - first + 1))

    for _ in range(RANDOM_DIGESTS * RANDOM_TEXTS_PER_DIGEST):
        pools = [draw(len(RANDOM_POOLS)) for _ in range(3)]
        yield "".join(draw_char(pools[draw(3)]) for _ in range(draw(32)))


def random_digests(mode):
    split = Words(mode)
    texts = random_texts()
    digests = []
    for _ in range(RANDOM_DIGESTS):
        digest = Digest()
        for _ in range(RANDOM_TEXTS_PER_DIGEST):
            add_words(digest, split(next(texts)))
        digests.append(digest.value)
    return digests


def write_words():
    modes = ("uncased", "cased", "lower_keep_accents")
    write_json("code_points.json", {
        "code_points_per_digest": CODE_POINTS_PER_DIGEST,
        "digests": {mode: code_point_digests(mode) for mode in modes},
    })
    write_json("random.json", {
        "seed": RANDOM_SEED,
        "texts_per_digest": RANDOM_TEXTS_PER_DIGEST,
        "pools": RANDOM_POOLS,
        "digests": {mode: random_digests(mode) for mode in MODES},
    })


def token_digests(tokenizer, texts):
    """[number of tokens, CRC-32 of the ids, CRC-32 of the spans]; each text ends with -1."""
    ids, spans, count = Digest(), Digest(), 0
    for text in texts:
        tokens = tokenize(tokenizer, text)
        ids.add_integers(*(token[0] for token in tokens), -1)
        spans.add_integers(*(offset for token in tokens for offset in token[1:]), -1)
        count += len(tokens)
    return [count, ids.value, spans.value]


def squad_texts(article):
    for paragraph in article["paragraphs"]:
        yield paragraph["context"]
        for question in paragraph["qas"]:
            yield question["question"]


def write_published(shared):
    published = {}
    for model, mode in (("bert-base-uncased", "uncased"), ("bert-base-cased", "cased")):
        vocabulary = load_vocabulary(shared / "data" / "tokenizers" / model / "vocab.txt")
        tokenizer = make_tokenizer(vocabulary, mode)
        digests = {"texts": [token_digests(tokenizer, [text]) for text in TEXTS]}
        for name in ("dev-v1.1.json", "dev-v2.0-reconstructed.json"):
            articles = json.loads((shared / "data" / "squad" / name).read_text("utf-8"))["data"]
            digests[name] = [token_digests(tokenizer, squad_texts(a)) for a in articles]
        published[model] = digests
    text = json.dumps(published, indent=None, separators=(",", ":"))
    (OUTPUT / "published.json").write_text(text.replace("],[", "],\n[") + "\n", "ascii")


def main():
    OUTPUT.mkdir(parents=True, exist_ok=True)
    tokens = make_vocabulary()
    (OUTPUT / "vocab.txt").write_text("\n".join(tokens) + "\n", "utf-8")
    write_texts({token: i for i, token in enumerate(tokens)})
    write_words()
    shared = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared"
    if shared.is_dir():
        write_published(shared)


if __name__ == "__main__":
    main()
