#!/usr/bin/env python3
"""Makes tests/golden/training and training-mpnet: tiny BERT and MPNet readers, losses of distillation,
their gradients.

Development only; the product never runs Python. Needs torch and safetensors:

    python3 scripts/golden/make_golden_training.py            # writes tests/golden/training*
    python3 scripts/golden/make_golden_training.py --check    # compares with what is committed

Each of the two directories, of one architecture, has

    student/, teacher/    model directories of the same sizes with unlike weights
    cases.json            weights of the losses in the total, temperature, and per case
        name, student                  the latter: which of the two directories is trained
        split_layer                    of the student; the teacher's is 0
        no_answer_candidate            whether [CLS] is a candidate
        questions, windows             token ids with special tokens
        pairs                          indices of question and window; answer: first and last token
                                       by index in the window, null where it has none
        values                         task, kd, lrs, lrs_normalised, total
    expected.safetensors  gradients of the first four values, "<case>.<loss>.<parameter>", for every
                          parameter of the student under its name in the model file

All of it is computed in float64 from the weights as stored; gradients are rounded once to fp32.
There is no dropout. A pair's joint rows are the question's, then the window's, in layout `restart`.
Its candidates are the window's tokens without the closing [SEP] and, where the case has a no-answer
candidate, the row of [CLS] as the last, which is the target of a pair without an answer.

    task            mean over pairs of (cross-entropy of start + of end) / 2
    kd              T^2 * mean over pairs of (KL(teacher || student) of start + of end) / 2, where
                    both distributions are softmax(logits / T) over the candidates
    lrs             mean over the layers [split_layer, layers) of the mean squared difference of
                    student's and teacher's outputs, over all joint rows of all pairs and units
    lrs_normalised  the same, each layer's value divided by the mean square of the teacher's output
    total           weights.task * task + weights.kd * kd + weights.lrs * lrs

The layers are written out below with PyTorch's tensor functions. Before anything is computed with
them, they must reproduce what Hugging Face computed for tests/golden/models/bert-split and mpnet-split;
gradients are compared with finite differences. MPNet's [CLS] and [SEP] are <s> and </s>.
"""

import argparse
import json
import math
import pathlib
import shutil
import tempfile

import torch
from safetensors.torch import load_file, save_file

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
FIRST_WORD = 5
WEIGHT_STD, BIAS_STD, ATTENTION_BIAS_STD = 0.3, 0.2, 0.5
LAYERS = 3
TEMPERATURE = 2.0
LOSS_WEIGHTS = {"task": 0.7, "kd": 1.1, "lrs": 0.5}
LOSSES = ["task", "kd", "lrs", "lrs_normalised"]

# Lengths in tokens, special tokens not counted. Pairs are (question, window, answer).
CASES = [
    {
        "name": "shared_window",
        "student": "student",
        "split_layer": 2,
        "no_answer_candidate": False,
        "question_tokens": [4, 1, 8],
        "window_tokens": [19, 6],
        # The first token alone, the last token alone, and some between.
        "pairs": [(0, 0, (3, 5)), (1, 1, (5, 5)), (2, 0, (0, 0))],
    },
    {
        "name": "no_answer",
        "student": "student",
        "split_layer": 2,
        "no_answer_candidate": True,
        "question_tokens": [6, 3, 5],
        "window_tokens": [13, 24],
        "pairs": [(0, 0, None), (1, 0, (2, 7)), (2, 1, (0, 23))],
    },
    {
        # The student is the teacher: nothing to distil.
        "name": "teacher_itself",
        "student": "teacher",
        "split_layer": 0,
        "no_answer_candidate": False,
        "question_tokens": [4, 2],
        "window_tokens": [11],
        "pairs": [(0, 0, (1, 2)), (1, 0, (10, 10))],
    },
    {
        # More than one upper layer; one question on two windows; a window of a single token.
        "name": "two_upper_layers",
        "student": "student",
        "split_layer": 1,
        "no_answer_candidate": True,
        "question_tokens": [5, 7],
        "window_tokens": [24, 1, 10],
        "pairs": [(0, 0, (12, 14)), (0, 1, None), (1, 2, (9, 9)), (1, 1, (0, 0))],
    },
]


def make_config(architecture, split_layer):
    return {
        "architectures": [architecture.model_class],
        "model_type": architecture.name,
        "vocab_size": len(architecture.read_vocabulary().splitlines()),
        "hidden_size": 16,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 2,
        "intermediate_size": architecture.inner,
        "hidden_act": "gelu",
        "max_position_embeddings": 32,
        **architecture.sizes,
        "deformer": {
            "split_layer": split_layer,
            "layout": "restart",
            "max_question_tokens": 8,
            "window_tokens": 24,
            "window_step": 12,
            "max_answer_tokens": 8,
        },
    }


def parameter_shapes(architecture, config):
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    shapes = {}

    def add(name, *shape):
        shapes[f"{name}.weight"] = shape
        if len(shape) == 1:
            shapes[f"{name}.bias"] = shape

    def add_linear(name, inputs, outputs):
        add(name, outputs, inputs)
        shapes[f"{name}.bias"] = (outputs,)

    add(f"{architecture.name}.embeddings.word_embeddings", config["vocab_size"], hidden)
    add(f"{architecture.name}.embeddings.position_embeddings", config["max_position_embeddings"], hidden)
    for name, shape in architecture.own_tables(config).items():
        add(name, *shape)
    add(f"{architecture.name}.embeddings.LayerNorm", hidden)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"{architecture.name}.encoder.layer.{layer}"
        for name in (*architecture.attention_inputs, architecture.attention_output):
            add_linear(f"{prefix}.attention.{name}", hidden, hidden)
        add(f"{prefix}.attention.{architecture.attention_norm}", hidden)
        add_linear(f"{prefix}.intermediate.dense", hidden, inner)
        add_linear(f"{prefix}.output.dense", inner, hidden)
        add(f"{prefix}.output.LayerNorm", hidden)
    add_linear("qa_outputs", hidden, 2)
    return shapes


def make_weights(architecture, config, seed):
    """Random, large enough that every layer matters; fp32 as they are stored."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in sorted(parameter_shapes(architecture, config).items()):
        std = WEIGHT_STD if len(shape) > 1 else BIAS_STD
        std = ATTENTION_BIAS_STD if "relative_attention_bias" in name else std
        offset = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        weights[name] = offset + std * torch.randn(shape, generator=generator)
    return weights


class Bert:
    """BERT and its span head over single sequences, in float64."""

    name, model_class = "bert", "BertForQuestionAnswering"
    directory = "training"
    reference = GOLDEN / "models" / "bert-split"
    inner, sizes = 32, {"type_vocab_size": 2, "layer_norm_eps": 1e-12}
    tokenizer_config = {"do_lower_case": True}
    cls_id, sep_id = 2, 3
    attention_inputs = ("self.query", "self.key", "self.value")
    attention_output, attention_norm = "output.dense", "output.LayerNorm"

    @classmethod
    def read_vocabulary(cls):
        return (cls.reference / "vocab.txt").read_text()

    @staticmethod
    def own_tables(config):
        """Names and shapes of the weights that only this architecture has."""
        return {"bert.embeddings.token_type_embeddings": (config["type_vocab_size"], config["hidden_size"])}

    def __init__(self, config, weights):
        self.config = config
        self.heads = config["num_attention_heads"]
        self.layers = config["num_hidden_layers"]
        self.eps = config["layer_norm_eps"]
        self.weights = {name: weight.double() for name, weight in weights.items()}

    def linear(self, name, hidden):
        return hidden @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, name, hidden):
        centred = hidden - hidden.mean(-1, keepdim=True)
        variance = centred.square().mean(-1, keepdim=True)
        scaled = centred / torch.sqrt(variance + self.eps)
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def embed(self, ids, type_id):
        tables = "bert.embeddings.{}_embeddings.weight"
        hidden = (self.weights[tables.format("word")][torch.tensor(ids)]
                  + self.weights[tables.format("position")][: len(ids)]
                  + self.weights[tables.format("token_type")][type_id])
        return self.norm("bert.embeddings.LayerNorm", hidden)

    def attention_bias(self, rows):
        """What is added to the scores of a sequence: [heads, rows, rows]."""
        return 0.0

    def attend(self, name, hidden):
        query, key, value = (
            self.linear(f"{name}.{part}", hidden).unflatten(-1, (self.heads, -1)).transpose(0, 1)
            for part in self.attention_inputs)
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
        scores = scores + self.attention_bias(len(hidden))
        return (scores.softmax(-1) @ value).transpose(0, 1).flatten(1)

    def layer(self, index, hidden):
        name = f"{self.name}.encoder.layer.{index}"
        attended = self.linear(f"{name}.attention.{self.attention_output}",
                               self.attend(f"{name}.attention", hidden))
        hidden = self.norm(f"{name}.attention.{self.attention_norm}", attended + hidden)
        inner = self.linear(f"{name}.intermediate.dense", hidden)
        inner = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
        return self.norm(f"{name}.output.LayerNorm",
                         self.linear(f"{name}.output.dense", inner) + hidden)

    def run(self, question, window, split_layer):
        """Outputs of the layers from split_layer on, and the logits: [joint rows, ...] each."""
        segments = []
        for type_id, ids in enumerate((question, window)):
            hidden = self.embed(ids, type_id)
            for index in range(split_layer):
                hidden = self.layer(index, hidden)
            segments.append(hidden)
        hidden = torch.cat(segments)
        states = {}
        for index in range(split_layer, self.layers):
            hidden = states[index] = self.layer(index, hidden)
        return states, self.linear("qa_outputs", hidden)


def mpnet_bucket(distance):
    """Of a key's row minus the query's. Keys after the query have buckets 16 to 31, the others 0 to 15.
    Of each sixteen, eight hold one distance; of the rest, 8 + k begins at the distance 8 * sqrt(2)^k.
    """
    size = abs(distance)
    if size >= 8:
        size = max(8 + k for k in range(8) if size**2 >= 64 * 2**k)  # In integers: exact.
    return size + 16 if distance > 0 else size


class Mpnet(Bert):
    """MPNet and its span head: no token types, positions from 2, a bias by the distance of rows."""

    name, model_class = "mpnet", "MPNetForQuestionAnswering"
    directory = "training-mpnet"
    reference = GOLDEN / "models" / "mpnet-split"
    inner, sizes = 20, {"relative_attention_num_buckets": 32, "layer_norm_eps": 1e-5}
    tokenizer_config = {"do_lower_case": True, "cls_token": "<s>", "sep_token": "</s>",
                        "pad_token": "<pad>", "unk_token": "[UNK]", "mask_token": "<mask>"}
    cls_id, sep_id = 0, 2
    attention_inputs = ("attn.q", "attn.k", "attn.v")
    attention_output, attention_norm = "attn.o", "LayerNorm"

    @staticmethod
    def own_tables(config):
        return {"mpnet.encoder.relative_attention_bias":
                (config["relative_attention_num_buckets"], config["num_attention_heads"])}

    def embed(self, ids, type_id):
        tables = "mpnet.embeddings.{}_embeddings.weight"
        hidden = (self.weights[tables.format("word")][torch.tensor(ids)]
                  + self.weights[tables.format("position")][2 : 2 + len(ids)])
        return self.norm("mpnet.embeddings.LayerNorm", hidden)

    def attention_bias(self, rows):
        buckets = [[mpnet_bucket(key - query) for key in range(rows)] for query in range(rows)]
        table = self.weights["mpnet.encoder.relative_attention_bias.weight"]
        return table[torch.tensor(buckets)].permute(2, 0, 1)


def require_reference(architecture):
    """The layers above against Hugging Face's, whose values are committed as fp32."""
    directory = architecture.reference
    config = json.loads((directory / "config.json").read_text())
    reader = architecture(config, load_file(directory / "model.safetensors"))
    expected = load_file(directory / "expected.safetensors")
    for case in json.loads((directory / "cases.json").read_text())["cases"]:
        values = {name.removeprefix(case["name"] + "."): value for name, value in expected.items()
                  if name.startswith(case["name"] + ".")}
        states, logits = reader.run(values["ids.question"].tolist(), values["ids.passage"].tolist(),
                                    case["split_layer"])
        found = {f"upper.{index}": state for index, state in states.items()}
        found |= {"logits.start": logits[:, 0], "logits.end": logits[:, 1]}
        for name, value in found.items():
            torch.testing.assert_close(value, values[name].double(), rtol=1e-6, atol=1e-6)


def candidate_rows(case, question_length, window_length):
    """Joint rows that can begin or end an answer."""
    rows = list(range(question_length, question_length + window_length - 1))
    return rows + [0] if case["no_answer_candidate"] else rows


def targets(pair, candidates):
    """Indices of start and end among the candidates."""
    return pair["answer"] or (candidates - 1, candidates - 1)


def divergence(teacher, student):
    """KL(teacher || student) of logits at the temperature."""
    teacher, student = ((logits / TEMPERATURE).log_softmax(0) for logits in (teacher, student))
    return (teacher.exp() * (teacher - student)).sum()


def mean(values):
    return torch.stack(list(values)).mean()


def compute_losses(case, student, teacher):
    split_layer = case["split_layer"]
    task, kd, states, teacher_states = [], [], [], []
    for pair in case["pairs"]:
        question, window = case["questions"][pair["question"]], case["windows"][pair["window"]]
        own, logits = student.run(question, window, split_layer)
        with torch.no_grad():
            others, teacher_logits = teacher.run(question, window, 0)
        rows = candidate_rows(case, len(question), len(window))
        for side, target in enumerate(targets(pair, len(rows))):
            task.append(-logits[rows, side].log_softmax(0)[target])
            kd.append(divergence(teacher_logits[rows, side], logits[rows, side]))
        states.append(own)
        teacher_states.append(others)
    distances, scales = [], []
    for index in range(split_layer, student.layers):
        own, other = (torch.cat([layers[index] for layers in each])
                      for each in (states, teacher_states))
        distances.append((own - other).square().mean())
        scales.append(other.square().mean())
    return {
        "task": mean(task),
        "kd": TEMPERATURE**2 * mean(kd),
        "lrs": mean(distances),
        "lrs_normalised": mean(d / s for d, s in zip(distances, scales)),
    }


def compute_gradients(losses, student):
    names, weights = zip(*student.weights.items())
    gradients = {}
    for loss, value in losses.items():
        parts = torch.autograd.grad(value, weights, retain_graph=True, materialize_grads=True)
        # Some are zero by nature (a key's bias): their rounding noise differs between machines.
        gradients |= {f"{loss}.{name}": torch.where(part.abs() < 1e-12, 0.0, part)
                      for name, part in zip(names, parts)}
    return gradients


@torch.no_grad()
def require_finite_differences(case, student, teacher, gradients):
    """The derivative along a random direction in all weights at once, by central differences."""
    step = 1e-6
    generator = torch.Generator().manual_seed(7)
    direction = {name: torch.randn(weight.shape, generator=generator, dtype=torch.float64)
                 for name, weight in student.weights.items()}

    def losses_at(distance):
        weights = {name: weight + distance * direction[name]
                   for name, weight in student.weights.items()}
        return compute_losses(case, type(student)(student.config, weights), teacher)

    above, below = losses_at(step), losses_at(-step)
    for loss in LOSSES:
        along = sum((gradients[f"{loss}.{name}"] * part).sum()
                    for name, part in direction.items())
        torch.testing.assert_close((above[loss] - below[loss]) / (2 * step), along,
                                   rtol=1e-6, atol=1e-7)


def make_case(architecture, description, generator):
    def words(count):
        last = len(architecture.read_vocabulary().splitlines())
        return torch.randint(FIRST_WORD, last, (count,), generator=generator).tolist()

    keys = ("name", "student", "split_layer", "no_answer_candidate")
    return {key: description[key] for key in keys} | {
        "questions": [[architecture.cls_id, *words(count), architecture.sep_id]
                      for count in description["question_tokens"]],
        "windows": [[*words(count), architecture.sep_id] for count in description["window_tokens"]],
        "pairs": [{"question": question, "window": window, "answer": answer}
                  for question, window, answer in description["pairs"]],
    }


def write_json(path, document):
    path.write_text(json.dumps(document, indent=1) + "\n")


def make_directory(architecture, directory, config, weights):
    directory.mkdir(parents=True)
    write_json(directory / "config.json", config)
    write_json(directory / "tokenizer_config.json", architecture.tokenizer_config)
    (directory / "vocab.txt").write_text(architecture.read_vocabulary())
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})


def make_all(architecture, root):
    require_reference(architecture)
    configs = {"student": make_config(architecture, split_layer=2),
               "teacher": make_config(architecture, split_layer=0)}
    weights = {"student": make_weights(architecture, configs["student"], seed=11),
               "teacher": make_weights(architecture, configs["teacher"], seed=12)}
    for name, config in configs.items():
        make_directory(architecture, root / name, config, weights[name])
    teacher = architecture(configs["teacher"], weights["teacher"])
    generator = torch.Generator().manual_seed(2020)
    cases, tensors = [], {}
    for description in CASES:
        case = make_case(architecture, description, generator)
        student = architecture(configs[case["student"]], weights[case["student"]])
        for weight in student.weights.values():
            weight.requires_grad_()
        losses = compute_losses(case, student, teacher)
        gradients = compute_gradients(losses, student)
        require_finite_differences(case, student, teacher, gradients)
        tensors |= {f"{case['name']}.{name}": gradient.float().contiguous()
                    for name, gradient in gradients.items()}
        losses["total"] = sum(weight * losses[name] for name, weight in LOSS_WEIGHTS.items())
        # 12 digits after the point, so that the file is the same on every machine.
        case["values"] = {name: round(value.item(), 12) for name, value in losses.items()}
        cases.append(case)
    save_file(tensors, root / "expected.safetensors")
    write_json(root / "cases.json",
               {"temperature": TEMPERATURE, "weights": LOSS_WEIGHTS, "cases": cases})


def check(root):
    """Names of files that differ from the committed ones, byte for byte."""
    files = {path.relative_to(tree) for tree in (root, GOLDEN) for directory in root.iterdir()
             for path in (tree / directory.name).rglob("*") if path.is_file()}
    same = [path for path in files if (root / path).is_file() and (GOLDEN / path).is_file()
            and (root / path).read_bytes() == (GOLDEN / path).read_bytes()]
    return sorted(str(path) for path in files - set(same))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    arguments = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        fresh = pathlib.Path(temporary)
        for architecture in (Bert, Mpnet):
            make_all(architecture, fresh / architecture.directory)
        if arguments.check:
            different = check(fresh)
            raise SystemExit(f"different: {', '.join(different)}" if different else 0)
        for directory in fresh.iterdir():
            shutil.rmtree(GOLDEN / directory.name, ignore_errors=True)
            shutil.copytree(directory, GOLDEN / directory.name)


if __name__ == "__main__":
    main()
