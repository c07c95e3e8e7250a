#!/usr/bin/env python3
"""Makes tests/golden/convert/torch: tiny files of torch.save, and what they hold.

Development only; the product never runs Python. Needs torch, transformers and safetensors:

    python3 scripts/golden/make_golden_torch.py

    bert           BertForQuestionAnswering: a buffer, strided views, two tensors in one storage
    bert-sharded   the same in half precision, in two files with an index
    bert-choice    BertForMultipleChoice, protocol 4 of pickle
    xlnet-class    XLNetForSequenceClassification
    hostile        a pickle that would run a command when Python loads it
    legacy         the form of before PyTorch 1.6
    double         one weight in double precision beside the others
each with expected.safetensors where there is something to expect, bert also rounded by PyTorch.
"""

import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from transformers import (BertConfig, BertForMultipleChoice, BertForQuestionAnswering, XLNetConfig,
                          XLNetForSequenceClassification)

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
ROOT = GOLDEN / "convert" / "torch"
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the of and in to was is who what when where how did many ##s".split()


def bert_config():
    return BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=2, num_attention_heads=2,
                      intermediate_size=12, max_position_embeddings=16)


def random_state(model, seed, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(weight.shape, generator=generator).to(dtype)
            for name, weight in sorted(model.named_parameters())}


def start(name, config=None, xlnet=False):
    directory = ROOT / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    if config is not None:
        config = {key: value for key, value in config.to_dict().items() if key != "transformers_version"}
        (directory / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    if xlnet:
        shutil.copy(GOLDEN / "models" / "xlnet-bare" / "spiece.model", directory)
    elif config is not None:
        (directory / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    return directory


def save_expected(directory, state):
    save_file({name: weight.clone().contiguous() for name, weight in state.items()},
              directory / "expected.safetensors", metadata={"format": "pt"})


def make_bert():
    config = bert_config()
    config.architectures = ["BertForQuestionAnswering"]
    model = BertForQuestionAnswering(config)
    state = random_state(model, seed=1)
    directory = start("bert", config)
    save_expected(directory, state)
    for dtype, name in ((torch.float16, "fp16"), (torch.bfloat16, "bf16")):
        save_file({name: weight.to(dtype) for name, weight in state.items()},
                  directory / f"expected-{name}.safetensors", metadata={"format": "pt"})

    # The same values, laid out as torch.save meets them in the wild.
    stored = dict(state)
    key = "bert.encoder.layer.0.intermediate.dense.weight"
    stored[key] = state[key].t().contiguous().t()
    one = torch.cat([state["qa_outputs.weight"].flatten(), state["qa_outputs.bias"], torch.zeros(5)])
    stored["qa_outputs.weight"], stored["qa_outputs.bias"] = one[:16].view(2, 8), one[16:18]
    key = "bert.encoder.layer.1.attention.self.key.weight"
    stored[key] = torch.stack([state[key], torch.zeros(8, 8)], dim=-1)[..., 0]
    stored["bert.embeddings.position_ids"] = torch.arange(16).expand(1, -1)
    stored["bert.embeddings.LayerNorm.weight"] = torch.nn.Parameter(state["bert.embeddings.LayerNorm.weight"])
    metadata = model.state_dict()  # an OrderedDict with the attribute _metadata
    metadata.clear()
    metadata.update(stored)
    assert not metadata["bert.encoder.layer.0.intermediate.dense.weight"].is_contiguous()
    torch.save(metadata, directory / "pytorch_model.bin")

    double = dict(state)
    double["qa_outputs.bias"] = state["qa_outputs.bias"].double() / 3
    directory = start("double", config)
    torch.save(double, directory / "pytorch_model.bin")
    save_expected(directory, double | {"qa_outputs.bias": double["qa_outputs.bias"].float()})


def make_sharded():
    directory = start("bert-sharded", bert_config())
    state = random_state(BertForQuestionAnswering(bert_config()), seed=2, dtype=torch.float16)
    save_expected(directory, state)
    names = sorted(state)
    weight_map = {}
    for number, part in enumerate((names[:20], names[20:]), start=1):
        file = f"pytorch_model-{number:05}-of-00002.bin"
        torch.save({name: state[name] for name in part}, directory / file)
        weight_map |= {name: file for name in part}
    index = {"metadata": {"total_size": 2 * sum(weight.numel() for weight in state.values())},
             "weight_map": weight_map}
    (directory / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1) + "\n")


def make_heads():
    config = bert_config()
    config.architectures = ["BertForMultipleChoice"]
    directory = start("bert-choice", config)
    state = random_state(BertForMultipleChoice(config), seed=3)
    torch.save(state, directory / "pytorch_model.bin", pickle_protocol=4)
    save_expected(directory, state)

    config = XLNetConfig(vocab_size=96, d_model=8, n_layer=2, n_head=2, d_inner=12, num_labels=3)
    config.architectures = ["XLNetForSequenceClassification"]
    directory = start("xlnet-class", config, xlnet=True)
    state = random_state(XLNetForSequenceClassification(config), seed=4)
    torch.save(state, directory / "pytorch_model.bin")
    save_expected(directory, state)


class Hostile:
    def __reduce__(self):
        import os

        return os.system, ("touch hostile-pickle-has-run",)


def make_refused():
    torch.save({"bert.x": torch.zeros(1), "bert.y": Hostile()}, start("hostile", bert_config()) / "pytorch_model.bin")
    torch.save({"bert.x": torch.zeros(1)}, start("legacy", bert_config()) / "pytorch_model.bin",
               _use_new_zipfile_serialization=False)


def main():
    make_bert()
    make_sharded()
    make_heads()
    make_refused()
    for path in sorted(ROOT.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:8} {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
