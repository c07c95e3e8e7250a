#!/usr/bin/env python3
"""Makes tests/golden/training-{roberta,distilbert,electra,albert,deberta-v3}: tiny readers, losses of
distillation, their gradients.

Development only; the product never runs Python. Needs what make_golden_encoder_models.py needs:

    python3 scripts/golden/make_golden_encoder_training.py            # writes tests/golden/training-<name>
    python3 scripts/golden/make_golden_encoder_training.py --check    # compares with what is committed

The files, cases and losses are those of make_golden_training.py; the layers are the composition of
golden_encoders.py, which make_golden_encoder_models.py checks against Hugging Face. Gradients are compared
with finite differences. A weight that several layers share has the sum of their gradients.
"""

import argparse
import pathlib
import shutil
import tempfile

import torch
from safetensors.torch import save_file

import golden_encoders as encoders
from make_golden_training import (BIAS_STD, CASES, GOLDEN, LAYERS, LOSS_WEIGHTS, TEMPERATURE, WEIGHT_STD, check,
                                  compute_gradients, compute_losses, require_finite_differences, write_json)

TASK = "ForQuestionAnswering"
# Narrower where the vocabulary is larger, so that the gradients stay small files.
SIZES = {
    "roberta": (encoders.Roberta, {"hidden": 8, "max_position_embeddings": 34}),
    "distilbert": (encoders.Distilbert, {"hidden": 12, "max_position_embeddings": 32}),
    "electra": (encoders.Electra, {"hidden": 16, "embedding_size": 8, "max_position_embeddings": 32}),
    "albert": (encoders.Albert, {"hidden": 16, "embedding_size": 8, "max_position_embeddings": 32}),
    "deberta-v3": (encoders.DebertaV3, {"hidden": 12, "max_position_embeddings": 64}),
}


def reader_class(architecture):
    """As make_golden_training.py wants it: made of a configuration and weights by name."""

    class Reader:
        layers = LAYERS

        def __init__(self, config, weights):
            self.config = config
            self.model = architecture.model(config, TASK, seed=0)
            self.weights = dict(self.model.named_parameters())
            assert self.weights.keys() == weights.keys()
            with torch.no_grad():
                for name, weight in self.weights.items():
                    weight.copy_(weights[name])

        def run(self, question, window, split_layer):
            """Outputs of the layers from split_layer on, and the logits: [joint rows, ...] each."""
            states, hidden = encoders.run_segments(
                architecture, architecture.encoder(self.model), {"question": question, "passage": window},
                architecture.positions(question, running_on=False), split_layer)
            upper = {layer: states[f"upper.{layer}"] for layer in range(split_layer, LAYERS)}
            return upper, self.model.qa_outputs(hidden)

    return Reader


def make_config(architecture, split_layer, sizes):
    return architecture.config(LAYERS, heads=2, inner=20, **sizes, deformer={
        "split_layer": split_layer, "layout": "restart", "max_question_tokens": 8, "window_tokens": 24,
        "window_step": 12, "max_answer_tokens": 8})


def make_case(architecture, description, generator):
    def words(count):
        return torch.randint(architecture.first_word, architecture.words, (count,), generator=generator).tolist()

    keys = ("name", "student", "split_layer", "no_answer_candidate")
    return {key: description[key] for key in keys} | {
        "questions": [architecture.first(words(count), "restart") for count in description["question_tokens"]],
        "windows": [architecture.second(words(count)) for count in description["window_tokens"]],
        "pairs": [{"question": question, "window": window, "answer": answer}
                  for question, window, answer in description["pairs"]],
    }


def make_all(root, name, seed):
    kind, sizes = SIZES[name]
    architecture = kind()
    configs = {"student": make_config(architecture, 2, sizes), "teacher": make_config(architecture, 0, sizes)}
    weights = {}
    for step, (role, config) in enumerate(configs.items()):
        model = architecture.model(config, TASK, seed + step, WEIGHT_STD, BIAS_STD)
        weights[role] = {key: value.detach().float().contiguous() for key, value in model.named_parameters()}
        (root / role).mkdir(parents=True)
        write_json(root / role / "config.json", architecture.document(config, TASK))
        architecture.write_tokenizer(root / role)
        save_file(weights[role], root / role / "model.safetensors", metadata={"format": "pt"})
    reader = reader_class(architecture)
    teacher = reader(configs["teacher"], weights["teacher"])
    generator = torch.Generator().manual_seed(2020)
    cases, tensors = [], {}
    for description in CASES:
        case = make_case(architecture, description, generator)
        student = reader(configs[case["student"]], weights[case["student"]])
        losses = compute_losses(case, student, teacher)
        gradients = compute_gradients(losses, student)
        require_finite_differences(case, student, teacher, gradients)
        tensors |= {f"{case['name']}.{key}": gradient.float().contiguous() for key, gradient in gradients.items()}
        losses["total"] = sum(weight * losses[loss] for loss, weight in LOSS_WEIGHTS.items())
        # 12 digits after the point, so that the file is the same on every machine.
        case["values"] = {loss: round(value.item(), 12) for loss, value in losses.items()}
        cases.append(case)
    save_file(tensors, root / "expected.safetensors")
    write_json(root / "cases.json", {"temperature": TEMPERATURE, "weights": LOSS_WEIGHTS, "cases": cases})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", help="of " + ", ".join(SIZES) + "; default: all")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    arguments = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        fresh = pathlib.Path(temporary)
        for number, name in enumerate(SIZES):
            if name in (arguments.families or SIZES):
                make_all(fresh / f"training-{name}", name, seed=301 + 10 * number)
        if arguments.check:
            different = check(fresh)
            raise SystemExit(f"different: {', '.join(different)}" if different else 0)
        for directory in fresh.iterdir():
            shutil.rmtree(GOLDEN / directory.name, ignore_errors=True)
            shutil.copytree(directory, GOLDEN / directory.name)


if __name__ == "__main__":
    main()
