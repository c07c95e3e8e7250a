#!/usr/bin/env python3
"""Writes tests/golden/xlnet_tokenizer: what Hugging Face's XLNetTokenizer makes of many texts.

usage: make_golden_xlnet_tokenizer.py [SHARED]

SHARED is the directory with data/tokenizers and data/squad (default: `shared` beside the checkout);
without it the digests of the published model and of SQuAD are left as they are.

Needs transformers 4 (XLNetTokenizer in Python; that of transformers 5 cuts no commas off) and
sentencepiece 0.1.97, so that the small model can be made again byte for byte.

Ids are those of XLNetTokenizer._tokenize, so that "<sep>" in a text is plain text. Spans come from
no offsets of SentencePiece: each character of the text is normalised by itself, and the pieces are
laid along these characters; null where that is not possible because characters were normalised
together. All offsets are written in bytes. Digests are those of make_golden_tokenizer.py.

spiece.model is a small model trained on the texts, kept when it is there.
"""

import json
import pathlib
import sys
import tempfile
import unicodedata

import sentencepiece
from transformers import XLNetTokenizer

from make_golden_tokenizer import (
    CODE_POINTS_PER_DIGEST,
    ROOT,
    Digest,
    byte_offsets,
    decode_tolerantly,
    random_texts,
    squad_texts,
)
from tokenizer_texts import INVALID_TEXTS, TEXTS

OUTPUT = ROOT / "tests" / "golden" / "xlnet_tokenizer"
MARK = "\u2581"
# remove_space, keep_accents, do_lower_case as in tokenizer_config.json.
MODES = {
    "default": (True, False, False),
    "keep_spaces": (False, False, False),
    "keep_accents": (True, True, False),
    "lower": (True, False, True),
    "lower_keep_accents": (True, True, True),
}
# What XLNet's own rules are about.
XLNET_TEXTS = [
    "In 1990, 12,345 people, i.e. 3,4 of 5, came.",
    "1,", "a1,", "1,2,3,", "(1990,1991)", "1990,\n1991,", ",1,", "x 7, y", "\u0661\u0662, \u2460, \u00b2,",
    "\uff11\uff12, \uff13,", "``quoted'' text, `single' and '''three'''", "'' ``", "```", "''''",
    "It''s", "` `", "caf\u00e9 na\u00efve \u00c5ngstr\u00f6m", "e\u0301\u0316x", "\u00b4 \u00a8x", "\ufb01ne \ufb03x",
    "\u1e9b\u0323", "\ud55c\uad6d\uc5b4 10,", "a\u200bb", "\u200b a", "a \u200b", "\u200b", "\u0301", " \u0301 ",
    "<sep> <cls> <pad> <unk> <eop> <eod>", "\u2581 \u2581x", "x\u2581y 1\u25812,", "\u0130stanbul", "\u039f\u0394\u039f\u03a3 \u03a3",
    "\x1c a \x1f b \x85 c", "tab\tand\vmore\fspace", "\ufdfa", "\u2776, \u278a,",
]
CORPUS_NUMBERS = range(0, 2500, 7)
VOCABULARY_SIZE = 900
RANDOM_TEXTS_PER_DIGEST = 1000


def train(path):
    """Like the published one: unigram, the same special pieces, some characters unknown."""
    sentences = [text for text in TEXTS + XLNET_TEXTS if text.strip() and "\0" not in text]
    sentences = [" ".join(text.split()) for text in sentences]
    sentences += [f"in {n}, {n},{n % 1000:03} of {n % 97}, and {n % 13}, or {n % 7}" for n in CORPUS_NUMBERS]
    sentences += [" ".join(chr(c) for c in range(0x21, 0x7F))] * 40
    words = "the of and in to was is who what when where how many first city river king".split()
    sentences += [f"{a} {b} of {a}s, {b}" for a in words for b in words]
    with tempfile.TemporaryDirectory() as folder:
        rules = pathlib.Path(folder) / "rules.tsv"
        pairs = {"\u200b": "", "\u00ad": "", "\t": " ", "\uff0c": ",", "\ufb01": "fi",
                 **{chr(0xFF10 + digit): str(digit) for digit in range(10)}}
        rules.write_text("".join(
            " ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n"
            for source, target in pairs.items()), "utf-8")
        prefix = str(pathlib.Path(folder) / "spiece")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_prefix=prefix,
            vocab_size=VOCABULARY_SIZE,
            character_coverage=0.98,
            hard_vocab_limit=False,
            control_symbols=["<cls>", "<sep>", "<pad>", "<mask>", "<eod>"],
            user_defined_symbols=["<eop>", ".", "(", ")", '"', "-"],
            normalization_rule_tsv=str(rules),
            shuffle_input_sentence=False,
            num_threads=1,
            minloglevel=2,
        )
        path.write_bytes(without_paths(pathlib.Path(prefix + ".model").read_bytes()))


def without_paths(model):
    """A model remembers the files that it was trained from."""
    from transformers.utils.sentencepiece_model_pb2_new import ModelProto

    proto = ModelProto.FromString(model)
    proto.trainer_spec.ClearField("model_prefix")
    proto.normalizer_spec.ClearField("normalization_rule_tsv")
    return proto.SerializeToString()


def make_tokenizer(model, mode):
    remove_space, keep_accents, lower_case = MODES[mode]
    return XLNetTokenizer(
        str(model), remove_space=remove_space, keep_accents=keep_accents, do_lower_case=lower_case)


class Reference:
    """Ids of a tokenizer of transformers, and the spans of its pieces in characters.

    `clean` is what it does to a text before its SentencePiece model sees it; with `joins_quotes` that
    makes one character of `` and of ''.
    """

    def __init__(self, tokenizer, clean, joins_quotes):
        self.tokenizer = tokenizer
        self.clean = clean
        self.quotes = ("``", "''") if joins_quotes else ()
        self.known = {}

    def pieces(self, text):
        return self.tokenizer._tokenize(text)

    def ids(self, pieces):
        return [self.tokenizer._convert_token_to_id(piece) for piece in pieces]

    def encode(self, text):
        model = getattr(self.tokenizer, "sp_model", None) or self.tokenizer._tokenizer.spm
        return model.encode(text, out_type=str)

    def normalised(self, char):
        """What one character becomes, without white space."""
        if char not in self.known:
            self.known[char] = "".join(self.encode(self.clean(char))).replace(MARK, "")
        return self.known[char]

    def units(self, text):
        """(normalised character, its first and last source), in order."""
        units, at = [], 0
        while at < len(text):
            size = 2 if text[at:at + 2] in self.quotes else 1
            char = '"' if size == 2 else text[at]
            units += [(part, at, at + size) for part in self.normalised(char)]
            at += size
        return units

    def spans(self, text, pieces):
        units = self.units(text)
        if "".join(unit[0] for unit in units) != "".join(pieces).replace(MARK, ""):
            return None
        spans, at = [], 0
        for piece in pieces:
            size = len(piece.replace(MARK, ""))
            first, last = min(at, len(units) - 1), max(at, min(at + size - 1, len(units) - 1))
            spans.append((units[first][1], units[min(last, len(units) - 1)][2]))
            at += size
        return spans


def xlnet_reference(model, mode):
    tokenizer = make_tokenizer(model, mode)
    return Reference(tokenizer, tokenizer.preprocess_text, joins_quotes=True)


def tokenize(reference, text, offsets=None):
    """[id, begin, end] of each token, or ids alone where there are no spans; offsets in bytes."""
    pieces = reference.pieces(text)
    ids = reference.ids(pieces)
    spans = reference.spans(text, pieces)
    offsets = offsets or byte_offsets(text)
    if spans is None:
        return ids
    return [[i, offsets[b], offsets[e]] for i, (b, e) in zip(ids, spans)]


def write_texts(references):
    with open(OUTPUT / "texts.jsonl", "w", encoding="ascii", newline="\n") as file:
        rows = [({"text": text}, text, None) for text in TEXTS + XLNET_TEXTS]
        rows += [({"bytes": data.hex()}, *decode_tolerantly(data)) for data in INVALID_TEXTS]
        for row, text, offsets in rows:
            row |= {mode: tokenize(r, text, offsets) for mode, r in references.items()}
            file.write(json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n")


def id_digest(reference, texts):
    """[number of tokens, CRC-32 of the ids]; each text ends with -1."""
    digest, count = Digest(), 0
    for text in texts:
        ids = reference.ids(reference.pieces(text))
        digest.add_integers(*ids, -1)
        count += len(ids)
    return [count, digest.value]


def is_old_enough(code):
    """Assigned in the Unicode version of this Python, and no surrogate."""
    return unicodedata.category(chr(code)) not in ("Cn", "Cs")


def cleaned_code_points(reference):
    """Digest of the cleaned text "a?b" of every assigned code point, by block."""
    digests = []
    for first in range(0, 0x110000, CODE_POINTS_PER_DIGEST):
        digest = Digest()
        for code in filter(is_old_enough, range(first, first + CODE_POINTS_PER_DIGEST)):
            digest.add_integers(code)
            digest.add_bytes(reference.clean(f"a{chr(code)}b").encode())
        digests.append(digest.value)
    return digests


def assigned_ranges():
    ranges = []
    for code in filter(is_old_enough, range(0x110000)):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return ranges


def write_code_points(references):
    digits = [code for code in range(0x110000) if is_old_enough(code) and chr(code).isdigit()]
    text = json.dumps({
        "code_points_per_digest": CODE_POINTS_PER_DIGEST,
        "assigned": assigned_ranges(),
        "digits": digits,
        "digests": {mode: cleaned_code_points(r) for mode, r in references.items()},
    }, separators=(",", ":"))
    (OUTPUT / "code_points.json").write_text(text.replace('],"', '],\n"') + "\n", "ascii")


def write_random(reference):
    texts = list(random_texts())
    digests = [id_digest(reference, texts[first:first + RANDOM_TEXTS_PER_DIGEST])
               for first in range(0, len(texts), RANDOM_TEXTS_PER_DIGEST)]
    (OUTPUT / "random.json").write_text(json.dumps(digests) + "\n", "ascii")


def write_published(shared):
    reference = xlnet_reference(shared / "data" / "tokenizers" / "xlnet-base-cased" / "spiece.model", "default")
    published = {"texts": [id_digest(reference, [text]) for text in TEXTS + XLNET_TEXTS]}
    for name in ("dev-v1.1.json", "dev-v2.0-reconstructed.json"):
        articles = json.loads((shared / "data" / "squad" / name).read_text("utf-8"))["data"]
        published[name] = [id_digest(reference, squad_texts(article)) for article in articles]
    text = json.dumps(published, separators=(",", ":"))
    (OUTPUT / "published.json").write_text(text.replace("],[", "],\n[") + "\n", "ascii")


def main():
    assert sentencepiece.__version__ == "0.1.97"
    OUTPUT.mkdir(parents=True, exist_ok=True)
    model = OUTPUT / "spiece.model"
    if not model.is_file():
        train(model)
    references = {mode: xlnet_reference(model, mode) for mode in MODES}
    write_texts(references)
    write_code_points(references)
    write_random(references["default"])
    shared = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared"
    if shared.is_dir():
        write_published(shared)


if __name__ == "__main__":
    main()
