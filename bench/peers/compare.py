#!/usr/bin/env python3
"""Time per question against other programs, on the same weights and questions, taking turns in one run.

The others answer as ordinary readers do: question and window together through all layers. Only their forward passes are
timed, tokenisation and span search are left out. Each gets the questions padded to the model's slots ("slots") and in batches
of similar length, padded to their longest ("sorted"): removing padding is not decomposition's merit. Ours is `deformer
bench`, from text to answer: at split layer 0 ("full"), with the passages in an LMDB store ("warm") and in one that keeps
projections too ("projected"), in fp32, int8 and, on a processor that has it, bf16, in batches and one question at a time. All
are warmed up.

  transformers eager, sdpa     Hugging Face's BertForQuestionAnswering, fp32
  transformers bf16            sdpa, weights and states in bf16 (on a processor that has it)
  torch int8                   the first with dynamically quantised linear layers
  onnxruntime, onnxruntime int8   exported, fused by ONNX Runtime's optimizer for BERT, the second quantised dynamically
  openvino, openvino bf16      the exported model, fp32, and where the processor has it bf16
  ctranslate2                  CTranslate2's encoder, fp32, and the head in PyTorch; it computes no padding
  plain split, plain split int8   this decomposition in plain PyTorch (plain_split.py), one question at a time, slots only

The questions are the first of so many paragraphs, taken evenly from the file. The largest difference of a logit from the first
fp32 peer's (transformers', where none was asked for) is printed too: a program that computes something else is not compared.

--random makes a BERT-base with random weights instead of --model: speed does not depend on the values. They are saved in fp16,
as most readers are published and as the bundled ones are: ours then keeps them in fp16 and computes in fp32 (--weights auto),
the others widen them, so that all compute the same.

Development only, with an environment of its own:

  python3 -m venv build/peers && build/peers/bin/pip install -r bench/peers/requirements.txt
  build/peers/bin/python bench/peers/compare.py --deformer build/release/deformer --model DIR --squad dev-v1.1.json
  build/peers/bin/python bench/peers/compare.py --deformer build/release/deformer --random VOCAB --squad dev-v1.1.json
"""
import argparse
import contextlib
import importlib.metadata
import itertools
import json
import logging
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from typing import Callable, NamedTuple

import numpy
import torch
import transformers
from transformers import BertConfig, BertForQuestionAnswering

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from compare_transformers import make_batches, make_rows  # noqa: E402
from machine import cpu_name, has_bf16  # noqa: E402
from plain_split import PlainSplit, check_against  # noqa: E402

BF16_PEERS = ["bf16", "openvino-bf16"] if has_bf16() else []
PEERS = ["eager", "sdpa", "torch-int8", "onnxruntime", "onnxruntime-int8", "openvino", "ctranslate2", *BF16_PEERS]
SPLITS = ["plain-split", "plain-split-int8"]
PRECISIONS = ["fp32", *(["bf16"] if has_bf16() else []), "int8"]
NAMES = ["input_ids", "attention_mask", "token_type_ids"]
# A logit of another implementation in fp32 differs by rounding alone.
MOST_FP32_DIFFERENCE = 1e-2


class Peer(NamedTuple):
    name: str
    run: Callable  # of a batch: start and end logits, [rows, length] each
    exact: bool    # fp32


class Work(NamedTuple):
    """What one line of the table times."""

    name: str
    run: Callable
    batches: list


class Series(NamedTuple):
    """One line of the table: seconds of all questions, by round."""

    name: str
    seconds: list[float]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deformer", required=True, help="the command-line tool")
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--model", type=pathlib.Path, help="directory of a BERT reader, fp32")
    model.add_argument("--random", type=pathlib.Path, metavar="VOCAB",
                       help="a BERT-base with random weights and this vocab.txt of its 30,522 entries")
    parser.add_argument("--squad", required=True, type=pathlib.Path, help="SQuAD file")
    parser.add_argument("--split-layer", type=int, help="of ours, warm; default: the model's own")
    parser.add_argument("--questions", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16, help="windows of one batch of the others")
    parser.add_argument("--threads", type=int, default=2)
    every = PEERS + SPLITS
    parser.add_argument("--peers", default=",".join(every), help="default: all, %(default)s")
    parser.add_argument("--precisions", default=",".join(PRECISIONS),
                        help="of ours, fp32 among them; default: all, %(default)s")
    options = parser.parse_args()
    for name, known in (("peers", every), ("precisions", PRECISIONS)):
        chosen = getattr(options, name).split(",")
        setattr(options, name, chosen)
        for each in chosen:
            if each not in known:
                parser.error(f"--{name}: expected some of {', '.join(known)}, found {each}")
    if "fp32" not in options.precisions:
        parser.error("--precisions: expected fp32 among them, which the others are compared with")
    return options


def read_config(options):
    """The split of the model that is now there."""
    config = json.loads((options.model / "config.json").read_text())
    if config.get("model_type") != "bert":
        raise SystemExit(f"--model: expected a bert, found {config.get('model_type')}")
    options.split = config.get("deformer", {})
    if options.split_layer is None:
        options.split_layer = options.split.get("split_layer", 0)
    if options.split_layer < 1:
        raise SystemExit("--split-layer: expected a layer to split at, found none in config.json")


def make_random_model(vocabulary, target):
    """A model directory of BERT-base's sizes, split where the paper splits it."""
    torch.manual_seed(0)
    BertForQuestionAnswering(BertConfig()).half().save_pretrained(target)
    config = json.loads((target / "config.json").read_text())
    config["deformer"] = {"split_layer": 9, "layout": "restart", "max_question_tokens": 25,
                          "window_tokens": 292, "window_step": 128, "max_answer_tokens": 30}
    (target / "config.json").write_text(json.dumps(config))
    (target / "tokenizer_config.json").write_text('{"do_lower_case": true, "tokenizer_class": "BertTokenizer"}')
    shutil.copy(vocabulary, target / "vocab.txt")


def sample_squad(path, count, target):
    """Writes a SQuAD file of `count` paragraphs with one question each; gives (question, context) pairs."""
    paragraphs = [p for article in json.loads(path.read_text())["data"]
                  for p in article["paragraphs"] if p["qas"] and p["context"].strip()]
    count = min(count, len(paragraphs))
    chosen = [paragraphs[i * len(paragraphs) // count] for i in range(count)]
    cut = [{"context": p["context"], "qas": p["qas"][:1]} for p in chosen]
    target.write_text(json.dumps({"version": "1.1", "data": [{"title": "", "paragraphs": cut}]}))
    return [(p["qas"][0]["question"], p["context"]) for p in cut]


# ---- The others

def torch_peer(name, model, exact):
    def run(batch):
        with torch.inference_mode():
            result = model(**batch)
        return result.start_logits.float().numpy(), result.end_logits.float().numpy()
    return Peer(name, run, exact)


def load_torch(options, attention, dtype=torch.float32):
    return BertForQuestionAnswering.from_pretrained(
        options.model, attn_implementation=attention, dtype=dtype).eval()


def eager_peer(options):
    return torch_peer("transformers eager", load_torch(options, "eager"), True)


def export_onnx(options, path):
    """The graph that ONNX Runtime's optimizer knows best: exported with eager attention, then fused."""
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    model = load_torch(options, "eager")
    raw = path.with_suffix(".raw.onnx")
    example = tuple(torch.ones((2, 8), dtype=torch.int64) for _ in NAMES)
    axes = {name: {0: "rows", 1: "length"} for name in [*NAMES, "start_logits", "end_logits"]}
    with contextlib.redirect_stdout(sys.stderr):
        torch.onnx.export(model, example, str(raw), input_names=NAMES,
                          output_names=["start_logits", "end_logits"], dynamic_axes=axes,
                          opset_version=17, dynamo=False)
        fused = optimizer.optimize_model(
            str(raw), model_type="bert", num_heads=model.config.num_attention_heads,
            hidden_size=model.config.hidden_size, optimization_options=FusionOptions("bert"))
        fused.save_model_to_file(str(path))
    counts = fused.get_fused_operator_statistics()
    print("onnxruntime fused: " + ", ".join(f"{k} {v}" for k, v in counts.items() if v),
          file=sys.stderr)
    return raw


def onnx_peer(name, path, threads, exact):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])

    def run(batch):
        return session.run(["start_logits", "end_logits"],
                           {name: batch[name].numpy() for name in NAMES})
    return Peer(name, run, exact)


def quantize_onnx(source, target):
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # Behind a fused node the type of a tensor cannot be inferred: it is told.
    quantize_dynamic(str(source), str(target), weight_type=QuantType.QInt8, per_channel=True,
                     extra_options={"DefaultTensorType": TensorProto.FLOAT})


def openvino_peer(name, path, threads, precision):
    import openvino

    compiled = openvino.Core().compile_model(
        str(path), "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
                           "INFERENCE_PRECISION_HINT": precision})
    outputs = [compiled.output(name) for name in ("start_logits", "end_logits")]

    def run(batch):
        result = compiled({name: batch[name].numpy() for name in NAMES})
        return [result[output] for output in outputs]
    return Peer(name, run, precision == "f32")


def ctranslate2_peer(options, directory):
    import ctranslate2

    # Its converter asks for a field that transformers no longer writes.
    source, converted = directory / "source", directory / "ctranslate2"
    shutil.copytree(options.model, source)
    config = json.loads((source / "config.json").read_text())
    config["position_embedding_type"] = "absolute"
    (source / "config.json").chmod(0o600)
    (source / "config.json").write_text(json.dumps(config))
    ctranslate2.converters.TransformersConverter(str(source)).convert(str(converted))
    encoder = ctranslate2.Encoder(str(converted), device="cpu", inter_threads=1,
                                  intra_threads=options.threads, compute_type="float32")
    head = load_torch(options, "eager").qa_outputs

    def run(batch):
        lengths = batch["attention_mask"].sum(1).tolist()
        rows, types = ([row[:n] for row, n in zip(batch[name].tolist(), lengths)]
                       for name in ("input_ids", "token_type_ids"))
        states = encoder.forward_batch(rows, token_type_ids=types).last_hidden_state
        with torch.inference_mode():
            logits = head(torch.from_numpy(numpy.array(states)))
            missing = batch["input_ids"].shape[1] - logits.shape[1]
            logits = torch.nn.functional.pad(logits, (0, 0, 0, missing))
        return [part.numpy() for part in logits.unbind(2)]
    return Peer("ctranslate2", run, True)


def quantize_torch(model):
    return torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)


def make_peers(options, directory):
    peers = []
    fused = directory / "fused.onnx"
    if any(name.startswith(("onnxruntime", "openvino")) for name in options.peers):
        raw = export_onnx(options, fused)
    for name in options.peers:
        if name == "eager":
            peers.append(eager_peer(options))
        elif name == "sdpa":
            peers.append(torch_peer("transformers sdpa", load_torch(options, "sdpa"), True))
        elif name == "bf16":
            peers.append(torch_peer("transformers bf16", load_torch(options, "sdpa", torch.bfloat16), False))
        elif name == "torch-int8":
            peers.append(torch_peer("torch int8", quantize_torch(load_torch(options, "eager")), False))
        elif name == "onnxruntime":
            peers.append(onnx_peer("onnxruntime", fused, options.threads, True))
        elif name == "onnxruntime-int8":
            int8 = directory / "int8.onnx"
            quantize_onnx(fused, int8)
            peers.append(onnx_peer("onnxruntime int8", int8, options.threads, False))
        elif name == "openvino":
            peers.append(openvino_peer("openvino", raw, options.threads, "f32"))
        elif name == "openvino-bf16":
            peers.append(openvino_peer("openvino bf16", raw, options.threads, "bf16"))
        elif name == "ctranslate2":
            peers.append(ctranslate2_peer(options, directory))
    return peers


def plain_splits(options, rows):
    """The splits in plain PyTorch that were asked for."""
    works = []
    question_slots = options.split.get("max_question_tokens", 25) + 2
    passage_slots = options.split.get("window_tokens", 292) + 1
    for name in options.peers:
        if name not in SPLITS:
            continue
        model = load_torch(options, "sdpa")
        plain = PlainSplit(model, options.split_layer, question_slots)
        check_against(model, plain, model.config.vocab_size, slots(options.split),
                      MOST_FP32_DIFFERENCE)
        if name == "plain-split-int8":
            plain = PlainSplit(quantize_torch(model), options.split_layer, question_slots)
        items = []
        for ids, types in rows:
            length = len(types) - sum(types)
            question = ids[:length] if length <= question_slots else (
                ids[:question_slots - 1] + ids[length - 1:length])
            items.append((question, plain.encode_passage(ids[length:], passage_slots)))
        works.append(Work(name.replace("-", " ") + ", slots, one at a time",
                          lambda item, plain=plain: plain.answer(*item), items))
    return works


def pad_to(batch, length):
    """The batch with every row `length` long; rows that are longer already stay."""
    missing = length - batch["input_ids"].shape[1]
    if missing <= 0:
        return batch
    return {name: torch.nn.functional.pad(value, (0, missing)) for name, value in batch.items()}


def slots(split):
    """Joint rows of the longest question and window: 320 as published."""
    return split.get("max_question_tokens", 25) + split.get("window_tokens", 292) + 3


def check_peers(options, peers, batch):
    """Prints how far each is from the first that computes in fp32; a wrong graph ends the run."""
    reference = next((peer for peer in peers if peer.exact), None) or eager_peer(options)
    valid = batch["attention_mask"].numpy() == 1
    first = [logits[valid] for logits in reference.run(batch)]
    for peer in peers:
        if peer is reference:
            continue
        found = [logits[valid] for logits in peer.run(batch)]
        difference = max(float(numpy.abs(a - b).max()) for a, b in zip(first, found))
        print(f"{peer.name}: logits differ from {reference.name}'s by at most {difference:.1e}",
              file=sys.stderr)
        if peer.exact and not difference < MOST_FP32_DIFFERENCE:
            raise SystemExit(f"{peer.name}: expected logits within {MOST_FP32_DIFFERENCE}, found "
                             f"a difference of {difference}")


def time_work(work):
    begin = time.perf_counter()
    for batch in work.batches:
        work.run(batch)
    return time.perf_counter() - begin


# ---- Ours

# The projected passages have a store of their own.
MODES = [["full", "warm"], ["projected"]]
SETTINGS = ["", ", one at a time"]
# Other programs' threads may go on waiting actively for a moment.
REST = 1.0


def our_name(mode, precision, setting):
    return f"ours, {mode}{'' if precision == 'fp32' else ', ' + precision}{setting}"


def time_ours(options, squad, store, questions):
    """Seconds of all questions, by name of the line."""
    seconds = {}
    for precision, modes in itertools.product(options.precisions, MODES):
        time.sleep(REST)
        command = [options.deformer, "bench", "--model", options.model, "--squad", squad, "--passages", questions,
                   "--mode", ",".join(modes), "--store", f"{store}-{modes[-1]}", "--batch-tokens", 512 * questions,
                   "--min-seconds", 0.1, "--split-layer", options.split_layer, "--layout", "restart",
                   "--precision", precision, "--threads", options.threads, "--quiet", "--json"]
        done = subprocess.run(list(map(str, command)), check=True, capture_output=True)
        for column in json.loads(done.stdout)["columns"]:
            batches = statistics.median(column["batch"]["seconds_per_question"])
            for setting, mean in zip(SETTINGS, (batches, column["latency"]["mean"])):
                seconds[our_name(column["mode"], precision, setting)] = mean * questions
    return seconds


# ---- The table

def ratio_text(theirs, ours):
    ratios = [t / o for t, o in zip(theirs, ours)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def print_table(options, lines, questions):
    """Each line against ours, warm: in batches, and those of one question at a time against the same of ours."""
    named = {each.name: each.seconds for each in lines}
    print(f"{cpu_name()}, {options.threads} threads, {questions} questions, {options.rounds} "
          f"rounds; {versions(options)}; split layer {options.split_layer}\n")
    # What the other lines are compared with.
    columns = [*(("warm", precision) for precision in options.precisions), ("projected", "fp32")]
    heads = [f"{our_name(*column, '')}, is faster by" for column in columns]
    print(f"| | ms per question | {' | '.join(heads)} |")
    print("|---|---" + "|---" * len(heads) + "|")
    for each in lines:
        ms = 1000 * statistics.median(each.seconds) / questions
        setting = SETTINGS[1] if each.name.endswith(SETTINGS[1]) else SETTINGS[0]
        ratios = [ratio_text(each.seconds, named[our_name(*column, setting)]) for column in columns]
        print(f"| {each.name} | {ms:.1f} | {' | '.join(ratios)} |")


def versions(options):
    optional = [module for module in ("onnxruntime", "openvino", "ctranslate2")
                if any(name.startswith(module) for name in options.peers)]
    modules = ["torch", "transformers", *optional]
    return ", ".join(f"{module} {importlib.metadata.version(module)}" for module in modules)


def measure(options, directory):
    if options.random is not None:
        options.model = directory / "model"
        make_random_model(options.random, options.model)
    read_config(options)
    squad = directory / "questions.json"
    questions = sample_squad(options.squad, options.questions, squad)
    rows = make_rows(options.model, questions)
    by_length = make_batches(rows, options.batch)
    padded = [pad_to(batch, slots(options.split)) for batch in by_length]
    store = f"lmdb:{directory / 'store'}"
    peers = make_peers(options, directory)
    if peers:
        check_peers(options, peers, by_length[0])
    works = [Work(f"{peer.name}, {kind}", peer.run, batches) for peer in peers
             for kind, batches in (("slots", padded), ("sorted", by_length))]
    works += plain_splits(options, rows)
    lines = [Series(work.name, []) for work in works]
    ours = {}
    # Every batch: each length is laid out and compiled for when it first comes.
    for work in works:
        time_work(work)
    for _ in range(options.rounds):
        for series, work in zip(lines, works):
            series.seconds.append(time_work(work))
        for name, seconds in time_ours(options, squad, store, len(questions)).items():
            ours.setdefault(name, []).append(seconds)
    lines += [Series(name, seconds) for name, seconds in ours.items()]
    print_table(options, lines, len(questions))


def main():
    options = parse_arguments()
    # The exporter and PyTorch's quantisation announce their successors at every call.
    warnings.simplefilter("ignore")
    logging.getLogger().setLevel(logging.ERROR)
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        measure(options, pathlib.Path(folder))


if __name__ == "__main__":
    main()
