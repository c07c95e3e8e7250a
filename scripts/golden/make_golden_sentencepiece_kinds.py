#!/usr/bin/env python3
"""Writes tests/golden/sentencepiece_kinds: what transformers' tokenizers on SentencePiece make of many texts.

usage: make_golden_sentencepiece_kinds.py

Needs transformers 4 and sentencepiece 0.1.97: versions differ in which of several equally good cuts they take. The reference is `_tokenize` of AlbertTokenizer, XLMRobertaTokenizer,
CamembertTokenizer and DebertaV2Tokenizer in Python, so that "<s>" in a text is plain text. Spans, byte offsets and
digests are those of make_golden_xlnet_tokenizer.py.

The models are small ones trained on the texts, kept when they are there. XLM-RoBERTa and CamemBERT share one: they
differ in what they make of its numbers.
"""

import contextlib
import json
import pathlib
import tempfile

import sentencepiece
from transformers import AlbertTokenizer, CamembertTokenizer, DebertaV2Tokenizer, XLMRobertaTokenizer

from make_golden_tokenizer import ROOT, Digest, decode_tolerantly, random_texts
from make_golden_xlnet_tokenizer import RANDOM_TEXTS_PER_DIGEST, XLNET_TEXTS, Reference, tokenize
from tokenizer_texts import INVALID_TEXTS, TEXTS

OUTPUT = ROOT / "tests" / "golden" / "sentencepiece_kinds"
SPECIAL = {
    "albert": {"unk_id": 1, "unk_piece": "<unk>", "pad_id": 0, "pad_piece": "<pad>", "bos_id": -1, "eos_id": -1,
               "control_symbols": ["[CLS]", "[SEP]", "[MASK]"], "user_defined_symbols": ["(", ")", '"', "-", "."]},
    "xlm-roberta": {"unk_id": 0, "bos_id": 1, "eos_id": 2},
    "deberta": {"pad_id": 0, "pad_piece": "[PAD]", "bos_id": 1, "bos_piece": "[CLS]", "eos_id": 2,
                "eos_piece": "[SEP]", "unk_id": 3, "unk_piece": "[UNK]"},
}
VOCABULARY_SIZE = 900
# Of the models whose normalisation is not SentencePiece's own (250 kB): white space, and characters that go.
RULES = {"\u200b": "", "\u00ad": "", "\t": " ", "\n": " ", "\uff0c": ",", "\ufb01": "fi"}
# The others are in random.json alone.
TEXT_MODES = ("albert", "xlm_roberta", "camembert", "deberta_lower")
RANDOM_DIGESTS = 2


def train(name):
    sentences = [" ".join(text.split()) for text in TEXTS + XLNET_TEXTS if text.strip() and "\0" not in text]
    if name == "albert":
        sentences = [text.lower() for text in sentences]
        sentences += [f"in {n}, {n},{n % 1000:03} of {n % 97}, and {n % 13}, or {n % 7}" for n in range(0, 2500, 7)]
    words = "the of and in to was is who what when where how many first city river king".split()
    sentences += [f"{a} {b} of {a}s, {b}" for a in words for b in words]
    # A model remembers the names of the files that it was trained from.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        pathlib.Path("rules.tsv").write_text("".join(f"{ord(source):X}\t{' '.join(f'{ord(c):X}' for c in target)}\n"
                                 for source, target in RULES.items()), "utf-8")
        normalization = {} if name == "xlm-roberta" else {"normalization_rule_tsv": "rules.tsv"}
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences), model_prefix="m", vocab_size=VOCABULARY_SIZE,
            character_coverage=0.98, hard_vocab_limit=False, shuffle_input_sentence=False, num_threads=1,
            minloglevel=2, **normalization, **SPECIAL[name])
        return pathlib.Path("m.model").read_bytes()


def model(name, file):
    path = OUTPUT / name / file
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(train(name))
    return str(path)


def same(text):
    return text


def references():
    albert = AlbertTokenizer(model("albert", "spiece.model"))
    cased = AlbertTokenizer(model("albert", "spiece.model"), do_lower_case=False, keep_accents=True)
    fairseq = model("xlm-roberta", "sentencepiece.bpe.model")
    deberta = model("deberta", "spm.model")
    return {
        "albert": Reference(albert, albert.preprocess_text, joins_quotes=True),
        "albert_cased": Reference(cased, cased.preprocess_text, joins_quotes=True),
        "xlm_roberta": Reference(XLMRobertaTokenizer(fairseq), same, joins_quotes=False),
        "camembert": Reference(CamembertTokenizer(fairseq), same, joins_quotes=False),
        "deberta": Reference(DebertaV2Tokenizer(deberta), same, joins_quotes=False),
        "deberta_lower": Reference(DebertaV2Tokenizer(deberta, do_lower_case=True), str.lower, joins_quotes=False),
    }


def write_texts(tokenizers):
    with open(OUTPUT / "texts.jsonl", "w", encoding="ascii", newline="\n") as file:
        rows = [({"text": text}, text, None) for text in TEXTS + XLNET_TEXTS]
        rows += [({"bytes": data.hex()}, *decode_tolerantly(data)) for data in INVALID_TEXTS]
        for row, text, offsets in rows:
            row |= {mode: tokenize(r, text, offsets) for mode, r in tokenizers.items() if mode in TEXT_MODES}
            file.write(json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n")


def id_digest(reference, texts):
    digest, count = Digest(), 0
    for text in texts:
        ids = reference.ids(reference.pieces(text))
        digest.add_integers(*ids, -1)
        count += len(ids)
    return [count, digest.value]


def write_random(tokenizers):
    texts = list(random_texts())[:RANDOM_DIGESTS * RANDOM_TEXTS_PER_DIGEST]
    batches = [texts[first:first + RANDOM_TEXTS_PER_DIGEST] for first in range(0, len(texts), RANDOM_TEXTS_PER_DIGEST)]
    digests = {mode: [id_digest(r, batch) for batch in batches] for mode, r in tokenizers.items()}
    (OUTPUT / "random.json").write_text(json.dumps(digests) + "\n", "ascii")


def write_special(tokenizers):
    """Ids of the special tokens, and the number of ids with that of the mask."""
    names = ("cls_token", "sep_token", "pad_token", "unk_token")
    special = {mode: [getattr(r.tokenizer, name + "_id") for name in names] + [len(r.tokenizer)]
               for mode, r in tokenizers.items()}
    (OUTPUT / "special.json").write_text(json.dumps(special) + "\n", "ascii")


def main():
    assert sentencepiece.__version__ == "0.1.97"
    OUTPUT.mkdir(parents=True, exist_ok=True)
    tokenizers = references()
    write_texts(tokenizers)
    write_random(tokenizers)
    write_special(tokenizers)


if __name__ == "__main__":
    main()
