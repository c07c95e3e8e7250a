#!/usr/bin/env python3
"""Writes tests/golden/{roberta,xlmr,albert,deberta}_tokenizer: what Hugging Face's fast tokenizers make of
many texts.

    python3 scripts/golden/make_golden_encoder_tokenizers.py            # writes the four directories
    python3 scripts/golden/make_golden_encoder_tokenizers.py --check    # compares with what is committed

Needs tokenizers, transformers 4, sentencepiece and protobuf. Tokenizers are built without added tokens, so
that "</s>" in a text is plain text. All offsets are written in bytes, of whole characters.

tokenizer.json is the directory's SentencePiece model as transformers saves it, with the options of mode
`default`.

texts.jsonl has the rows of tests/golden/tokenizer/texts.jsonl, by mode; one that a row does not have has the
tokens of `default`. Modes of roberta_tokenizer, whose
files are those of models/roberta-joint: `default`, and `prefix` with add_prefix_space. Of the others:
`small` is the tokenizer of models/<architecture>-joint, the rest is the model in the directory itself, which
is richer and has SentencePiece's own normaliser (nmt_nfkc), with other options (`MODES`), or with its
tokenizer.json as transformers writes it otherwise (`FORMS`).

A span of RoBERTa's is Hugging Face's: without the space before a word, empty for a token of a single space;
tokens that share a character have its span. Of the others, [id, begin, end] has the span without the white
space (and without characters that the normaliser drops) at its beginning, for which the piece has its mark;
[id] is a token of nothing else. "default.spans" (XLM-R) are Hugging Face's own spans. Where the tokenizer in
Python, which calls SentencePiece, gives other ids, "<mode>.sentencepiece" has those.

random.json has digests (make_golden_tokenizer.py) of the first 2,000 of that script's random texts, 100 to
each: [number of tokens, CRC-32 of the ids, of the spans], each text followed by -1; the spans are those of
texts.jsonl, -2 in place of one that is missing. "<mode>.sentencepiece" are numbers and CRC-32 of the ids of
the tokenizer in Python.

normalizers.json (ALBERT) has for some normalizers, and for `Precompiled` with the table of tokenizer.json,
the CRC-32 of what they make of each code point by itself: of each plane one, of the code points of each
result followed by -1.

code_points.json (RoBERTa) has ranges of the code points that the pattern of byte-level BPE takes for letters
(\\p{L}), numbers (\\p{N}) and white space (\\s).
"""

import argparse
import itertools
import json
import pathlib
import tempfile

import golden_tokenizers as kinds
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from transformers import AlbertTokenizer, DebertaV2Tokenizer, XLMRobertaTokenizer

from make_golden_tokenizer import Digest, byte_offsets, decode_tolerantly, random_texts
from tokenizer_texts import INVALID_TEXTS, RANDOM_POOLS, TEXTS

GOLDEN = kinds.GOLDEN
MARK = "\u2581"
RANDOM_TEXTS, TEXTS_PER_DIGEST = 2000, 100
# What these tokenizers' own rules are about.
MORE_TEXTS = [
    "In 1990, 12,345 people, i.e. 3,4 of 5, came.", "1,2,3,", "(1990,1991)", "``quoted'' text", "'' ``",
    "'''", "It''s",
    "it's IT'S they'll we've I'm he'd don't 'tis 's 'S", "a's't're", "x'", "''s", "I'Ve", "\u2019s it\u2019s",
    "(a)(b) \"c\"-d.e\u2013f\xa3g\u20ach", "( a ) - b", "a - b", "2\u20133 \xa35\u20ac6",
    "\u2581 \u2581x", "x\u2581y 1\u25812,", "<mask> <s>a</s> <unk> [MASK] [UNK]", "a <pad> b",
    "\u0120the \u0120", "\u010a",
    "two  spaces", "three   spaces ", " a", "  a", "   ", "a ", "a  ", "a\n\nb", "a \n b", "a\t b", "\n a",
    "a\u00a0 b", "a \u00a0b",
    "\u3000a\u3000\u3000b", "a\u2028b \u2029 c", "a\u0085b", "a\x1fb \x1f c", "\ufeffa", "\u200b",
    "a\u200b b", "\u200b a",
    "\uff11\uff12, \uff13,", "\uff21\uff22\uff23", "\ufb01ne \ufb03x", "e\u0301e \u0301", "e\u0301\u0316x",
    "\u1e9b\u0323", "\u00bd \u00b2",
    "\u0e40\u0e19\u0e49\u0e33", "\u0915\u094d\u0937", "\u1100\u1161\u11a8", "\U0001f468\u200d\U0001f469",
    "\u0130I\u0131", "\u039f\u0394\u039f\u03a3 \u03a3",
    "\u0661\u0662\u0663 \u2167 \u2460 \u00be", "x\u00b2y", "_a_ a_b", "a!?b", "don\u02bct", "end.", "\ufdfa",
    "\ufdfa\u0301",
]
# Without the texts that are about WordPiece's longest word.
ALL_TEXTS = [text for text in TEXTS if len(text) <= 120] + ["word " * 60, "\u4e00" * 150] + MORE_TEXTS


def plain(fast, unreachable=True):
    """The pipeline without added tokens; a Unigram model's special pieces get names that no text has."""
    document = json.loads(fast.backend_tokenizer.to_str())
    document["added_tokens"] = []
    if document["model"]["type"] == "Unigram":
        document["post_processor"] = None
        special = set(fast.all_special_tokens)
        for entry in document["model"]["vocab"] if unreachable else []:
            if entry[0] in special:
                entry[0] = f"special {entry[0]}"  # Spaces have become marks when pieces are looked up.
    return Tokenizer.from_str(json.dumps(document))


class Bpe:
    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def tokens(self, text):
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        return [(i, span) for i, span in zip(encoding.ids, encoding.offsets)]


class Pieces:
    """Of a Unigram model. `slow` is the tokenizer in Python, where there is one."""

    def __init__(self, tokenizer, slow=None):
        self.tokenizer, self.slow = tokenizer, slow
        self.dropped = {}

    def is_dropped(self, char):
        """Whether nothing or white space is left of it."""
        if char not in self.dropped:
            normalised = self.tokenizer.normalizer.normalize_str(char)
            self.dropped[char] = not normalised.replace(MARK, "").strip()
        return self.dropped[char]

    def encode(self, text):
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        return encoding.ids, encoding.tokens, encoding.offsets

    def tokens(self, text):
        tokens = []
        for i, piece, (begin, end) in zip(*self.encode(text)):
            while begin < end and self.is_dropped(text[begin]):
                begin += 1
            tokens.append((i, None if piece == MARK or begin == end else (begin, end)))
        return tokens

    def slow_ids(self, text):
        return self.slow.convert_tokens_to_ids(self.slow._tokenize(text))


def in_bytes(tokens, offsets):
    return [[i] if span is None else [i, offsets[span[0]], offsets[span[1]]] for i, span in tokens]


def write_texts(directory, references, with_spans=False):
    rows = [({"text": text}, text, byte_offsets(text)) for text in ALL_TEXTS]
    for data in INVALID_TEXTS:
        text, offsets = decode_tolerantly(data)
        rows.append(({"bytes": data.hex(), "boundaries": offsets}, text, offsets))
    with open(directory / "texts.jsonl", "w", encoding="ascii", newline="\n") as file:
        for row, text, offsets in rows:
            for mode, reference in references.items():
                tokens = in_bytes(reference.tokens(text), offsets)
                if tokens != row.get("default"):
                    row[mode] = tokens
                if isinstance(reference, Pieces) and reference.slow:
                    slow = reference.slow_ids(text)
                    if slow != [token[0] for token in tokens]:
                        row[f"{mode}.sentencepiece"] = slow
            if with_spans:
                row["default.spans"] = [[offsets[b], offsets[e]] for b, e in references["default"].encode(text)[2]]
            file.write(json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n")


def digest_of(reference, texts):
    ids, spans, count = Digest(), Digest(), 0
    for text in texts:
        tokens = in_bytes(reference.tokens(text), byte_offsets(text))
        ids.add_integers(*(token[0] for token in tokens), -1)
        for token in tokens:
            spans.add_integers(*(token[1:] or [-2]))
        spans.add_integers(-1)
        count += len(tokens)
    return [count, ids.value, spans.value]


def slow_digest(reference, texts):
    ids, count = Digest(), 0
    for text in texts:
        found = reference.slow_ids(text)
        ids.add_integers(*found, -1)
        count += len(found)
    return [count, ids.value]


def write_random(directory, references):
    texts = list(itertools.islice(random_texts(), RANDOM_TEXTS))
    parts = [texts[first:first + TEXTS_PER_DIGEST] for first in range(0, RANDOM_TEXTS, TEXTS_PER_DIGEST)]
    digests = {}
    for mode, reference in references.items():
        digests[mode] = [digest_of(reference, part) for part in parts]
        if isinstance(reference, Pieces) and reference.slow:
            digests[f"{mode}.sentencepiece"] = [slow_digest(reference, part) for part in parts]
    document = {"seed": 20200704, "texts_per_digest": TEXTS_PER_DIGEST, "pools": RANDOM_POOLS, "digests": digests}
    write_json(directory / "random.json", document)


def write_json(path, document):
    text = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
    path.write_text(text.replace('],"', '],\n"').replace("]],", "]],\n") + "\n", "ascii")


def ranges(codes):
    found = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def write_code_points(directory):
    """From what one character stays together with: a letter with "a", a number with "1", white space with
    nothing; a space before it belongs to it unless it is white space.
    """
    split = pre_tokenizers.ByteLevel(add_prefix_space=False)
    classes = {"letters": [], "numbers": [], "spaces": []}
    for code in itertools.chain(range(0xD800), range(0xE000, 0x110000)):
        char = chr(code)
        spans = {probe: [span for _, span in split.pre_tokenize_str(probe.replace("?", char))]
                 for probe in ("a?a", "1?1", " ?!")}
        if spans["a?a"] == [(0, 3)]:
            classes["letters"].append(code)
        elif spans["1?1"] == [(0, 3)]:
            classes["numbers"].append(code)
        elif spans[" ?!"][0] != (0, 3):
            classes["spaces"].append(code)
    write_json(directory / "code_points.json", {name: ranges(codes) for name, codes in classes.items()})


def make_roberta(directory):
    kind = kinds.RobertaTokenizer()
    with tempfile.TemporaryDirectory() as folder:
        kind.write(folder)
        files = {key: str(pathlib.Path(folder) / name) for key, name in kind.arguments().items()}
        references = {mode: Bpe(plain(kind.fast(**files, add_prefix_space=prefix)))
                      for mode, prefix in (("default", False), ("prefix", True))}
    write_texts(directory, references)
    write_random(directory, references)
    write_code_points(directory)


def write_normalizers(directory):
    document = json.loads((directory / "tokenizer.json").read_text("utf-8"))
    table = next(step for step in document["normalizer"]["normalizers"] if step["type"] == "Precompiled")
    alone = {**document, "normalizer": table}
    steps = {"NFKD": normalizers.NFKD(), "StripAccents": normalizers.StripAccents(),
             "Lowercase": normalizers.Lowercase(),
             "Precompiled": Tokenizer.from_str(json.dumps(alone)).normalizer}
    digests = {}
    for name, step in steps.items():
        digests[name] = []
        for plane in range(0, 0x110000, 0x10000):
            digest = Digest()
            for code in range(plane, plane + 0x10000):
                if not 0xD800 <= code < 0xE000:
                    digest.add_integers(*(ord(char) for char in step.normalize_str(chr(code))), -1)
            digests[name].append(digest.value)
    write_json(directory / "normalizers.json", digests)


# Options as in tokenizer_config.json, of the model in the directory.
MODES = {
    "xlmr": {"default": {}},
    "albert": {"default": {}, "keep_accents": {"keep_accents": True}, "cased": {"do_lower_case": False}},
    "deberta": {"default": {}, "lower": {"do_lower_case": True}, "punctuation": {"split_by_punct": True}},
}


def with_added_tokens(document):
    """What SentencePiece calls user-defined pieces, as tokens that a text is cut at."""
    pieces = [piece for piece, _ in document["model"]["vocab"]]
    return {**document, "added_tokens": [
        {"id": pieces.index(content), "content": content, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": False} for content in "()\"-.\u2013\xa3\u20ac"]}


def with_other_normalizer(document):
    """DeBERTa's and CamemBERT's in transformers 5, without SentencePiece's table."""
    return {**document, "normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Replace", "pattern": {"Regex": "\\s{2,}|[\\n\\r\\t]"}, "content": " "}, {"type": "NFC"},
        {"type": "Strip", "strip_left": False, "strip_right": True}]}}


# What transformers 4.57 (added tokens) and 5 write besides, of the model in the directory.
FORMS = {"albert": {"added": with_added_tokens}, "deberta": {"five": with_other_normalizer}}
SLOW = {"xlmr": XLMRobertaTokenizer, "albert": AlbertTokenizer, "deberta": DebertaV2Tokenizer}
KINDS = {"xlmr": kinds.XlmrTokenizer, "albert": kinds.AlbertTokenizer, "deberta": kinds.DebertaTokenizer}


def make_pieces(directory, name, committed):
    kind = KINDS[name]()
    model = directory / kind.model_files[0]
    if (committed / model.name).is_file():
        model.write_bytes((committed / model.name).read_bytes())
    else:
        kind.train_to(model, rich=True)
    document = json.loads(kind.fast(vocab_file=str(model)).backend_tokenizer.to_str())
    text = json.dumps(kind.as_published(document), ensure_ascii=False, separators=(",", ":"))
    (directory / "tokenizer.json").write_text(text + "\n", "utf-8")
    references = {}
    for mode, options in MODES[name].items():
        references[mode] = Pieces(plain(kind.fast(vocab_file=str(model), **options)),
                                  SLOW[name](vocab_file=str(model), **options))
    with tempfile.TemporaryDirectory() as folder:
        kind.write(folder)
        small = str(pathlib.Path(folder) / kind.model_files[0])
        for mode, form in FORMS.get(name, {}).items():
            as_usual = json.loads(plain(kind.fast(vocab_file=str(model))).to_str())
            references[mode] = Pieces(Tokenizer.from_str(json.dumps(form(as_usual))))
        references["small"] = Pieces(plain(kind.fast(vocab_file=small)), SLOW[name](vocab_file=small))
        write_texts(directory, references, with_spans=name == "xlmr")
        write_random(directory, references)
    if name == "albert":
        write_normalizers(directory)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", help="of roberta, xlmr, albert, deberta; default: all")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    arguments = parser.parse_args()
    different = []
    for name in arguments.kinds or ("roberta", *KINDS):
        committed = GOLDEN / f"{name}_tokenizer"
        with tempfile.TemporaryDirectory() as temporary:
            fresh = pathlib.Path(temporary)
            make_roberta(fresh) if name == "roberta" else make_pieces(fresh, name, committed)
            for path in sorted(fresh.iterdir()):
                file = committed / path.name
                if arguments.check and not (file.is_file() and file.read_bytes() == path.read_bytes()):
                    different.append(f"{committed.name}/{path.name}")
                elif not arguments.check:
                    committed.mkdir(exist_ok=True)
                    file.write_bytes(path.read_bytes())
    if different:
        raise SystemExit(f"different: {', '.join(different)}")


if __name__ == "__main__":
    main()
