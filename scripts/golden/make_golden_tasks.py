#!/usr/bin/env python3
"""Makes tests/golden/tasks: tiny random models of BoolQ, MNLI, QQP and RACE, and their logits.

Development only; the product never runs Python. Needs torch, transformers, safetensors and
sentencepiece:

    python3 scripts/golden/make_golden_tasks.py            # writes tests/golden/tasks
    python3 scripts/golden/make_golden_tasks.py --check    # compares with what is committed

<model>.safetensors are weights under Hugging Face's names; cases.json has their configurations and,
per case, the `deformer` object (absent: an ordinary checkpoint), the texts, and the logits by class name
in the order of the data set's labels (known_datasets.h), or by option. The tokenizers are those of tests/golden/models.
mpnet_cases.json is the same for MPNet.

Layout `continue` at split 0 is BertForSequenceClassification, BertForMultipleChoice and their XLNet and
MPNet counterparts themselves. Everything else is composed of their embeddings and layers, XLNet's
attention of make_golden_xlnet_models.py, which knows no relative shift and no masks, and MPNet's
attention bias of make_golden_mpnet_models.py; the compositions are checked against Hugging Face where
both apply. All values are computed in float64.
"""

import argparse
import json
import pathlib
import tempfile

import sentencepiece
import torch
from safetensors.torch import save_file
from transformers import (BertConfig, BertForMultipleChoice, BertForSequenceClassification, MPNetConfig,
                          MPNetForMultipleChoice, MPNetForSequenceClassification, XLNetConfig,
                          XLNetForMultipleChoice, XLNetForSequenceClassification)

import make_golden_mpnet_models as mpnet_parts
import make_golden_xlnet_models as xlnet_parts

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
OUT = ROOT / "tasks"
WIDTH, INNER, HEADS, LAYERS = 16, 32, 2, 3
WEIGHT_STD, BIAS_STD = 0.4, 0.3
WINDOW, QUESTION = 20, 8  # tokens, special ones not counted
CLASSES = {"boolq": ["false", "true"], "mnli": ["entailment", "neutral", "contradiction"],
           "qqp": ["not_duplicate", "duplicate"]}
WORDS = "the of and in to was is who what when where how did many first city river king a b c d e f".split()


class Bert:
    """[CLS] first [SEP] with type 0, second [SEP] with type 1."""
    name = "bert"
    classes = {"pair": BertForSequenceClassification, "choice": BertForMultipleChoice}

    def __init__(self):
        self.vocabulary = (ROOT / "models/bert-split/vocab.txt").read_text().splitlines()

    def config(self, labels):
        return BertConfig(
            vocab_size=len(self.vocabulary), hidden_size=WIDTH, num_hidden_layers=LAYERS,
            num_attention_heads=HEADS, intermediate_size=INNER, max_position_embeddings=64,
            num_labels=labels, attn_implementation="eager")

    def document(self, config):
        keys = ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
                "intermediate_size", "max_position_embeddings", "type_vocab_size", "hidden_act",
                "layer_norm_eps"]
        return {"model_type": "bert"} | {key: getattr(config, key) for key in keys}

    def ids(self, text):
        return [self.vocabulary.index(word) for word in text.split()]

    def segments(self, first, second, layout):
        cls, sep = self.vocabulary.index("[CLS]"), self.vocabulary.index("[SEP]")
        return [cls, *first, sep], [*second, sep]

    def joint(self, first, second):
        return {"input_ids": first + second, "token_type_ids": [0] * len(first) + [1] * len(second),
                "attention_mask": [1] * (len(first) + len(second))}

    def split(self, model, layout, first, second, split_layer, longest_first):
        """The class token's state of the last layer."""
        start = len(first) if layout == "continue" else 0
        parts = [self.embed(model, first, 0, 0), self.embed(model, second, 1, start)]
        for layer in range(split_layer):
            parts = [self.layer(model, layer, part) for part in parts]
        hidden = torch.cat(parts, dim=1)
        for layer in range(split_layer, LAYERS):
            hidden = self.layer(model, layer, hidden)
        pooled = torch.tanh(model.bert.pooler.dense(hidden[0, 0]))
        return model.classifier(pooled)

    def embed(self, model, ids, kind, start):
        return model.bert.embeddings(
            input_ids=torch.tensor([ids]), token_type_ids=torch.full((1, len(ids)), kind),
            position_ids=torch.arange(start, start + len(ids))[None])

    def layer(self, model, layer, hidden):
        output = model.bert.encoder.layer[layer](hidden)
        return output[0] if isinstance(output, tuple) else output


class Xlnet:
    """first <sep>, second <sep> <cls>."""
    name = "xlnet"
    classes = {"pair": XLNetForSequenceClassification, "choice": XLNetForMultipleChoice}

    def __init__(self):
        self.pieces = sentencepiece.SentencePieceProcessor(
            model_file=str(ROOT / "models/xlnet-joint/spiece.model"))

    def config(self, labels):
        return XLNetConfig(
            vocab_size=96, d_model=WIDTH, n_layer=LAYERS, n_head=HEADS, d_inner=INNER,
            num_labels=labels)

    def document(self, config):
        keys = ["vocab_size", "d_model", "n_layer", "n_head", "d_inner", "ff_activation",
                "layer_norm_eps", "summary_type", "summary_activation", "summary_use_proj"]
        return {"model_type": "xlnet"} | {key: getattr(config, key) for key in keys}

    def ids(self, text):
        return self.pieces.encode(text)

    def segments(self, first, second, layout):
        cls, sep = self.pieces.piece_to_id("<cls>"), self.pieces.piece_to_id("<sep>")
        return [*first, sep], [*second, sep, cls]

    def joint(self, first, second):
        return {"input_ids": first + second,
                "token_type_ids": [0] * len(first) + [1] * (len(second) - 1) + [2],
                "attention_mask": [1.0] * (len(first) + len(second))}

    def split(self, model, layout, first, second, split_layer, longest_first):
        kinds = [[0] * len(first), [1] * (len(second) - 1) + [2 if layout == "continue" else 1]]
        parts = []
        for ids, segments in zip((first, second), kinds):
            hidden = model.transformer.word_embedding(torch.tensor(ids))
            for layer in range(split_layer):
                hidden = xlnet_parts.run_layer(model, layer, hidden, torch.arange(len(ids)),
                                               torch.tensor(segments))
            parts.append(hidden)
        start = longest_first + 1 if layout == "slots" else len(first)
        positions = torch.cat([torch.arange(len(first)), start + torch.arange(len(second))])
        hidden = torch.cat(parts)
        for layer in range(split_layer, LAYERS):
            hidden = xlnet_parts.run_layer(model, layer, hidden, positions,
                                           torch.tensor(kinds[0] + kinds[1]))
        pooled = torch.tanh(model.sequence_summary.summary(hidden[-1]))
        return model.logits_proj(pooled)


class Mpnet:
    """<s> first </s>, second </s>; <s> first </s></s> where positions run on. No types."""
    name = "mpnet"
    classes = {"pair": MPNetForSequenceClassification, "choice": MPNetForMultipleChoice}

    def __init__(self):
        self.vocabulary = mpnet_parts.vocabulary()

    def config(self, labels):
        return MPNetConfig(
            vocab_size=len(self.vocabulary), hidden_size=WIDTH, num_hidden_layers=LAYERS,
            num_attention_heads=HEADS, intermediate_size=INNER, max_position_embeddings=66,
            layer_norm_eps=1e-5, num_labels=labels)

    def document(self, config):
        keys = ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
                "intermediate_size", "max_position_embeddings", "hidden_act", "layer_norm_eps",
                "relative_attention_num_buckets"]
        return {"model_type": "mpnet"} | {key: getattr(config, key) for key in keys}

    def ids(self, text):
        return [self.vocabulary.index(word) for word in text.split()]

    def segments(self, first, second, layout):
        cls, sep = mpnet_parts.CLS, mpnet_parts.SEP
        return [cls, *first, *([sep, sep] if layout == "continue" else [sep])], [*second, sep]

    def joint(self, first, second):
        return {"input_ids": first + second, "attention_mask": [1] * (len(first) + len(second))}

    def split(self, model, layout, first, second, split_layer, longest_first):
        start = mpnet_parts.FIRST_POSITION
        positions = [start, start + (len(first) if layout == "continue" else 0)]
        _, hidden = mpnet_parts.run_segments(
            model.mpnet, {"first": first, "second": second}, positions, split_layer)
        if model.mpnet.pooler is not None:
            return model.classifier(torch.tanh(model.mpnet.pooler.dense(hidden[0])))
        return model.classifier.out_proj(torch.tanh(model.classifier.dense(hidden[0])))


def make_model(architecture, kind, labels, seed):
    config = architecture.config(labels)
    model = architecture.classes[kind](config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            norm = name.endswith(("LayerNorm.weight", "layer_norm.weight"))
            std = BIAS_STD if name.endswith("bias") else WEIGHT_STD
            weight.copy_((1.0 if norm else 0.0) + std * torch.randn(weight.shape, generator=generator))
    model = model.double()
    if architecture.name == "xlnet":
        # Hugging Face makes its sinusoids in float32, whatever the model's type.
        model.transformer.relative_positional_encoding = lambda qlen, klen, bsz=None: (
            xlnet_parts.sinusoids(torch.arange(klen, -qlen, -1), config.d_model)[:, None].expand(-1, bsz, -1))
    return model


def hugging_face(architecture, model, kind, pairs):
    """One forward pass of Hugging Face's class; the choices of one question have equal lengths."""
    inputs = [architecture.joint(first, second) for first, second in pairs]
    tensors = {key: torch.tensor([entry[key] for entry in inputs]) for key in inputs[0]}
    if kind == "choice":
        tensors = {key: value[None] for key, value in tensors.items()}
    extra = {"use_mems": False} if architecture.name == "xlnet" else {}
    return model(**tensors, **extra).logits[0]


def logits_of(architecture, model, kind, case, passage_first):
    """By output of the head, or by option."""
    deformer = case["deformer"] or {"split_layer": 0, "layout": "continue"}
    passage = architecture.ids(case["passage"])[:WINDOW]
    pairs = []
    for question in case["questions"]:
        ids = architecture.ids(question)[:QUESTION if case["deformer"] else None]
        first, second = (passage, ids) if passage_first else (ids, passage)
        pairs.append(architecture.segments(first, second, deformer["layout"]))
    longest = WINDOW if passage_first else QUESTION
    split = torch.cat([architecture.split(model, deformer["layout"], *pair, deformer["split_layer"], longest)
                       for pair in pairs])
    same_length = len({len(first) + len(second) for first, second in pairs}) == 1
    if deformer["layout"] == "continue" and deformer["split_layer"] == 0 and same_length:
        joint = hugging_face(architecture, model, kind, pairs)
        torch.testing.assert_close(joint, split, rtol=0, atol=1e-11)
        return joint.tolist()
    return split.tolist()


class Cases:
    def __init__(self, architecture):
        self.architecture = architecture
        self.generator = torch.Generator().manual_seed(2020)
        self.weights, self.models, self.cases = {}, {}, []

    def words(self, count):
        chosen = torch.randint(0, len(WORDS), (count,), generator=self.generator).tolist()
        return " ".join(WORDS[i] for i in chosen)

    def add_model(self, name, kind, labels, seed):
        model = make_model(self.architecture, kind, labels, seed)
        self.models[name] = (model, kind)
        self.weights[name] = {key: value.detach().float().contiguous()
                              for key, value in model.named_parameters() if key != "transformer.mask_emb"}

    def add(self, name, task, deformer=None, passage_first=False, labels=None, lengths=(12, 5)):
        model, kind = self.models[name]
        passage, question = lengths
        questions = [self.words(question) for _ in range(4 if kind == "choice" else 1)]
        document = self.architecture.document(model.config)
        if labels:
            document["id2label"] = {str(i): label for i, label in enumerate(labels)}
        if deformer is not None:
            deformer = {"task": task, "max_question_tokens": QUESTION, "window_tokens": WINDOW} | deformer
            document["deformer"] = deformer
        case = {"model": name, "task": task, "deformer": deformer, "questions": questions,
                "passage": self.words(passage)}
        logits = logits_of(self.architecture, model, kind, case, passage_first)
        if task in CLASSES:
            order = labels or CLASSES[task]
            logits = [logits[order.index(label)] for label in CLASSES[task]]
        self.cases.append({"name": f"{name}-{len(self.cases)}", "architecture": self.architecture.name,
                           "model": name, "task": task, "config": document, "questions": questions,
                           "passage": case["passage"], "logits": logits})


def split(layer, layout, **extra):
    return {"split_layer": layer, "layout": layout} | extra


def make_bert(architecture, seed):
    """Of BERT, and of what has its order of segments."""
    cases = Cases(architecture)
    pair2, pair3, choice = (f"{architecture.name}-{head}" for head in ("pair2", "pair3", "choice"))
    cases.add_model(pair2, "pair", 2, seed=seed)
    cases.add_model(pair3, "pair", 3, seed=seed + 1)
    cases.add_model(choice, "choice", 2, seed=seed + 2)
    cases.add(pair2, "boolq")
    cases.add(pair2, "boolq", split(0, "continue", passage_place="first"), passage_first=True)
    cases.add(pair2, "qqp", passage_first=True)
    cases.add(pair3, "mnli", passage_first=True)
    cases.add(pair3, "mnli", labels=["contradiction", "entailment", "neutral"], passage_first=True)
    cases.add(choice, "race")
    for layer in range(LAYERS):
        cases.add(pair2, "boolq", split(layer, "restart"), lengths=(12 + 12 * layer, 5 + 3 * layer))
        cases.add(pair3, "mnli", split(layer, "restart"), passage_first=True)
    cases.add(pair2, "qqp", split(1, "restart"), passage_first=True, lengths=(30, 10))
    cases.add(pair2, "qqp", split(1, "restart"), passage_first=True, lengths=(0, 3))
    cases.add(pair2, "boolq", split(1, "restart"), lengths=(0, 0))
    cases.add(choice, "race", split(1, "restart"), lengths=(25, 6))
    return cases


def make_xlnet():
    cases = Cases(Xlnet())
    cases.add_model("xlnet-pair2", "pair", 2, seed=41)
    cases.add_model("xlnet-pair3", "pair", 3, seed=42)
    cases.add_model("xlnet-choice", "choice", 2, seed=43)
    cases.add("xlnet-pair2", "boolq", passage_first=True)
    cases.add("xlnet-pair2", "boolq", split(0, "continue", passage_place="second"))
    cases.add("xlnet-pair3", "mnli", passage_first=True)
    cases.add("xlnet-choice", "race", passage_first=True, lengths=(8, 3))
    for layer in range(LAYERS):
        cases.add("xlnet-pair3", "mnli", split(layer, "packed"), passage_first=True, lengths=(9 + 9 * layer, 4))
    for layout in ("packed", "slots", "continue"):
        cases.add("xlnet-pair2", "qqp", split(1, layout, passage_place="second"), lengths=(9, 4))
        cases.add("xlnet-pair2", "boolq", split(1, layout), passage_first=True)
    cases.add("xlnet-pair2", "boolq", split(1, "packed"), passage_first=True, lengths=(0, 4))
    cases.add("xlnet-choice", "race", split(1, "packed"), passage_first=True)
    return cases


def make_mpnet():
    cases = make_bert(Mpnet(), seed=51)
    for case in cases.cases:
        # 12 digits after the point, so that the file is the same on every machine.
        case["logits"] = [round(logit, 12) for logit in case["logits"]]
    return cases


def make_all(directory):
    files = {"cases.json": [make_bert(Bert(), seed=31), make_xlnet()], "mpnet_cases.json": [make_mpnet()]}
    for file, parts in files.items():
        entries = []
        for cases in parts:
            entries += cases.cases
            for name, weights in cases.weights.items():
                save_file(weights, directory / f"{name}.safetensors", metadata={"format": "pt"})
        lines = ",\n".join(json.dumps(entry) for entry in entries)
        (directory / file).write_text(f'{{"cases": [\n{lines}\n]}}\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    arguments = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    with tempfile.TemporaryDirectory() as temporary:
        fresh = pathlib.Path(temporary)
        make_all(fresh)
        if arguments.check:
            different = [path.name for path in sorted(fresh.iterdir())
                         if not (OUT / path.name).is_file()
                         or (OUT / path.name).read_bytes() != path.read_bytes()]
            raise SystemExit(f"different: {', '.join(different)}" if different else 0)
        OUT.mkdir(exist_ok=True)
        for path in fresh.iterdir():
            (OUT / path.name).write_bytes(path.read_bytes())


if __name__ == "__main__":
    main()
