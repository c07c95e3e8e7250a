#!/usr/bin/env python3
"""Makes tests/golden/models/xlnet-*: tiny random XLNet readers and what Hugging Face computes.

Development only; the product never runs Python. Needs torch, transformers 4, safetensors and
sentencepiece:

    python3 scripts/golden/make_golden_xlnet_models.py            # writes tests/golden/models/xlnet-*
    python3 scripts/golden/make_golden_xlnet_models.py --check    # compares with what is committed

The files are those of make_golden_models.py, with spiece.model in place of vocab.txt and joint rows
in XLNet's order: passage, then question. All values are computed in float64 from the weights as stored
and rounded once to fp32.

Split 0 of layout `continue` is Hugging Face's XLNetForQuestionAnsweringSimple itself, without padding;
with padding on the left it is checked to give the same. Everything else comes from a composition that
knows no relative shift and no masks: it looks up the distance of every pair of tokens (`attend`). That
composition is checked against Hugging Face where both apply.
"""

import argparse
import io
import json
import pathlib
import shutil
import tempfile

import sentencepiece
import torch
from safetensors.torch import save_file
from transformers import XLNetConfig, XLNetForQuestionAnsweringSimple

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "models"
CLS, SEP, PAD, FIRST_WORD = 3, 4, 5, 8
WEIGHT_STD, BIAS_STD = 0.3, 0.2
WINDOW_TOKENS = 40
# Tokens of the segments, special tokens not counted; one passage is longer than a block of rows.
QUESTION_LENGTHS = [5, 1, 12, 3]
PASSAGE_LENGTHS = [20, 1, 9, 38]
LONG_PASSAGE = 150
# (question, passage) by index; the last pair shares both its segments with other pairs.
PAIRS = [(0, 0), (1, 1), (2, 2), (3, 3), (0, 3)]
PASSAGE, QUESTION, CLS_SEGMENT = 0, 1, 2


def train_tokenizer():
    words = "the of and in to was is who what when where how did many first city river king".split()
    sentences = [f"{a} {b}, {a} {n}." for n, a in enumerate(words) for b in words]
    sentences += [" ".join("abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'()-%")] * 20
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=model, vocab_size=96, hard_vocab_limit=False,
        control_symbols=["<cls>", "<sep>", "<pad>", "<mask>", "<eod>"], character_coverage=1.0,
        normalization_rule_name="identity", shuffle_input_sentence=False, num_threads=1, minloglevel=2)
    return model.getvalue()


def make_config(layers, act="gelu", deformer=None, vocab_size=96):
    extra = {"deformer": deformer} if deformer else {}
    return XLNetConfig(
        vocab_size=vocab_size, d_model=32, n_layer=layers, n_head=4, d_inner=64, ff_activation=act,
        summary_type="last", **extra)


def make_model(config, seed):
    """Random weights, large enough that every layer matters; float64 inside."""
    model = XLNetForQuestionAnsweringSimple(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            std = BIAS_STD if name.endswith("bias") else WEIGHT_STD
            offset = 1.0 if name.endswith("layer_norm.weight") else 0.0
            weight.copy_(offset + std * torch.randn(weight.shape, generator=generator))
    model = model.double()
    # Hugging Face makes its sinusoids in float32, whatever the model's type.
    model.transformer.relative_positional_encoding = lambda qlen, klen, bsz=None: sinusoids(
        torch.arange(klen, -qlen, -1), config.d_model)[:, None].expand(-1, bsz, -1)
    return model


def share_biases(model):
    first = model.transformer.layer[0].rel_attn
    for layer in model.transformer.layer:
        for name in ("r_w_bias", "r_r_bias", "r_s_bias"):
            getattr(layer.rel_attn, name).data.copy_(getattr(first, name).data)


def sinusoids(distances, width):
    frequencies = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angles = distances.double()[..., None] * frequencies
    return torch.cat([torch.sin(angles), torch.cos(angles)], dim=-1)


def make_segments(long_passage=False):
    generator = torch.Generator().manual_seed(2020)

    def words(count):
        return torch.randint(FIRST_WORD, 90, (count,), generator=generator).tolist()

    passages = PASSAGE_LENGTHS + [LONG_PASSAGE] if long_passage else PASSAGE_LENGTHS
    return ([[*words(count), SEP, CLS] for count in QUESTION_LENGTHS],
            [[*words(count), SEP] for count in passages])


def attend(weights, hidden, positions, segments):
    """Scores of XLNet's paper for each pair of tokens, from its distance and its segments."""
    query, key, value = (torch.einsum("ih,hnd->ind", hidden, w) for w in (weights.q, weights.k, weights.v))
    distances = sinusoids(positions[:, None] - positions[None, :], hidden.shape[1])
    distance_key = torch.einsum("ijh,hnd->ijnd", distances, weights.r)
    segment_key = weights.seg_embed[(segments[:, None] != segments[None, :]).long()]
    scores = (torch.einsum("ind,jnd->nij", query + weights.r_w_bias, key)
              + torch.einsum("ind,ijnd->nij", query + weights.r_r_bias, distance_key)
              + torch.einsum("ind,ijnd->nij", query + weights.r_s_bias, segment_key))
    probabilities = torch.softmax(scores / key.shape[2] ** 0.5, dim=2)
    context = torch.einsum("nij,jnd->ind", probabilities, value)
    return weights.layer_norm(torch.einsum("ind,hnd->ih", context, weights.o) + hidden)


def run_layer(model, layer, hidden, positions, segments):
    block = model.transformer.layer[layer]
    return block.ff(attend(block.rel_attn, hidden, positions, segments))


def question_segments(layout, length):
    return [QUESTION] * (length - 1) + [CLS_SEGMENT if layout == "continue" else QUESTION]


def run_split(model, layout, question, passage, split_layer):
    """Lower layers per segment, upper layers over both: the composition in a few lines."""
    states, parts = {}, {}
    kinds = {"passage": (passage, [PASSAGE] * len(passage)),
             "question": (question, question_segments(layout, len(question)))}
    for role, (ids, segments) in kinds.items():
        hidden = model.transformer.word_embedding(torch.tensor(ids))
        states[f"lower.{role}.embeddings"] = hidden
        for layer in range(split_layer):
            hidden = run_layer(model, layer, hidden, torch.arange(len(ids)), torch.tensor(segments))
            states[f"lower.{role}.{layer}"] = hidden
        parts[role] = hidden
    first = WINDOW_TOKENS + 1 if layout == "slots" else len(passage)
    positions = torch.cat([torch.arange(len(passage)), first + torch.arange(len(question))])
    segments = torch.tensor(kinds["passage"][1] + kinds["question"][1])
    hidden = torch.cat([parts["passage"], parts["question"]])
    for layer in range(split_layer, len(model.transformer.layer)):
        hidden = run_layer(model, layer, hidden, positions, segments)
        states[f"upper.{layer}"] = hidden
    logits = model.qa_outputs(hidden)
    return states | {"logits.start": logits[:, 0], "logits.end": logits[:, 1]}


def run_joint(model, question, passage, padding=0):
    """Hugging Face's own forward pass; `padding` masked slots before the tokens, as it pads XLNet."""
    length = len(question) + len(passage)
    segments = [PASSAGE] * len(passage) + question_segments("continue", len(question))
    output = model(
        input_ids=torch.tensor([[PAD] * padding + passage + question]),
        token_type_ids=torch.tensor([[3] * padding + segments]),
        attention_mask=torch.tensor([[0.0] * padding + [1.0] * length]),
        output_hidden_states=True,
        use_mems=False,
    )
    embeddings = output.hidden_states[0][0, padding:]
    states = {"lower.passage.embeddings": embeddings[:len(passage)],
              "lower.question.embeddings": embeddings[len(passage):]}
    for layer, hidden in enumerate(output.hidden_states[1:]):
        states[f"upper.{layer}"] = hidden[0, padding:]
    return states | {"logits.start": output.start_logits[0, padding:],
                     "logits.end": output.end_logits[0, padding:]}


def require_close(expected, found):
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-11, msg=name)


def compute(model, layout, question, passage, split_layer):
    states = run_split(model, layout, question, passage, split_layer)
    if layout != "continue" or split_layer > 0:
        return states
    joint = run_joint(model, question, passage)
    require_close(joint, run_joint(model, question, passage, padding=7))
    require_close(joint, states)
    return joint


def write_expected(directory, model, layout, split_layers, pairs):
    questions, passages = make_segments(long_passage=True)
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
        "layout": layout, "passage_first": True, "layers": len(model.transformer.layer), "cases": cases})


def write_json(path, document):
    path.write_text(json.dumps(document, indent=2) + "\n")


def make_directory(directory, config, tokenizer):
    directory.mkdir(parents=True)
    document = json.loads(config.to_json_string(use_diff=False))
    for key in ("transformers_version", "_name_or_path", "dtype"):
        document.pop(key, None)
    document["architectures"] = ["XLNetForQuestionAnsweringSimple"]
    write_json(directory / "config.json", document)
    (directory / "spiece.model").write_bytes(tokenizer)


def stored_weights(model):
    return {name: weight.detach().float().contiguous() for name, weight in model.named_parameters()
            if name != "transformer.mask_emb"}


def save_weights(directory, weights):
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})


def make_reader(directory, config, seed, tokenizer):
    model = make_model(config, seed)
    make_directory(directory, config, tokenizer)
    save_weights(directory, stored_weights(model))
    return model


def make_joint(directory, tokenizer):
    model = make_reader(directory, make_config(layers=3), 11, tokenizer)
    write_expected(directory, model, "continue", [0, 1, 2], PAIRS)


def make_split(directory, layout, seed, tokenizer):
    config = make_config(layers=4, deformer={
        "split_layer": 2, "layout": layout, "max_question_tokens": 12, "window_tokens": WINDOW_TOKENS,
        "window_step": 16, "max_answer_tokens": 8})
    model = make_reader(directory, config, seed, tokenizer)
    write_expected(directory, model, layout, [0, 1, 2, 3], PAIRS)


def make_long(directory, tokenizer):
    """Passages of several blocks of query rows, tanh form of GELU."""
    config = make_config(layers=2, act="gelu_new", deformer={"split_layer": 1})
    model = make_reader(directory, config, 14, tokenizer)
    write_expected(directory, model, "packed", [0, 1], [(0, 4), (2, 4)])


def make_tied(directory, tokenizer):
    """One bias of each kind for all layers, as with untie_r = false in the original code."""
    config = make_config(layers=2, deformer={"split_layer": 1})
    model = make_model(config, 15)
    share_biases(model)
    make_directory(directory, config, tokenizer)
    weights = stored_weights(model)
    for name in ("r_w_bias", "r_r_bias", "r_s_bias"):
        for layer in range(2):
            shared = weights.pop(f"transformer.layer.{layer}.rel_attn.{name}")
        weights[f"transformer.{name}"] = shared
    save_weights(directory, weights)
    write_expected(directory, model, "packed", [1], PAIRS[:2])


def make_bare(directory, tokenizer):
    """Names of a bare XLNetModel, and the parts of a pretrained model that nothing reads."""
    config = make_config(layers=2)
    model = make_model(config, 16)
    make_directory(directory, config, tokenizer)
    weights = {name.removeprefix("transformer."): weight for name, weight in stored_weights(model).items()}
    weights["mask_emb"] = torch.zeros(1, 1, 32)
    weights["lm_loss.bias"] = torch.zeros(96)
    save_weights(directory, weights)
    write_expected(directory, model, "continue", [0], PAIRS[:2])


def make_all(root):
    tokenizer = train_tokenizer()
    make_joint(root / "xlnet-joint", tokenizer)
    make_split(root / "xlnet-packed", "packed", 12, tokenizer)
    make_split(root / "xlnet-slots", "slots", 13, tokenizer)
    make_long(root / "xlnet-long", tokenizer)
    make_tied(root / "xlnet-tied", tokenizer)
    make_bare(root / "xlnet-bare", tokenizer)


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
