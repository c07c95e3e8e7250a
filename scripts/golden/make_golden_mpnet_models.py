#!/usr/bin/env python3
"""Makes tests/golden/models/mpnet-*: tiny random MPNet readers and what Hugging Face computes.

Development only; the product never runs Python. Needs torch, transformers and safetensors:

    python3 scripts/golden/make_golden_mpnet_models.py            # writes tests/golden/models/mpnet-*
    python3 scripts/golden/make_golden_mpnet_models.py --check    # compares with what is committed

The files are those of make_golden_models.py, whose segments they share; MPNet has no token types. All
values are computed in float64 from the weights as stored and rounded once to fp32.

Layout `continue` is Hugging Face's MPNetForQuestionAnswering itself on `<s> question </s></s> passage
</s>`, of which `<s> question </s></s>` is the question's segment; padding on the right is checked to
change nothing. Layout `restart` has the segments `<s> question </s>` and `passage </s>`, each with
positions of its own. It is composed of Hugging Face's embeddings and layers and of an attention bias
that is looked up here (`attention_bias`) by the distance of rows: within the segment below the split,
within question and passage put together above it. That composition is checked against Hugging Face
where both apply.
"""

import argparse
import pathlib
import shutil
import tempfile

import torch
from safetensors.torch import save_file
from transformers import MPNetConfig, MPNetForQuestionAnswering

import make_golden_models as bert_parts
from make_golden_models import (PAIRS, QUESTION_LENGTHS, ROOT, require_close, save_weights, stored_weights,
                                write_json)
from make_golden_training import mpnet_bucket

SPECIAL_TOKENS = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]
CLS, PAD, SEP, FIRST_WORD = 0, 1, 2, len(SPECIAL_TOKENS)
FIRST_POSITION = PAD + 1
WEIGHT_STD, BIAS_STD, ATTENTION_BIAS_STD = 0.3, 0.2, 0.5
BUCKETS = 32
# Tokens, special ones not counted; one passage is longer than the distances that buckets tell apart.
PASSAGE_LENGTHS = [*bert_parts.PASSAGE_LENGTHS, 200]


def vocabulary():
    return SPECIAL_TOKENS + bert_parts.vocabulary()[len(SPECIAL_TOKENS):]


def tokenizer_config():
    return {"do_lower_case": True, "cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>",
            "unk_token": "[UNK]", "mask_token": "<mask>"}


def make_config(layers, act="gelu", positions=66, deformer=None):
    extra = {"deformer": deformer} if deformer else {}
    return MPNetConfig(
        vocab_size=len(vocabulary()), hidden_size=32, num_hidden_layers=layers, num_attention_heads=4,
        intermediate_size=64, hidden_act=act, max_position_embeddings=positions, layer_norm_eps=1e-5,
        relative_attention_num_buckets=BUCKETS, **extra)


def config_document(config, model_class):
    """What a checkpoint of mpnet-base has in its config.json."""
    keys = ["attention_probs_dropout_prob", "bos_token_id", "eos_token_id", "hidden_act",
            "hidden_dropout_prob", "hidden_size", "initializer_range", "intermediate_size",
            "layer_norm_eps", "max_position_embeddings", "model_type", "num_attention_heads",
            "num_hidden_layers", "pad_token_id", "relative_attention_num_buckets", "vocab_size"]
    if hasattr(config, "deformer"):
        keys.append("deformer")
    return {"architectures": [model_class]} | {key: getattr(config, key) for key in keys}


def make_model(config, seed):
    """Random weights, large enough that every layer and every bucket matters; float64 inside."""
    model = MPNetForQuestionAnswering(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            std = WEIGHT_STD if weight.dim() > 1 else BIAS_STD
            std = ATTENTION_BIAS_STD if "relative_attention_bias" in name else std
            offset = 1.0 if name.endswith("LayerNorm.weight") else 0.0
            weight.copy_(offset + std * torch.randn(weight.shape, generator=generator))
    return model.double()


def make_segments(layout):
    generator = torch.Generator().manual_seed(2020)

    def words(count):
        return torch.randint(FIRST_WORD, len(vocabulary()), (count,), generator=generator).tolist()

    end = [SEP, SEP] if layout == "continue" else [SEP]
    return ([[CLS, *words(count), *end] for count in QUESTION_LENGTHS],
            [[*words(count), SEP] for count in PASSAGE_LENGTHS])


def attention_bias(encoder, rows):
    """[1, heads, rows, rows]: what every pair of rows gets for its distance."""
    buckets = torch.tensor([[mpnet_bucket(key - query) for key in range(rows)] for query in range(rows)])
    return encoder.relative_attention_bias.weight[buckets].permute(2, 0, 1)[None]


def embed(mpnet, ids, first_position):
    positions = torch.arange(first_position, first_position + len(ids))
    return mpnet.embeddings(input_ids=torch.tensor([ids]), position_ids=positions[None])


def run_layers(mpnet, layers, hidden, states, prefix):
    """Adds each layer's output to `states` and returns the last; the rows of `hidden` are one sequence."""
    bias = attention_bias(mpnet.encoder, hidden.shape[1])
    for layer in layers:
        hidden = mpnet.encoder.layer[layer](hidden, position_bias=bias)[0]
        states[f"{prefix}.{layer}"] = hidden
    return hidden


def run_segments(mpnet, segments, positions, split_layer):
    """Lower layers per segment, upper layers over all: the composition in a few lines.

    `segments` are token ids by name, `positions` their first ones. Returns all states and the last.
    """
    states, parts = {}, []
    layers = range(len(mpnet.encoder.layer))
    for (name, ids), position in zip(segments.items(), positions):
        hidden = states[f"lower.{name}.embeddings"] = embed(mpnet, ids, position)
        parts.append(run_layers(mpnet, layers[:split_layer], hidden, states, f"lower.{name}"))
    hidden = run_layers(mpnet, layers[split_layer:], torch.cat(parts, dim=1), states, "upper")
    return {name: value[0] for name, value in states.items()}, hidden[0]


def run_split(model, question, passage, split_layer, passage_position=FIRST_POSITION):
    segments = {"question": question, "passage": passage}
    states, hidden = run_segments(
        model.mpnet, segments, [FIRST_POSITION, passage_position], split_layer)
    logits = model.qa_outputs(hidden)
    return states | {"logits.start": logits[:, 0], "logits.end": logits[:, 1]}


def run_joint(model, question, passage, padding=0):
    """Hugging Face's own forward pass; `padding` masked slots behind the tokens."""
    length = len(question) + len(passage)
    output = model(
        input_ids=torch.tensor([question + passage + [PAD] * padding]),
        attention_mask=torch.tensor([[1] * length + [0] * padding]),
        output_hidden_states=True,
    )
    embeddings = output.hidden_states[0][0]
    states = {"lower.question.embeddings": embeddings[:len(question)],
              "lower.passage.embeddings": embeddings[len(question):length]}
    for layer, hidden in enumerate(output.hidden_states[1:]):
        states[f"upper.{layer}"] = hidden[0, :length]
    return states | {"logits.start": output.start_logits[0, :length],
                     "logits.end": output.end_logits[0, :length]}


def require_hugging_face(model, question, passage):
    """The composition at split 0, positions running on, against Hugging Face: any segments will do."""
    joint = run_joint(model, question, passage)
    require_close(joint, run_joint(model, question, passage, padding=7))
    running_on = FIRST_POSITION + len(question)
    require_close(joint, run_split(model, question, passage, 0, passage_position=running_on))
    return joint


def compute(model, layout, question, passage, split_layer):
    joint = require_hugging_face(model, question, passage)
    return joint if layout == "continue" else run_split(model, question, passage, split_layer)


def write_expected(directory, model, layout, split_layers, pairs):
    questions, passages = make_segments(layout)
    tensors, cases = {}, []
    for q, p in pairs:
        for split_layer in split_layers:
            name = f"q{QUESTION_LENGTHS[q]}-p{PASSAGE_LENGTHS[p]}-split{split_layer}"
            cases.append({"name": name, "split_layer": split_layer})
            states = compute(model, layout, questions[q], passages[p], split_layer)
            for key, value in states.items():
                tensors[f"{name}.{key}"] = value.float().contiguous()
            tensors[f"{name}.ids.question"] = torch.tensor(questions[q], dtype=torch.int64)
            tensors[f"{name}.ids.passage"] = torch.tensor(passages[p], dtype=torch.int64)
    save_file(tensors, directory / "expected.safetensors")
    write_json(directory / "cases.json", {
        "layout": layout, "layers": len(model.mpnet.encoder.layer), "cases": cases})


def make_reader(directory, config, seed):
    model = make_model(config, seed)
    directory.mkdir(parents=True)
    write_json(directory / "config.json", config_document(config, "MPNetForQuestionAnswering"))
    write_json(directory / "tokenizer_config.json", tokenizer_config())
    (directory / "vocab.txt").write_text("\n".join(vocabulary()) + "\n")
    save_weights(directory, stored_weights(model))
    return model


def make_joint(directory, seed):
    model = make_reader(directory, make_config(layers=3), seed)
    write_expected(directory, model, "continue", [0], PAIRS)


def make_split(directory, seed):
    config = make_config(layers=4, deformer={
        "split_layer": 2, "layout": "restart", "max_question_tokens": 12, "window_tokens": 40,
        "window_step": 16, "max_answer_tokens": 8})
    model = make_reader(directory, config, seed)
    write_expected(directory, model, "restart", [0, 1, 2, 3], PAIRS)


def make_long(directory, seed):
    """A passage whose distances reach the last bucket, below the split and above; tanh form of GELU."""
    config = make_config(layers=2, act="gelu_new", positions=300, deformer={
        "split_layer": 1, "layout": "restart", "max_question_tokens": 12, "window_tokens": 240})
    model = make_reader(directory, config, seed)
    write_expected(directory, model, "restart", [0, 1], [(3, 4), (0, 0)])


def make_bare(directory, seed):
    """Names of a bare MPNetModel, and the parts of a pretrained model that nothing reads."""
    config = make_config(layers=2)
    model = make_reader(directory, config, seed)
    weights = {name.removeprefix("mpnet."): weight for name, weight in stored_weights(model).items()}
    weights["embeddings.position_ids"] = torch.arange(config.max_position_embeddings)[None]
    weights["pooler.dense.weight"] = torch.zeros(32, 32)
    weights["pooler.dense.bias"] = torch.zeros(32)
    weights["lm_head.bias"] = torch.zeros(len(vocabulary()))
    save_weights(directory, weights)
    write_expected(directory, model, "continue", [0], PAIRS[:2])


def make_all(root):
    make_joint(root / "mpnet-joint", seed=21)
    make_split(root / "mpnet-split", seed=22)
    make_long(root / "mpnet-long", seed=23)
    make_bare(root / "mpnet-bare", seed=24)


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
