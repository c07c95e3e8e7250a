#!/usr/bin/env python3
"""Makes tests/golden/models of RoBERTa, XLM-R, CamemBERT, DistilBERT, ELECTRA, ALBERT and DeBERTa: tiny
random readers and what Hugging Face computes with them.

Development only; the product never runs Python. Needs torch, transformers 4, safetensors, tokenizers,
sentencepiece and protobuf:

    python3 scripts/golden/make_golden_encoder_models.py            # writes tests/golden/models/<name>-*
    python3 scripts/golden/make_golden_encoder_models.py --check    # compares with what is committed

The files are those of make_golden_models.py, with the tokenizer of each architecture in place of vocab.txt.
All values are computed in float64 from the weights as stored and rounded once to fp32.

Layout `continue` is Hugging Face's ...ForQuestionAnswering itself; padding on the right is checked to
change nothing. Layout `restart` is composed of Hugging Face's embeddings and layers (golden_encoders.py;
DeBERTa's attention is written out there), which is checked against Hugging Face where both apply.
"""

import argparse
import pathlib
import shutil
import tempfile

import torch
from safetensors.torch import save_file

import golden_encoders as encoders
from golden_encoders import run_segments
from make_golden_models import (PAIRS, PASSAGE_LENGTHS, QUESTION_LENGTHS, ROOT, require_close, save_weights,
                                stored_weights, write_json)

TASK = "ForQuestionAnswering"
DEFORMER = {"split_layer": 2, "layout": "restart", "max_question_tokens": 12, "window_tokens": 40,
            "window_step": 16, "max_answer_tokens": 8}
SPLIT_PAIRS = [(0, 0), (1, 1), (2, 2), (0, 3)]  # the last shares its question with the first
LONG_PASSAGES = [*PASSAGE_LENGTHS, 200]  # tokens, special ones not counted


def make_segments(architecture, layout):
    generator = torch.Generator().manual_seed(2020)

    def words(count):
        return torch.randint(architecture.first_word, architecture.words, (count,), generator=generator).tolist()

    return ([architecture.first(words(count), layout) for count in QUESTION_LENGTHS],
            [architecture.second(words(count)) for count in LONG_PASSAGES])


def run_split(architecture, model, question, passage, split_layer, running_on=False):
    states, hidden = run_segments(
        architecture, architecture.encoder(model), {"question": question, "passage": passage},
        architecture.positions(question, running_on), split_layer)
    logits = model.qa_outputs(hidden)
    return states | {"logits.start": logits[:, 0], "logits.end": logits[:, 1]}


def run_joint(architecture, model, question, passage, padding=0):
    """Hugging Face's own forward pass."""
    length = len(question) + len(passage)
    inputs = architecture.joint(question, passage, padding)
    output = model(**{key: torch.tensor([value]) for key, value in inputs.items()}, output_hidden_states=True)
    embeddings = output.hidden_states[0][0]
    states = {"lower.question.embeddings": embeddings[:len(question)],
              "lower.passage.embeddings": embeddings[len(question):length]}
    for layer, hidden in enumerate(output.hidden_states[1:]):
        states[f"upper.{layer}"] = hidden[0, :length]
    return states | {"logits.start": output.start_logits[0, :length],
                     "logits.end": output.end_logits[0, :length]}


def compute(architecture, model, layout, question, passage, split_layer):
    joint = run_joint(architecture, model, question, passage)
    require_close(joint, run_joint(architecture, model, question, passage, padding=7))
    require_close(joint, run_split(architecture, model, question, passage, 0, running_on=True))
    if layout == "continue":
        return joint
    return run_split(architecture, model, question, passage, split_layer)


def write_expected(directory, architecture, model, layout, split_layers, pairs):
    questions, passages = make_segments(architecture, layout)
    tensors, cases = {}, []
    for q, p in pairs:
        for split_layer in split_layers:
            name = f"q{QUESTION_LENGTHS[q]}-p{LONG_PASSAGES[p]}-split{split_layer}"
            cases.append({"name": name, "split_layer": split_layer})
            states = compute(architecture, model, layout, questions[q], passages[p], split_layer)
            for key, value in states.items():
                tensors[f"{name}.{key}"] = value.float().contiguous()
            tensors[f"{name}.ids.question"] = torch.tensor(questions[q], dtype=torch.int64)
            tensors[f"{name}.ids.passage"] = torch.tensor(passages[p], dtype=torch.int64)
    save_file(tensors, directory / "expected.safetensors")
    write_json(directory / "cases.json", {
        "layout": layout, "layers": model.config.num_hidden_layers, "cases": cases})


def make_reader(directory, architecture, config, seed):
    model = architecture.model(config, TASK, seed)
    directory.mkdir(parents=True)
    write_json(directory / "config.json", architecture.document(config, TASK))
    architecture.write_tokenizer(directory)
    save_weights(directory, stored_weights(model))
    return model


def make_joint(directory, architecture, seed, layers=3, pairs=tuple(PAIRS), **sizes):
    config = architecture.config(layers, **sizes)
    model = make_reader(directory, architecture, config, seed)
    write_expected(directory, architecture, model, "continue", [0], pairs)
    return model


def make_split(directory, architecture, seed):
    config = architecture.config(4, deformer=DEFORMER)
    model = make_reader(directory, architecture, config, seed)
    write_expected(directory, architecture, model, "restart", [0, 1, 2, 3], SPLIT_PAIRS)


def make_roberta_bare(directory, architecture, seed):
    """Names of a bare RobertaModel, and the parts of a pretrained model that nothing reads."""
    model = make_joint(directory, architecture, seed, layers=2, pairs=PAIRS[:2])
    weights = {name.removeprefix("roberta."): weight for name, weight in stored_weights(model).items()}
    weights["embeddings.position_ids"] = torch.arange(model.config.max_position_embeddings)[None]
    for name in ("pooler.dense", "lm_head.dense"):
        weights[f"{name}.weight"] = torch.zeros(32, 32)
        weights[f"{name}.bias"] = torch.zeros(32)
    weights["lm_head.layer_norm.weight"] = torch.ones(32)
    weights["lm_head.layer_norm.bias"] = torch.zeros(32)
    weights["lm_head.bias"] = torch.zeros(model.config.vocab_size)
    save_weights(directory, weights)


def make_roberta(root):
    architecture = encoders.Roberta()
    make_joint(root / "roberta-joint", architecture, 101)
    make_split(root / "roberta-split", architecture, 102)
    make_roberta_bare(root / "roberta-bare", architecture, 103)


def make_distilbert(root):
    architecture = encoders.Distilbert()
    make_joint(root / "distilbert-joint", architecture, 111)
    make_split(root / "distilbert-split", architecture, 112)


def make_electra(root):
    architecture = encoders.Electra()
    make_joint(root / "electra-joint", architecture, 121)
    make_split(root / "electra-split", architecture, 122)
    make_joint(root / "electra-wide", architecture, 123, layers=2, pairs=PAIRS[:2], embedding_size=32)


def make_xlmr(root):
    architecture = encoders.Xlmr()
    make_joint(root / "xlmr-joint", architecture, 131)
    make_split(root / "xlmr-split", architecture, 132)


def make_camembert(root):
    make_joint(root / "camembert-joint", encoders.Camembert(), 161, layers=2, pairs=PAIRS[:2])


def make_albert(root):
    architecture = encoders.Albert()
    make_joint(root / "albert-joint", architecture, 141)
    make_split(root / "albert-split", architecture, 142)


def make_deberta_long(directory, architecture, seed, pairs, split_layers, **sizes):
    """A passage whose distances meet many buckets, below the split and above."""
    config = architecture.config(2, position_buckets=16, deformer={
        "split_layer": 1, "layout": "restart", "max_question_tokens": 12, "window_tokens": 240}, **sizes)
    model = make_reader(directory, architecture, config, seed)
    write_expected(directory, architecture, model, "restart", split_layers, pairs)


def make_deberta(root):
    v3, v2 = encoders.DebertaV3(), encoders.DebertaV2()
    make_joint(root / "deberta-v3-joint", v3, 151)
    make_split(root / "deberta-v3-split", v3, 152)
    make_deberta_long(root / "deberta-v3-long", v3, 153, [(3, 4), (0, 0)], [0, 1], max_position_embeddings=300)
    # Rows beyond max_position_embeddings, which no table has: their distances get the last bucket.
    make_deberta_long(root / "deberta-v3-far", v3, 154, [(1, 4)], [1], max_position_embeddings=128)
    make_joint(root / "deberta-v2-joint", v2, 155)
    make_split(root / "deberta-v2-split", v2, 156)
    published = encoders.DebertaV2Published()
    make_joint(root / "deberta-v2-conv-joint", published, 157, layers=2, pairs=PAIRS[:2])
    make_split(root / "deberta-v2-conv-split", published, 158)


FAMILIES = {"roberta": make_roberta, "distilbert": make_distilbert, "electra": make_electra,
            "xlmr": make_xlmr, "camembert": make_camembert, "albert": make_albert, "deberta": make_deberta}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", help="of " + ", ".join(FAMILIES) + "; default: all")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    arguments = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    with tempfile.TemporaryDirectory() as temporary:
        fresh = pathlib.Path(temporary)
        for family in arguments.families or FAMILIES:
            FAMILIES[family](fresh)
        files = [path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()]
        if arguments.check:
            different = sorted(str(path) for path in files if not (ROOT / path).is_file()
                               or (ROOT / path).read_bytes() != (fresh / path).read_bytes())
            raise SystemExit(f"different: {', '.join(different)}" if different else 0)
        for directory in fresh.iterdir():
            shutil.rmtree(ROOT / directory.name, ignore_errors=True)
            shutil.copytree(directory, ROOT / directory.name)


if __name__ == "__main__":
    main()
