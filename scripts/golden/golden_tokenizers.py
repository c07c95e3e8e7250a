"""Small tokenizers of RoBERTa, XLM-R, ALBERT and DeBERTa, for the scripts of their golden data.

Each is trained once; where tests/golden has its files they are taken from there, so that neither the
version of the trainer nor that of the machine changes them. tokenizer.json and tokenizer_config.json are
what Hugging Face's fast tokenizers write.
"""

import io
import json
import os
import pathlib
import tempfile

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import sentencepiece
from sentencepiece.sentencepiece_model_pb2 import ModelProto
from tokenizers import ByteLevelBPETokenizer
from transformers import (AlbertTokenizerFast, CamembertTokenizerFast, DebertaV2TokenizerFast,
                          RobertaTokenizerFast, XLMRobertaTokenizerFast)

from tokenizer_texts import ACCENTS, EAST_ASIAN, MIXED, PLAIN, SCRIPTS, SYMBOLS

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
WORDS = "the of and in to was is who what when where how did many first city river king".split()
ENGLISH = [
    "The quick brown fox jumps over the lazy dog, and the dog did not see it.",
    "Who was the first king of the city by the river in 1066?",
    "In 1990 about 12,345 people lived there; it's said that they weren't many.",
    "She asked: \"How did you find what we've lost?\" (He'd found it on 3 May.)",
    "Rivers run to the sea, kings ruled the cities, and questions are answered in passages.",
]
VOCABULARY = 400
# What the normalisers of published models do, in a few rules: white space, full-width forms, ligatures.
RULES = {"\u200b": "", "\u00ad": "", "\t": " ", "\n": " ", "\u00a0": " ", "\u3000": " ", "\uff0c": ",",
         "\ufb01": "fi", "e\u0301": "\u00e9", **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
         **{chr(0xFF21 + letter): chr(0x41 + letter) for letter in range(26)}}


def sentences():
    pairs = [f"{a} {b}, {a} {n}." for n, a in enumerate(WORDS) for b in WORDS]
    letters = " ".join("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:!?'()-%")
    return ENGLISH * 8 + pairs + [letters] * 20


def many_sentences():
    """Of many scripts, for richer vocabularies."""
    texts = PLAIN + ACCENTS + SCRIPTS + EAST_ASIAN + SYMBOLS + MIXED
    texts = [" ".join(text.replace("\0", " ").split()) for text in texts]
    return [text for text in texts if text] + sentences()


def train_pieces(corpus, vocabulary, rules, **options):
    """A SentencePiece model; `rules` of its normaliser, or the name of SentencePiece's own."""
    model = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        normaliser = {"normalization_rule_name": rules}
        if not isinstance(rules, str):
            file = pathlib.Path(folder) / "rules.tsv"
            lines = ["\t".join(" ".join(f"{ord(c):X}" for c in text) for text in rule) for rule in rules.items()]
            file.write_text("\n".join(lines) + "\n")
            normaliser = {"normalization_rule_tsv": str(file)}
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(corpus), model_writer=model, vocab_size=vocabulary,
            hard_vocab_limit=False, shuffle_input_sentence=False, num_threads=1, minloglevel=2,
            **normaliser, **options)
    proto = ModelProto.FromString(model.getvalue())
    proto.normalizer_spec.ClearField("normalization_rule_tsv")
    return proto.SerializeToString()


class Tokenizer:
    """Files of one kind: `model_files` are those that are trained."""

    name, fast, model_files = "", None, []

    def __init__(self):
        self.home = GOLDEN / "models" / f"{self.name}-joint"

    def train(self, folder):
        raise NotImplementedError

    def write(self, folder):
        folder = pathlib.Path(folder)
        if (self.home / self.model_files[0]).is_file():
            for name in self.model_files:
                (folder / name).write_bytes((self.home / name).read_bytes())
        else:
            self.train(folder)
        self.write_fast(folder)

    def write_fast(self, folder):
        with tempfile.TemporaryDirectory() as written:
            self.load(folder).save_pretrained(written)
            for name in ("tokenizer.json", "tokenizer_config.json"):
                document = self.as_published(json.loads((pathlib.Path(written) / name).read_text("utf-8")))
                text = json.dumps(document, ensure_ascii=False, indent=1)
                (folder / name).write_text(text + "\n", "utf-8")

    @staticmethod
    def as_published(document):
        return document

    def load(self, folder):
        return self.fast(**{key: str(folder / name) for key, name in self.arguments().items()})

    def arguments(self):
        return {"vocab_file": self.model_files[0]}


class RobertaTokenizer(Tokenizer):
    """Byte-level BPE."""

    name, fast, model_files = "roberta", RobertaTokenizerFast, ["vocab.json", "merges.txt"]

    def arguments(self):
        return {"vocab_file": "vocab.json", "merges_file": "merges.txt"}

    def train(self, folder):
        trained = ByteLevelBPETokenizer()
        trained.train_from_iterator(sentences() + ACCENTS + SCRIPTS[:3], vocab_size=VOCABULARY - 1, min_frequency=2,
                                    special_tokens=["<s>", "<pad>", "</s>", "<unk>"], show_progress=False)
        trained.save_model(str(folder))
        vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
        vocabulary["<mask>"] = len(vocabulary)
        (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")


class PieceTokenizer(Tokenizer):
    """Unigram of SentencePiece. `rich`: with SentencePiece's own normaliser and pieces of many scripts."""

    options, lower = {}, False

    def train(self, folder):
        self.train_to(folder / self.model_files[0])

    def train_to(self, path, rich=False):
        corpus = many_sentences() if rich else sentences() + ACCENTS[:4] + SCRIPTS[:3]
        corpus = [text.lower() for text in corpus] if self.lower else corpus
        path.write_bytes(train_pieces(
            corpus, 2 * VOCABULARY if rich else VOCABULARY, "nmt_nfkc" if rich else RULES,
            character_coverage=0.98 if rich else 0.999, **self.options))


class XlmrTokenizer(PieceTokenizer):
    name, fast, model_files = "xlmr", XLMRobertaTokenizerFast, ["sentencepiece.bpe.model"]


class CamembertTokenizer(PieceTokenizer):
    """XLM-R's kind of model, whose pieces have other ids."""

    name, fast, model_files = "camembert", CamembertTokenizerFast, ["sentencepiece.bpe.model"]


class AlbertTokenizer(PieceTokenizer):
    name, fast, model_files = "albert", AlbertTokenizerFast, ["spiece.model"]
    lower = True
    options = {"pad_id": 0, "unk_id": 1, "bos_id": -1, "eos_id": -1, "pad_piece": "<pad>",
               "control_symbols": ["[CLS]", "[SEP]", "[MASK]"],
               "user_defined_symbols": ["(", ")", '"', "-", ".", "\u2013", "\xa3", "\u20ac"]}

    @staticmethod
    def as_published(document):
        """transformers 4.57 makes added tokens of SentencePiece's user-defined symbols, so that it puts
        a mark behind each. The published models' files do not, nor does SentencePiece itself.
        """
        if "added_tokens" in document:
            document["added_tokens"] = [token for token in document["added_tokens"] if token["special"]]
        if "added_tokens_decoder" in document:
            document["added_tokens_decoder"] = {
                key: token for key, token in document["added_tokens_decoder"].items() if token["special"]}
        return document


class DebertaTokenizer(PieceTokenizer):
    name, fast, model_files = "deberta-v3", DebertaV2TokenizerFast, ["spm.model"]
    options = {"pad_id": 0, "pad_piece": "[PAD]", "bos_id": 1, "bos_piece": "[CLS]", "eos_id": 2,
               "eos_piece": "[SEP]", "unk_id": 3, "unk_piece": "[UNK]"}
