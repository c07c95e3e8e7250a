#!/usr/bin/env python3
"""Makes tests/golden/convert/tensorflow: tiny checkpoints written by TensorFlow itself, and what they hold.

Development only; the product never runs Python. Needs tensorflow 2.15 (whose tf.compat.v1 is
TensorFlow 1), torch, transformers 4.44 and safetensors:

    python3 scripts/golden/make_golden_tensorflow.py

Each directory has a checkpoint of tf.compat.v1.train.Saver with random values and

    expected.safetensors   the weights under Hugging Face's names

Those of the encoders are what transformers' own load_tf_weights_in_bert and load_tf_weights_in_xlnet make
of the checkpoint. Checkpoints of DeFormer, whose scopes transformers does not know, are written a second
time under Google's names for that. Heads that it does not know either are turned here, by the code that
computes with them: run_squad.py and run_classifier.py multiply with the transposed output_weights
[classes, hidden], tf.layers.dense with its kernel [hidden, classes].

    google-bert       run_squad.py's: encoder, pooler, span head, pretraining heads, Adam's slots
    google-class      run_classifier.py's as half: hidden size 64, no bert_config.json
    deformer          ebert_qa, split 1 of 2, in two shards; bert_config.json
    deformer-teacher  sbert_qa: the same student beside a teacher
    xlnet             official: language model and classification head, Adam's slots; xlnet_config.json
    xlnet-span        csarron/xlnet: span head, answer class, teacher; biases shared by the layers
"""

import json
import os
import pathlib
import shutil
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForPreTraining, XLNetConfig, XLNetForSequenceClassification
from transformers.models.bert.modeling_bert import load_tf_weights_in_bert
from transformers.models.xlnet.modeling_xlnet import load_tf_weights_in_xlnet

tf1 = tf.compat.v1
GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
ROOT = GOLDEN / "convert" / "tensorflow"
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the of and in to was is who what when where how did many ##s".split()
LAYERS = 2


def bert_config(hidden=8, inner=12, layers=LAYERS, positions=16):
    return dict(
        vocab_size=len(WORDS), hidden_size=hidden, num_hidden_layers=layers,
        num_attention_heads=max(1, hidden // 64) if hidden >= 64 else 2, intermediate_size=inner,
        hidden_act="gelu", max_position_embeddings=positions, type_vocab_size=2,
    )


def bert_shapes(config):
    """Google's names after `bert/`, with shapes."""
    h, i = config["hidden_size"], config["intermediate_size"]
    shapes = {
        "embeddings/word_embeddings": [config["vocab_size"], h],
        "embeddings/position_embeddings": [config["max_position_embeddings"], h],
        "embeddings/token_type_embeddings": [2, h],
    }

    def dense(name, size_in, size_out):
        shapes[f"{name}/kernel"] = [size_in, size_out]
        shapes[f"{name}/bias"] = [size_out]

    def norm(name):
        shapes[f"{name}/gamma"] = shapes[f"{name}/beta"] = [h]

    norm("embeddings/LayerNorm")
    for n in range(config["num_hidden_layers"]):
        layer = f"encoder/layer_{n}"
        for part in ("query", "key", "value"):
            dense(f"{layer}/attention/self/{part}", h, h)
        dense(f"{layer}/attention/output/dense", h, h)
        norm(f"{layer}/attention/output/LayerNorm")
        dense(f"{layer}/intermediate/dense", h, i)
        dense(f"{layer}/output/dense", i, h)
        norm(f"{layer}/output/LayerNorm")
    dense("pooler/dense", h, h)
    return shapes


def random_values(shapes, seed, dtype=np.float32):
    random = np.random.default_rng(seed)
    return {name: random.normal(size=shape).astype(dtype) for name, shape in sorted(shapes.items())}


def write_checkpoint(prefix, values):
    """By TensorFlow's own Saver."""
    with tf.Graph().as_default(), tf1.Session() as session:
        variables = [tf1.get_variable(name, initializer=tf.constant(value), use_resource=False)
                     for name, value in values.items()]
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver(variables).save(session, str(prefix), write_meta_graph=False, write_state=False)


def write_two_shards(prefix, values):
    """By the operations that Saver(sharded=True) runs, one shard for each half of the names."""
    names = sorted(values)
    halves = [names[: len(names) // 2], names[len(names) // 2 :]]
    with tempfile.TemporaryDirectory() as scratch:
        parts = [f"{scratch}/part-{i}" for i in range(2)]
        for part, half in zip(parts, halves):
            tf.raw_ops.SaveV2(prefix=part, tensor_names=half, shape_and_slices=[""] * len(half),
                              tensors=[tf.constant(values[name]) for name in half])
        tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=str(prefix))


def bert_weights(values, config):
    """What transformers makes of variables `bert/...`."""
    with tempfile.TemporaryDirectory() as scratch:
        write_checkpoint(f"{scratch}/ckpt", {f"bert/{name}": value for name, value in values.items()})
        model = BertForPreTraining(BertConfig(**config))
        load_tf_weights_in_bert(model, model.config, f"{scratch}/ckpt")
    state = model.state_dict()
    return {name: state[name] for name in state if name.startswith("bert.") and "_ids" not in name}


def with_slots(values, slots):
    """An optimiser's variables beside each of these."""
    return values | {f"{name}/{slot}": np.full_like(value, 0.5) for name, value in values.items() for slot in slots}


def start(name):
    directory = ROOT / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def save_expected(directory, weights):
    weights = {name: torch.as_tensor(np.array(value)).contiguous() for name, value in weights.items()}
    save_file(weights, directory / "expected.safetensors", metadata={"format": "pt"})


def write_text(path, text):
    path.write_text(text, encoding="utf-8")


def make_google_bert():
    directory = start("google-bert")
    config = bert_config()
    write_text(directory / "bert_config.json", json.dumps(config, indent=2) + "\n")
    write_text(directory / "vocab.txt", "\n".join(WORDS) + "\n")
    body = random_values(bert_shapes(config), seed=1)
    head = random_values({"cls/squad/output_weights": [2, 8], "cls/squad/output_bias": [2]}, seed=2)
    pretraining = random_values({"cls/predictions/output_bias": [len(WORDS)],
                                 "cls/seq_relationship/output_weights": [2, 8]}, seed=3)
    trained = {f"bert/{name}": value for name, value in body.items()} | head
    slots = {name: value for name, value in trained.items() if "encoder" not in name}
    write_checkpoint(directory / "model.ckpt-7",
                     trained | with_slots(slots, ["adam_m", "adam_v"]) | pretraining |
                     {"global_step": np.int64(7)})
    save_expected(directory, bert_weights(body, config) | {
        "qa_outputs.weight": head["cls/squad/output_weights"], "qa_outputs.bias": head["cls/squad/output_bias"]})


def make_google_class():
    directory = start("google-class")
    config = bert_config(hidden=64, inner=4, layers=1, positions=8)
    write_text(directory / "vocab.txt", "\n".join(WORDS) + "\n")
    body = random_values(bert_shapes(config), seed=4, dtype=np.float16)
    head = random_values({"output_weights": [3, 64], "output_bias": [3]}, seed=5, dtype=np.float16)
    write_checkpoint(directory / "model.ckpt", {f"bert/{name}": value for name, value in body.items()} | head)
    single = {name: value.astype(np.float32) for name, value in body.items()}
    # Some of them: the rest would only make the repository larger.
    weights = {name: value.half() for name, value in bert_weights(single, config).items()
               if "embeddings" in name or "intermediate" in name or "bias" in name}
    save_expected(directory, weights | {
        "classifier.weight": head["output_weights"], "classifier.bias": head["output_bias"]})


def deformer_names(body, scope, split):
    """The original's names of Google's variables: layer_norm, lower_encoder, upper_encoder; no pooler."""
    names = {}
    for name, value in body.items():
        if name.startswith("pooler"):
            continue
        name = name.replace("LayerNorm", "layer_norm")
        for n in range(LAYERS):
            encoder = "lower_encoder" if n < split else "upper_encoder"
            name = name.replace(f"encoder/layer_{n}/", f"{encoder}/layer_{n}/")
        names[f"{scope}/{name}"] = value
    return names


def make_deformer():
    config = bert_config()
    body = random_values(bert_shapes(config), seed=6)
    head = random_values({"kernel": [8, 2], "bias": [2]}, seed=7)
    expected = {name: value for name, value in bert_weights(body, config).items() if "pooler" not in name}
    expected |= {"qa_outputs.weight": head["kernel"].T, "qa_outputs.bias": head["bias"]}
    teacher = random_values(bert_shapes(config), seed=8)
    step = {"global_step": np.int64(3)}

    directory = start("deformer")
    write_text(directory / "bert_config.json", json.dumps(config, indent=2) + "\n")
    write_text(directory / "bert.vocab", "\n".join(WORDS) + "\n")
    student = deformer_names(body, "ebert_qa/ebert", split=1)
    student |= {f"ebert_qa/answer_classifier/dense/{name}": value for name, value in head.items()}
    slots = {name: value for name, value in student.items() if "layer" not in name}
    write_two_shards(directory / "model.ckpt-3", student | with_slots(slots, ["adam_m", "adam_v"]) | step)
    save_expected(directory, expected)

    directory = start("deformer-teacher")
    write_text(directory / "bert_config.json", json.dumps(config, indent=2) + "\n")
    write_text(directory / "bert.vocab", "\n".join(WORDS) + "\n")
    both = deformer_names(body, "sbert_qa/ebert", split=1)
    both |= {f"sbert_qa/answer_classifier/dense/{name}": value for name, value in head.items()}
    both |= deformer_names(teacher, "sbert_qa/ebert_qa/ebert", split=0)
    both |= {f"sbert_qa/ebert_qa/answer_classifier/dense/{name}": -value for name, value in head.items()}
    write_checkpoint(directory / "model.ckpt-3", both | step)


def xlnet_shapes(vocab_size, untied):
    h, heads, head, inner = 8, 2, 4, 12
    per_layer = [LAYERS] if untied else []
    shapes = {"word_embedding/lookup_table": [vocab_size, h], "mask_emb/mask_emb": [1, 1, h]}
    for bias in ("r_w_bias", "r_r_bias", "r_s_bias"):
        shapes[bias] = per_layer + [heads, head]
    shapes["seg_embed"] = [LAYERS, 2, heads, head]
    for n in range(LAYERS):
        for part in "qkvor":
            shapes[f"layer_{n}/rel_attn/{part}/kernel"] = [h, heads, head]
        for norm in ("rel_attn", "ff"):
            shapes[f"layer_{n}/{norm}/LayerNorm/gamma"] = shapes[f"layer_{n}/{norm}/LayerNorm/beta"] = [h]
        shapes[f"layer_{n}/ff/layer_1/kernel"], shapes[f"layer_{n}/ff/layer_1/bias"] = [h, inner], [inner]
        shapes[f"layer_{n}/ff/layer_2/kernel"], shapes[f"layer_{n}/ff/layer_2/bias"] = [inner, h], [h]
    return shapes


def xlnet_weights(values, vocab_size):
    """What transformers makes of variables `model/...` with biases of their own in each layer."""
    with tempfile.TemporaryDirectory() as scratch:
        write_checkpoint(f"{scratch}/ckpt", values)
        model = XLNetForSequenceClassification(XLNetConfig(
            vocab_size=vocab_size, d_model=8, n_layer=LAYERS, n_head=2, d_inner=12, untie_r=True))
        load_tf_weights_in_xlnet(model, model.config, f"{scratch}/ckpt")
    return {name: value for name, value in model.state_dict().items() if "logits_proj" not in name}


def make_xlnet():
    vocab_size = 96
    directory = start("xlnet")
    shutil.copy(GOLDEN / "models" / "xlnet-bare" / "spiece.model", directory)
    write_text(directory / "xlnet_config.json", json.dumps(dict(
        d_head=4, d_inner=12, d_model=8, ff_activation="gelu", n_head=2, n_layer=LAYERS,
        n_token=vocab_size, untie_r=True), indent=2) + "\n")
    body = {f"model/transformer/{name}": value
            for name, value in random_values(xlnet_shapes(vocab_size, untied=True), seed=9).items()}
    heads = random_values({"model/sequnece_summary/summary/kernel": [8, 8],
                           "model/sequnece_summary/summary/bias": [8],
                           "model/classification_mnli/logit/kernel": [8, 3],
                           "model/classification_mnli/logit/bias": [3]}, seed=10)
    slots = with_slots({name: value for name, value in (body | heads).items() if "layer" not in name},
                       ["Adam", "Adam_1"])
    write_checkpoint(directory / "xlnet_model.ckpt", body | heads | slots | {
        "model/lm_loss/bias": np.zeros(vocab_size, np.float32), "beta1_power": np.float32(0.9),
        "global_step": np.int64(5)})
    expected = xlnet_weights(body | {name: value for name, value in heads.items() if "summary" in name}, vocab_size)
    save_expected(directory, expected | {
        "logits_proj.weight": heads["model/classification_mnli/logit/kernel"].T,
        "logits_proj.bias": heads["model/classification_mnli/logit/bias"]})


def make_xlnet_span():
    vocab_size = 96
    directory = start("xlnet-span")
    body = random_values(xlnet_shapes(vocab_size, untied=False), seed=11)
    body.pop("mask_emb/mask_emb")
    head = random_values({"logits/dense/kernel": [8, 2], "logits/dense/bias": [2]}, seed=12)
    answer_class = random_values({"answer_class/pooler/kernel": [8, 8], "answer_class/pooler/bias": [8],
                                  "answer_class/cls/kernel": [8, 2], "answer_class/cls/bias": [2]}, seed=13)
    teacher = {f"teacher/model/transformer/{name}": -value for name, value in body.items() if "ff" in name}
    write_checkpoint(directory / "model.ckpt-9",
                     {f"model/transformer/{name}": value for name, value in body.items()} |
                     head | answer_class | teacher)
    untied = {name: np.stack([value] * LAYERS) if name in ("r_w_bias", "r_r_bias", "r_s_bias") else value
              for name, value in body.items()}
    untied["mask_emb/mask_emb"] = np.zeros((1, 1, 8), np.float32)
    expected = xlnet_weights({f"model/transformer/{name}": value for name, value in untied.items()}, vocab_size)
    expected = {name: value for name, value in expected.items()
                if not name.startswith(("sequence_summary", "transformer.mask_emb"))}
    save_expected(directory, expected | {
        "qa_outputs.weight": head["logits/dense/kernel"].T, "qa_outputs.bias": head["logits/dense/bias"]})


def main():
    make_google_bert()
    make_google_class()
    make_deformer()
    make_xlnet()
    make_xlnet_span()
    for path in sorted(ROOT.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:8} {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
