#!/usr/bin/env python3
"""Training speed against an equivalent PyTorch program, interleaved, in one run.

Both train on the same pairs of question and window, each pair once a turn: those of the first N questions of a SQuAD file
whose window holds the answer. Same starting weights, threads and number of questions in a batch; fp32, or with --precision
bf16 both in bf16 (the PyTorch program under autocast), task loss, dropout 0.1 after embeddings and sub-layers and none in
attention, clipping at 1, fused AdamW, linear warm-up and decay. What is counted are real joint tokens (question and window
of every pair, special tokens included, padding not); the first steps of a turn, loading and saving are left out. The script
stops when the two did not see the same number of tokens.

The PyTorch program at split layer 0 is Hugging Face's BertForQuestionAnswering with sdpa attention, batches in random order
and padded to the longest of the batch. At split layer k it runs the same layers on padded questions and windows, then on the
pairs; pairs of one window stand together in a batch, as in ours, and share the window's lower part.

Development only: needs torch, transformers and tokenizers. Without --model the weights are random, of MiniLM-L6's sizes, and
the vocabulary is made from the SQuAD file.

  bench/compare_training.py --deformer build/release/deformer --squad train-v1.1.json [--split-layer 3]
"""
import argparse
import itertools
import json
import pathlib
import random
import statistics
import subprocess
import tempfile
import time
from typing import NamedTuple

import torch
import transformers
from tokenizers import BertWordPieceTokenizer
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import BertConfig, BertForQuestionAnswering

from machine import cpu_name

PAD = 0
RATE, WARMUP, DECAY, CLIP = 5e-5, 0.15, 0.01, 1.0


class Pair(NamedTuple):
    """A question and a window that holds its answer, without special tokens."""

    question: list[int]
    window_index: int
    window: list[int]
    first: int
    last: int

    def joint_tokens(self):
        return len(self.question) + len(self.window) + 3


class Turn(NamedTuple):
    epoch_tokens: int  # joint tokens, warm-up included
    speed: float       # real joint tokens a second
    slots_speed: float  # the same with padding counted as work


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deformer", required=True, help="the command-line tool")
    parser.add_argument("--squad", required=True, type=pathlib.Path, help="SQuAD file")
    parser.add_argument("--model", type=pathlib.Path, help="model directory; default: random weights")
    parser.add_argument("--split-layer", type=int, default=0)
    parser.add_argument("--questions", type=int, default=240)
    parser.add_argument("--batch", type=int, default=16, help="questions of a step")
    parser.add_argument("--shared", type=int, default=4, help="questions of a step that share a window")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warmup-steps", type=int, default=2, help="left out of every turn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    return parser.parse_args()


# ---- What both get: data and model

def cut_squad(path, count, target):
    """Writes the first `count` questions as a SQuAD file and gives its paragraphs."""
    paragraphs = []
    for article in json.loads(path.read_text())["data"]:
        for paragraph in article["paragraphs"]:
            questions = paragraph["qas"][:count]
            count -= len(questions)
            if questions:
                paragraphs.append({"context": paragraph["context"], "qas": questions})
    data = {"version": "1.1", "data": [{"title": "", "paragraphs": paragraphs}]}
    target.write_text(json.dumps(data))
    return paragraphs


def make_vocabulary(paragraphs, directory):
    texts = (text for paragraph in paragraphs
             for text in (paragraph["context"], *(qa["question"] for qa in paragraph["qas"])))
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(texts, vocab_size=30522, show_progress=False)
    tokenizer.save_model(str(directory))


def make_model_dir(options, paragraphs, directory):
    """The model that both start from: fp32, no dropout in attention, lengths and layout spelled out."""
    directory.mkdir()
    split = {"max_question_tokens": 25, "window_tokens": 292, "window_step": 128,
             "max_answer_tokens": 30}
    if options.model:
        model = BertForQuestionAnswering.from_pretrained(options.model, dtype=torch.float32)
        split |= json.loads((options.model / "config.json").read_text()).get("deformer", {})
        (directory / "vocab.txt").write_bytes((options.model / "vocab.txt").read_bytes())
    else:
        torch.manual_seed(1)
        model = BertForQuestionAnswering(BertConfig(
            hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536))
        make_vocabulary(paragraphs, directory)
    split |= {"split_layer": options.split_layer,
              "layout": "restart" if options.split_layer else "continue"}
    model.config.hidden_dropout_prob = 0.1
    model.config.attention_probs_dropout_prob = 0.0
    model.save_pretrained(directory)
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"deformer": split}))
    (directory / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))
    return split


def answer_tokens(qa, context, offsets):
    answer = qa["answers"][0]
    begin, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
    if context[begin:end] != answer["text"]:
        raise SystemExit(f"question {qa['id']}: expected the answer at its start")
    covered = [i for i, (b, e) in enumerate(offsets) if b < end and e > begin]
    return covered[0], covered[-1]


def make_pairs(paragraphs, tokenizer, split):
    pairs = []
    next_window = itertools.count()
    for paragraph in paragraphs:
        context = paragraph["context"]
        tokens = tokenizer.encode(context, add_special_tokens=False)
        answers = [answer_tokens(qa, context, tokens.offsets) for qa in paragraph["qas"]]
        for start in range(0, max(len(tokens.ids), 1), split["window_step"]):
            window, index = tokens.ids[start:start + split["window_tokens"]], next(next_window)
            for qa, (first, last) in zip(paragraph["qas"], answers):
                if first < start or last >= start + len(window):
                    continue
                question = tokenizer.encode(qa["question"], add_special_tokens=False).ids
                pairs.append(Pair(question[:split["max_question_tokens"]], index, window,
                                  first - start, last - start))
            if start + split["window_tokens"] >= len(tokens.ids):
                break
    return pairs


# ---- The PyTorch program

def padded(rows):
    ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=PAD)
    lengths = torch.tensor([len(row) for row in rows])
    return ids, torch.arange(ids.shape[1]) < lengths[:, None]


class JointProgram:
    """Hugging Face's model as it is."""

    shared = 1  # questions of a batch that stand together by window

    def __init__(self, model, cls, sep):
        self.model, self.cls, self.sep = model, cls, sep

    def loss(self, pairs):
        """Of a batch, and the number of slots that it computes."""
        heads = [[self.cls, *pair.question, self.sep] for pair in pairs]
        ids, valid = padded([head + [*pair.window, self.sep] for head, pair in zip(heads, pairs)])
        begins = torch.tensor([len(head) for head in heads])
        types = (torch.arange(ids.shape[1]) >= begins[:, None]).long()
        result = self.model(
            input_ids=ids, attention_mask=valid.long(), token_type_ids=types * valid,
            start_positions=begins + torch.tensor([pair.first for pair in pairs]),
            end_positions=begins + torch.tensor([pair.last for pair in pairs]))
        return result.loss, ids.numel()


class SplitProgram:
    """The same layers, the lower ones on questions and windows apart."""

    def __init__(self, model, cls, sep, split_layer, shared):
        self.model, self.cls, self.sep = model, cls, sep
        layers = model.bert.encoder.layer
        self.lower_layers, self.upper_layers = layers[:split_layer], layers[split_layer:]
        self.shared = shared

    @staticmethod
    def run(layers, hidden, valid):
        mask = valid[:, None, None, :]
        for layer in layers:
            hidden = layer(hidden, mask)
        return hidden

    def lower(self, rows, type_id):
        ids, valid = padded(rows)
        hidden = self.model.bert.embeddings(input_ids=ids,
                                            token_type_ids=torch.full_like(ids, type_id))
        return self.run(self.lower_layers, hidden, valid), valid

    def loss(self, pairs):
        windows = {pair.window_index: [*pair.window, self.sep] for pair in pairs}
        place = {index: i for i, index in enumerate(windows)}
        chosen = torch.tensor([place[pair.window_index] for pair in pairs])
        question, question_valid = self.lower(
            [[self.cls, *pair.question, self.sep] for pair in pairs], 0)
        window, window_valid = self.lower(list(windows.values()), 1)
        valid = torch.cat([question_valid, window_valid[chosen]], 1)
        joint = self.run(self.upper_layers, torch.cat([question, window[chosen]], 1), valid)
        logits = self.model.qa_outputs(joint[:, question.shape[1]:])
        logits = logits.masked_fill(~window_valid[chosen][..., None], -1e4)
        targets = torch.tensor([[pair.first, pair.last] for pair in pairs])
        return cross_entropy(logits, targets), valid.numel()


def make_program(options, model_dir, tokenizer):
    model = BertForQuestionAnswering.from_pretrained(
        model_dir, attn_implementation="sdpa", dtype=torch.float32).train()
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    if options.split_layer == 0:
        return JointProgram(model, cls, sep)
    return SplitProgram(model, cls, sep, options.split_layer, options.shared)


def make_optimizer(model, steps):
    groups = [{"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": DECAY},
              {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=RATE, fused=True)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, int(WARMUP * steps) + 1, steps)
    return optimizer, schedule


def make_batches(pairs, shared, size, seed):
    """Groups of up to `shared` pairs of one window, in random order, cut into batches."""
    generator = random.Random(seed)
    groups = []
    for _, same in itertools.groupby(pairs, key=lambda pair: pair.window_index):
        same = list(same)
        generator.shuffle(same)
        groups += [same[i:i + shared] for i in range(0, len(same), shared)]
    generator.shuffle(groups)
    order = list(itertools.chain.from_iterable(groups))
    return [order[i:i + size] for i in range(0, len(order), size)]


def turn_of_pytorch(options, model_dir, tokenizer, pairs, seed):
    torch.manual_seed(seed)
    program = make_program(options, model_dir, tokenizer)
    batches = make_batches(pairs, program.shared, options.batch, seed)
    optimizer, schedule = make_optimizer(program.model, len(batches))
    tokens = slots = 0
    for step, batch in enumerate(batches):
        if step == options.warmup_steps:
            begin = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16"):
            loss, batch_slots = program.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(program.model.parameters(), CLIP)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        if not torch.isfinite(loss):
            raise SystemExit(f"step {step}: the loss of the PyTorch program is {loss.item()}")
        if step >= options.warmup_steps:
            tokens += sum(pair.joint_tokens() for pair in batch)
            slots += batch_slots
    seconds = time.perf_counter() - begin
    return Turn(sum(pair.joint_tokens() for pair in pairs), tokens / seconds, slots / seconds)


# ---- Ours

def turn_of_deformer(options, model_dir, squad, output, seed):
    subprocess.run(
        [options.deformer, "train", "--model", model_dir, "--squad", squad, "--output", output,
         "--split-layer", str(options.split_layer),
         "--layout", "restart" if options.split_layer else "continue",
         "--epochs", "1", "--batch-questions", str(options.batch),
         "--questions-per-window", str(options.shared), "--dropout", "0.1", "--clip", str(CLIP),
         "--learning-rate", str(RATE), "--warmup", str(WARMUP), "--weight-decay", str(DECAY),
         "--threads", str(options.threads), "--precision", options.precision, "--seed", str(seed),
         "--quiet"], check=True)
    lines = map(json.loads, (output / "training" / "log.jsonl").read_text().splitlines())
    steps = [line for line in lines if line["event"] == "step"]
    timed = steps[options.warmup_steps:]
    seconds = steps[-1]["seconds"] - steps[options.warmup_steps - 1]["seconds"]
    speed = sum(step["tokens"] for step in timed) / seconds
    return Turn(sum(step["tokens"] for step in steps), speed, speed)


def print_setting(options, pairs):
    print(f"{cpu_name()}, {options.threads} threads, {options.precision}, split layer {options.split_layer}, "
          f"{len(pairs)} pairs in batches of {options.batch}, {options.rounds} rounds")
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    print("real joint tokens per second:", flush=True)


def print_medians(ours, theirs):
    def median(values):
        return f"{statistics.median(values):.0f}"

    print(f"  median: deformer {median(turn.speed for turn in ours)}, "
          f"PyTorch {median(turn.speed for turn in theirs)} "
          f"({median(turn.slots_speed for turn in theirs)} with its padding counted as tokens)")
    ratios = [our.speed / their.speed for our, their in zip(ours, theirs)]
    print(f"ratio by round: median {statistics.median(ratios):.2f}, "
          f"from {min(ratios):.2f} to {max(ratios):.2f}")


def main():
    options = parse_arguments()
    if options.warmup_steps < 1:
        raise SystemExit("--warmup-steps: expected at least 1")
    torch.set_num_threads(options.threads)
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        paragraphs = cut_squad(options.squad, options.questions, work / "squad.json")
        split = make_model_dir(options, paragraphs, work / "model")
        tokenizer = BertWordPieceTokenizer(str(work / "model" / "vocab.txt"), lowercase=True)
        pairs = make_pairs(paragraphs, tokenizer, split)
        if len(pairs) <= options.batch * options.warmup_steps:
            raise SystemExit("--questions: expected more than the warm-up takes")
        print_setting(options, pairs)
        ours, theirs = [], []
        for seed in range(1, options.rounds + 1):
            ours.append(turn_of_deformer(options, work / "model", work / "squad.json",
                                         work / f"output-{seed}", seed))
            theirs.append(turn_of_pytorch(options, work / "model", tokenizer, pairs, seed))
            if ours[-1].epoch_tokens != theirs[-1].epoch_tokens:
                raise SystemExit(f"expected the same tokens, found {ours[-1].epoch_tokens} and "
                                 f"{theirs[-1].epoch_tokens}")
            print(f"  round {seed}: deformer {ours[-1].speed:.0f}, PyTorch {theirs[-1].speed:.0f}",
                  flush=True)
        print_medians(ours, theirs)


if __name__ == "__main__":
    main()
