#!/usr/bin/env python3
"""Makes tests/golden/tasks of RoBERTa, XLM-R, DistilBERT, ELECTRA, ALBERT and DeBERTa: tiny random models of
BoolQ, MNLI, QQP and RACE, and their logits.

Development only; the product never runs Python. Needs what make_golden_encoder_models.py needs:

    python3 scripts/golden/make_golden_encoder_tasks.py            # writes tests/golden/tasks
    python3 scripts/golden/make_golden_encoder_tasks.py --check    # compares with what is committed

The files are those of make_golden_tasks.py, <architecture>_cases.json in place of cases.json; the tokenizers
are those of tests/golden/models/<architecture>-joint. Layout `continue` at split 0 is Hugging Face's
...ForSequenceClassification and ...ForMultipleChoice; everything else is the composition of
golden_encoders.py, which is checked against them pair by pair. All values are computed in float64.
"""

import argparse
import json
import pathlib
import tempfile

import torch
import transformers
from safetensors.torch import save_file

import golden_encoders as encoders
from make_golden_tasks import HEADS, INNER, LAYERS, OUT, WIDTH, make_bert


class Pairs:
    """An encoder as make_golden_tasks.py wants it."""

    def __init__(self, architecture):
        self.encoder = architecture
        self.name = architecture.name
        self.classes = {kind: getattr(transformers, architecture.family + task) for kind, task in
                        (("pair", "ForSequenceClassification"), ("choice", "ForMultipleChoice"))}

    def config(self, labels):
        narrow = {"embedding_size": WIDTH // 2} if "embedding_size" in self.encoder.sizes else {}
        return self.encoder.config(LAYERS, WIDTH, HEADS, INNER, num_labels=labels, **narrow)

    def document(self, config):
        document = self.encoder.document(config, "")
        del document["architectures"]
        return document

    def ids(self, text):
        ids = self.encoder.ids(text)
        assert self.encoder.sep_id not in ids
        return ids

    def segments(self, first, second, layout):
        return self.encoder.first(first, layout), self.encoder.second(second)

    def joint(self, first, second):
        return self.encoder.joint(first, second)

    def split(self, model, layout, first, second, split_layer, longest_first):
        running_on = layout == "continue"
        _, hidden = encoders.run_segments(
            self.encoder, self.encoder.encoder(model), {"first": first, "second": second},
            self.encoder.positions(first, running_on), split_layer)
        is_choice = type(model).__name__.endswith("MultipleChoice")
        logits = (self.encoder.choice_logit if is_choice else self.encoder.class_logits)(model, hidden)
        if running_on and split_layer == 0:
            inputs = {key: torch.tensor([value]) for key, value in self.joint(first, second).items()}
            inputs = {key: value[None] for key, value in inputs.items()} if is_choice else inputs
            torch.testing.assert_close(logits, model(**inputs).logits[0], rtol=0, atol=1e-11)
        return logits


FAMILIES = {encoder.name: (encoder, seed) for seed, encoder in [
    (201, encoders.Roberta), (211, encoders.Distilbert), (221, encoders.Electra), (231, encoders.Xlmr),
    (241, encoders.Albert), (251, encoders.DebertaV3)]}


def make(directory, name):
    architecture, seed = FAMILIES[name]
    cases = make_bert(Pairs(architecture()), seed)
    for case in cases.cases:
        # 12 digits after the point, so that the file is the same on every machine.
        case["logits"] = [round(logit, 12) for logit in case["logits"]]
    for model, weights in cases.weights.items():
        save_file(weights, directory / f"{model}.safetensors", metadata={"format": "pt"})
    lines = ",\n".join(json.dumps(entry) for entry in cases.cases)
    (directory / f"{name}_cases.json").write_text(f'{{"cases": [\n{lines}\n]}}\n')


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
            make(fresh, family)
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
