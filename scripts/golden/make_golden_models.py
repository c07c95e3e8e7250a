#!/usr/bin/env python3
"""Makes tests/golden/models: tiny random BERT readers and what Hugging Face computes with them.
XLNet's are make_golden_xlnet_models.py's.

Development only; the product never runs Python. Needs torch, transformers and safetensors:

    python3 scripts/golden/make_golden_models.py            # writes tests/golden/models
    python3 scripts/golden/make_golden_models.py --check    # compares with what is committed

Each model directory is an ordinary one (config.json, model.safetensors, vocab.txt, ...) plus

    cases.json            layout, number of layers, and per case its name and split_layer
    expected.safetensors  per case, under "<case>.":
        ids.question, ids.passage            token ids with special tokens, I64
        lower.question.embeddings, lower.question.<layer>, lower.passage. likewise, [tokens, hidden]
        upper.<layer>                        joint rows: question, then passage
        logits.start, logits.end             all joint rows

Layers are numbered from the bottom of the whole model. All values are computed in float64 from the
weights as stored and rounded once to fp32. Layout `continue` is Hugging Face's
BertForQuestionAnswering itself; layout `restart` is composed of its embeddings and layers.
"""

import argparse
import json
import pathlib
import shutil
import tempfile

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForQuestionAnswering

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "models"
CLS, SEP, FIRST_WORD = 2, 3, 5
WEIGHT_STD, BIAS_STD = 0.3, 0.2
# Tokens of the segments, special tokens not counted.
QUESTION_LENGTHS = [5, 1, 12, 3]
PASSAGE_LENGTHS = [20, 1, 9, 33]
# (question, passage) by index; the last pair shares both its segments with other pairs.
PAIRS = [(0, 0), (1, 1), (2, 2), (3, 3), (0, 3)]


def vocabulary():
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = "the of and in to was is who what when where how did many first city river king".split()
    return (
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        + list(letters)
        + ["##" + letter for letter in letters]
        + list("0123456789")
        + list(".,;:!?'\"()-%")
        + words
    )


def make_config(layers, act="gelu", deformer=None):
    extra = {"deformer": deformer} if deformer else {}
    return BertConfig(
        vocab_size=len(vocabulary()),
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=64,
        hidden_act=act,
        max_position_embeddings=64,
        attn_implementation="eager",
        **extra,
    )


def make_model(config, seed, dtype=torch.float32):
    """Random weights, large enough that every layer matters, rounded to `dtype`; float64 inside."""
    model = BertForQuestionAnswering(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            is_matrix = weight.dim() > 1
            std = WEIGHT_STD if is_matrix else BIAS_STD
            offset = 1.0 if name.endswith("LayerNorm.weight") else 0.0
            weight.copy_(offset + std * torch.randn(weight.shape, generator=generator))
            weight.copy_(weight.to(dtype))
    return model.double()


def make_segments():
    generator = torch.Generator().manual_seed(2020)

    def words(count):
        return torch.randint(FIRST_WORD, len(vocabulary()), (count,), generator=generator).tolist()

    return ([[CLS, *words(count), SEP] for count in QUESTION_LENGTHS],
            [[*words(count), SEP] for count in PASSAGE_LENGTHS])


def embed(model, ids, type_id, first_position):
    positions = torch.arange(first_position, first_position + len(ids))
    return model.bert.embeddings(
        input_ids=torch.tensor([ids]),
        token_type_ids=torch.full((1, len(ids)), type_id),
        position_ids=positions[None],
    )


def run_layer(model, layer, hidden):
    output = model.bert.encoder.layer[layer](hidden)
    return output[0] if isinstance(output, tuple) else output


def run_split(model, question, passage, split_layer, passage_position=0):
    """Lower layers per segment, upper layers over both: the composition in a few lines."""
    states = {}
    segments = {"question": embed(model, question, 0, 0),
                "passage": embed(model, passage, 1, passage_position)}
    for role, hidden in segments.items():
        states[f"lower.{role}.embeddings"] = hidden
        for layer in range(split_layer):
            hidden = run_layer(model, layer, hidden)
            states[f"lower.{role}.{layer}"] = hidden
        segments[role] = hidden
    hidden = torch.cat([segments["question"], segments["passage"]], dim=1)
    for layer in range(split_layer, len(model.bert.encoder.layer)):
        hidden = run_layer(model, layer, hidden)
        states[f"upper.{layer}"] = hidden
    states = {name: value[0] for name, value in states.items()}
    logits = model.qa_outputs(hidden)[0]
    return states | {"logits.start": logits[:, 0], "logits.end": logits[:, 1]}


def run_joint(model, question, passage, padding=0):
    """Hugging Face's own forward pass; `padding` masked slots behind the tokens."""
    length = len(question) + len(passage)
    output = model(
        input_ids=torch.tensor([question + passage + [0] * padding]),
        token_type_ids=torch.tensor([[0] * len(question) + [1] * len(passage) + [0] * padding]),
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


def require_close(expected, found):
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-11, msg=name)


def compute(model, layout, question, passage, split_layer):
    if layout == "restart":
        return run_split(model, question, passage, split_layer)
    states = run_joint(model, question, passage)
    require_close(states, run_joint(model, question, passage, padding=7))
    require_close(states, run_split(model, question, passage, 0, passage_position=len(question)))
    return states


def write_expected(directory, model, layout, split_layers, pairs):
    questions, passages = make_segments()
    tensors, cases = {}, []
    for question, passage in ((questions[q], passages[p]) for q, p in pairs):
        for split_layer in split_layers:
            name = f"q{len(question) - 2}-p{len(passage) - 1}-split{split_layer}"
            cases.append({"name": name, "split_layer": split_layer})
            states = compute(model, layout, question, passage, split_layer)
            for key, value in states.items():
                tensors[f"{name}.{key}"] = value.float().contiguous()
            tensors[f"{name}.ids.question"] = torch.tensor(question, dtype=torch.int64)
            tensors[f"{name}.ids.passage"] = torch.tensor(passage, dtype=torch.int64)
    save_file(tensors, directory / "expected.safetensors")
    write_json(directory / "cases.json", {
        "layout": layout, "layers": len(model.bert.encoder.layer), "cases": cases})


def write_json(path, document):
    path.write_text(json.dumps(document, indent=2) + "\n")


def make_directory(directory, config):
    directory.mkdir(parents=True)
    document = json.loads(config.to_json_string(use_diff=False))
    for key in ("transformers_version", "_name_or_path", "dtype"):
        document.pop(key, None)
    document["architectures"] = ["BertForQuestionAnswering"]
    write_json(directory / "config.json", document)
    write_json(directory / "tokenizer_config.json", {"do_lower_case": True})
    (directory / "vocab.txt").write_text("\n".join(vocabulary()) + "\n")


def stored_weights(model, dtype=torch.float32):
    return {name: weight.detach().to(dtype).contiguous()
            for name, weight in model.named_parameters()}


def save_weights(directory, weights, name="model.safetensors"):
    save_file(weights, directory / name, metadata={"format": "pt"})


def make_joint(directory, seed):
    config = make_config(layers=4)
    model = make_model(config, seed)
    make_directory(directory, config)
    save_weights(directory, stored_weights(model))
    write_expected(directory, model, "continue", [0], PAIRS)


def make_split(directory, seed):
    config = make_config(layers=4, deformer={
        "split_layer": 2, "layout": "restart", "max_question_tokens": 12, "window_tokens": 40,
        "window_step": 16, "max_answer_tokens": 8})
    model = make_model(config, seed)
    make_directory(directory, config)
    save_weights(directory, stored_weights(model))
    write_expected(directory, model, "restart", [0, 1, 2, 3], PAIRS)


def make_tanh(directory, seed):
    config = make_config(layers=2, act="gelu_new", deformer={
        "split_layer": 1, "max_question_tokens": 12, "window_tokens": 40})
    model = make_model(config, seed)
    make_directory(directory, config)
    save_weights(directory, stored_weights(model))
    write_expected(directory, model, "restart", [1], PAIRS[:2])


def make_legacy(directory, seed):
    """Names of 2019, no `bert.` prefix, and the parts of a pretrained model that nothing reads."""
    config = make_config(layers=2)
    model = make_model(config, seed)
    make_directory(directory, config)
    weights = {}
    for name, weight in stored_weights(model).items():
        name = name.removeprefix("bert.")
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
        weights[name.replace("LayerNorm.bias", "LayerNorm.beta")] = weight
    weights["embeddings.position_ids"] = torch.arange(64)[None]
    weights["pooler.dense.weight"] = torch.zeros(32, 32)
    weights["pooler.dense.bias"] = torch.zeros(32)
    weights["cls.predictions.bias"] = torch.zeros(len(vocabulary()))
    save_weights(directory, weights)
    write_expected(directory, model, "continue", [0], PAIRS[:2])


def make_half(directory, seed, dtype):
    config = make_config(layers=2)
    model = make_model(config, seed, dtype)
    make_directory(directory, config)
    save_weights(directory, stored_weights(model, dtype))
    write_expected(directory, model, "continue", [0], PAIRS[:2])


def make_sharded(directory, seed):
    config = make_config(layers=2)
    model = make_model(config, seed)
    make_directory(directory, config)
    shards = [{}, {}]
    for name, weight in stored_weights(model).items():
        shards[0 if "embeddings" in name or "layer.0" in name else 1][name] = weight
    weight_map = {}
    for number, weights in enumerate(shards, start=1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_weights(directory, weights, file)
        weight_map |= {name: file for name in weights}
    size = sum(weight.nbytes for weights in shards for weight in weights.values())
    write_json(directory / "model.safetensors.index.json",
               {"metadata": {"total_size": size}, "weight_map": dict(sorted(weight_map.items()))})
    write_expected(directory, model, "continue", [0], PAIRS[:2])


def make_all_dtypes(directory):
    """One small file with everything that the format has; the reader's own test."""
    directory.mkdir(parents=True)
    save_file(
        {
            "f32": torch.tensor([[0.5, -1, 2], [3.25, 1e30, 0]]),
            "f64": torch.tensor([1e-300, -2.5], dtype=torch.float64),
            "f16": torch.tensor([1, -2], dtype=torch.float16),
            "bf16": torch.tensor([1, -2], dtype=torch.bfloat16),
            "i64": torch.tensor([-1, 1 << 40]),
            "i32": torch.tensor([-7, 1 << 30], dtype=torch.int32),
            "i16": torch.tensor([-300], dtype=torch.int16),
            "i8": torch.tensor([-128, 127, 0], dtype=torch.int8),
            "u8": torch.tensor([255], dtype=torch.uint8),
            "bool": torch.tensor([True, False]),
            "\u00e9.scalar": torch.tensor(42.0),
            "none": torch.zeros(0, 3),
        },
        directory / "all_dtypes.safetensors",
        metadata={"note": "caf\u00e9"},
    )


def make_all(root):
    make_joint(root / "bert-joint", seed=1)
    make_split(root / "bert-split", seed=2)
    make_tanh(root / "bert-tanh", seed=3)
    make_legacy(root / "bert-legacy", seed=4)
    make_half(root / "bert-fp16", seed=5, dtype=torch.float16)
    make_half(root / "bert-bf16", seed=6, dtype=torch.bfloat16)
    make_sharded(root / "bert-sharded", seed=7)
    make_all_dtypes(root / "safetensors")


def check(root):
    """Names of files that differ from the committed ones, byte for byte."""
    files = {path.relative_to(tree) for tree in (root, ROOT) for directory in root.iterdir()
             for path in (tree / directory.name).rglob("*") if path.is_file()}
    same = [path for path in files if (root / path).is_file() and (ROOT / path).is_file()
            and (root / path).read_bytes() == (ROOT / path).read_bytes()]
    return sorted(str(path) for path in files - set(same))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    arguments = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    with tempfile.TemporaryDirectory() as temporary:
        fresh = pathlib.Path(temporary) / "models"
        make_all(fresh)
        if arguments.check:
            different = check(fresh)
            raise SystemExit(f"different: {', '.join(different)}" if different else 0)
        for directory in fresh.iterdir():
            shutil.rmtree(ROOT / directory.name, ignore_errors=True)
            shutil.copytree(directory, ROOT / directory.name)


if __name__ == "__main__":
    main()
