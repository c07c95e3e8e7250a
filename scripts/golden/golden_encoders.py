"""Tiny encoders after BERT, composed of Hugging Face's modules, for the scripts of their golden data.

A class per architecture knows the form of its two segments and how a layer runs over the rows of one
sequence. `run_segments` composes them: lower layers per segment, upper layers over both.
"""

import math
import pathlib
import tempfile

import torch
import transformers as hf
from transformers.models.deberta_v2 import modeling_deberta_v2

import golden_tokenizers
import make_golden_models as bert_parts

WEIGHT_STD, BIAS_STD = 0.3, 0.2
COMMON = ["attention_probs_dropout_prob", "hidden_act", "hidden_dropout_prob", "hidden_size", "initializer_range",
          "intermediate_size", "layer_norm_eps", "max_position_embeddings", "model_type", "num_attention_heads",
          "num_hidden_layers", "pad_token_id", "vocab_size"]


class Encoder:
    """As BERT: `[CLS] first [SEP]`, `second [SEP]`, token types 0 and 1, positions from 0.

    `base` is the attribute of Hugging Face's classes that has the encoder, `family` the part of their names
    before "ForQuestionAnswering"; `keys` are those of a published config.json.
    """

    name = base = family = ""
    kind = None  # of tokenizer; None: BERT's words
    cls_id, pad_id, sep_id, first_word = 2, 0, 3, 5
    first_position = 0
    separators = 1  # behind the first segment, in an ordinary pair
    types = (0, 1)
    keys = COMMON
    sizes = {}
    longest = 64  # tokens

    def __init__(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            self.write_tokenizer(folder)
            self.tokenizer = self.kind().load(folder) if self.kind else None
        self.words = len(self.tokenizer if self.kind else bert_parts.vocabulary())
        if self.kind and self.tokenizer.mask_token_id == self.words - 1:
            self.words -= 1

    # The tokenizer.

    def write_tokenizer(self, directory):
        if self.kind:
            return self.kind().write(directory)
        bert_parts.write_json(directory / "tokenizer_config.json", {"do_lower_case": True})
        (directory / "vocab.txt").write_text("\n".join(bert_parts.vocabulary()) + "\n")

    def vocabulary_size(self):
        return len(self.tokenizer) if self.kind else len(bert_parts.vocabulary())

    def ids(self, text):
        if self.kind:
            return self.tokenizer(text, add_special_tokens=False).input_ids
        return [bert_parts.vocabulary().index(word) for word in text.split()]

    # Segments.

    def first(self, words, layout):
        separators = self.separators if layout == "continue" else 1
        return [self.cls_id, *words, *[self.sep_id] * separators]

    def second(self, words):
        return [*words, self.sep_id]

    def joint(self, first, second, padding=0):
        """Inputs of Hugging Face's class for one pair, with `padding` masked slots behind the tokens."""
        inputs = {"input_ids": first + second + [self.pad_id] * padding,
                  "attention_mask": [1] * (len(first) + len(second)) + [0] * padding}
        if self.types == (0, 1):
            inputs["token_type_ids"] = [0] * len(first) + [1] * len(second) + [0] * padding
        return inputs

    def positions(self, first, running_on):
        """The first position of each segment."""
        return [self.first_position, self.first_position + (len(first) if running_on else 0)]

    # Models.

    def config(self, layers, hidden=32, heads=4, inner=64, **extra):
        arguments = dict(
            vocab_size=self.vocabulary_size(), hidden_size=hidden, num_hidden_layers=layers,
            num_attention_heads=heads, intermediate_size=inner,
            max_position_embeddings=self.longest + self.first_position, attn_implementation="eager")
        return getattr(hf, self.family + "Config")(**{**arguments, **self.sizes, **extra})

    def document(self, config, task):
        """config.json of a published checkpoint."""
        keys = [*self.keys, *(["deformer"] if hasattr(config, "deformer") else [])]
        return {"architectures": [self.family + task]} | {
            key: getattr(config, key) for key in sorted(keys) if hasattr(config, key)}

    def model(self, config, task, seed, weight_std=WEIGHT_STD, bias_std=BIAS_STD):
        """Random weights, large enough that every layer matters; float64 inside."""
        model = getattr(hf, self.family + task)(config).eval()
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, weight in sorted(model.named_parameters()):
                std = weight_std if weight.dim() > 1 else bias_std
                is_norm = name.lower().replace("_", "").endswith("layernorm.weight")
                weight.copy_((1.0 if is_norm else 0.0) + std * torch.randn(weight.shape, generator=generator))
        return model.double()

    def encoder(self, model):
        return getattr(model, self.base)

    # The composition.

    def embed(self, encoder, ids, kind, position):
        return encoder.embeddings(
            input_ids=torch.tensor([ids]), token_type_ids=torch.full((1, len(ids)), kind),
            position_ids=torch.arange(position, position + len(ids))[None])

    def run_layer(self, encoder, index, hidden):
        return encoder.encoder.layer[index](hidden)

    def class_logits(self, model, hidden):
        """Of ...ForSequenceClassification, from the states [rows, hidden] of the last layer."""
        raise NotImplementedError

    def choice_logit(self, model, hidden):
        """Of ...ForMultipleChoice."""
        return self.class_logits(model, hidden)


def run_segments(architecture, encoder, segments, positions, split_layer):
    """`segments` are token ids by name. Returns all states, and the last: [rows, hidden]."""
    states, parts = {}, []
    layers = range(encoder.config.num_hidden_layers)

    def run(name, indices, hidden):
        for index in indices:
            hidden = architecture.run_layer(encoder, index, hidden)
            hidden = hidden[0] if isinstance(hidden, tuple) else hidden
            states[f"{name}.{index}"] = hidden[0]
        return hidden

    for (name, ids), kind, position in zip(segments.items(), architecture.types, positions):
        hidden = architecture.embed(encoder, ids, kind, position)
        states[f"lower.{name}.embeddings"] = hidden[0]
        parts.append(run(f"lower.{name}", layers[:split_layer], hidden))
    hidden = run("upper", layers[split_layer:], torch.cat(parts, dim=1))
    return states, hidden[0]


class Roberta(Encoder):
    """`<s> first </s>`, `second </s>`; `<s> first </s></s>` in an ordinary pair. Positions from 2."""

    name, base, family = "roberta", "roberta", "Roberta"
    kind = golden_tokenizers.RobertaTokenizer
    cls_id, pad_id, sep_id, first_word = 0, 1, 2, 4
    first_position, separators, types = 2, 2, (0, 0)
    keys = [*COMMON, "bos_token_id", "eos_token_id", "type_vocab_size"]
    sizes = {"type_vocab_size": 1, "layer_norm_eps": 1e-5}

    def class_logits(self, model, hidden):
        return model.classifier.out_proj(torch.tanh(model.classifier.dense(hidden[0])))

    def choice_logit(self, model, hidden):
        return model.classifier(torch.tanh(model.roberta.pooler.dense(hidden[0])))


class Xlmr(Roberta):
    name, family = "xlmr", "XLMRoberta"
    kind = golden_tokenizers.XlmrTokenizer


class Camembert(Roberta):
    name, family = "camembert", "Camembert"
    kind = golden_tokenizers.CamembertTokenizer
    cls_id, pad_id, sep_id, first_word = 5, 1, 6, 7


class Distilbert(Encoder):
    """No token types; other names everywhere."""

    name, base, family = "distilbert", "distilbert", "DistilBert"
    types = (None, None)
    keys = ["activation", "attention_dropout", "dim", "dropout", "hidden_dim", "initializer_range",
            "max_position_embeddings", "model_type", "n_heads", "n_layers", "pad_token_id", "qa_dropout",
            "seq_classif_dropout", "sinusoidal_pos_embds", "vocab_size"]

    def config(self, layers, hidden=32, heads=4, inner=64, **extra):
        return hf.DistilBertConfig(**{
            "vocab_size": self.vocabulary_size(), "dim": hidden, "n_layers": layers, "n_heads": heads,
            "hidden_dim": inner, "max_position_embeddings": self.longest, "attn_implementation": "eager", **extra})

    def embed(self, encoder, ids, kind, position):
        parts = encoder.embeddings
        positions = torch.arange(position, position + len(ids))
        return parts.LayerNorm(parts.word_embeddings(torch.tensor([ids])) + parts.position_embeddings(positions))

    def run_layer(self, encoder, index, hidden):
        return encoder.transformer.layer[index](hidden, torch.ones(hidden.shape[:2]))

    def class_logits(self, model, hidden):
        return model.classifier(torch.relu(model.pre_classifier(hidden[0])))


class Electra(Encoder):
    """BERT with smaller embeddings, which a linear layer widens."""

    name, base, family = "electra", "electra", "Electra"
    keys = [*COMMON, "embedding_size", "summary_activation", "summary_last_dropout", "summary_type",
            "summary_use_proj", "type_vocab_size"]
    sizes = {"embedding_size": 16}

    def embed(self, encoder, ids, kind, position):
        hidden = super().embed(encoder, ids, kind, position)
        if encoder.config.embedding_size == encoder.config.hidden_size:
            return hidden
        return encoder.embeddings_project(hidden)

    def class_logits(self, model, hidden):
        return model.classifier.out_proj(gelu(model.classifier.dense(hidden[0])))

    def choice_logit(self, model, hidden):
        return model.classifier(gelu(model.sequence_summary.summary(hidden[0])))


class Albert(Encoder):
    """Smaller embeddings, and one layer for all."""

    name, base, family = "albert", "albert", "Albert"
    kind = golden_tokenizers.AlbertTokenizer
    keys = [*COMMON, "bos_token_id", "classifier_dropout_prob", "embedding_size", "eos_token_id", "inner_group_num",
            "num_hidden_groups", "type_vocab_size"]
    sizes = {"embedding_size": 16}

    def embed(self, encoder, ids, kind, position):
        return encoder.encoder.embedding_hidden_mapping_in(super().embed(encoder, ids, kind, position))

    def run_layer(self, encoder, index, hidden):
        return encoder.encoder.albert_layer_groups[0].albert_layers[0](hidden)

    def class_logits(self, model, hidden):
        return model.classifier(torch.tanh(model.albert.pooler(hidden[0])))


class DebertaV3(Encoder):
    """No token types, no positions: scores of a pair of rows depend on the bucket of their distance."""

    name, base, family = "deberta-v3", "deberta", "DebertaV2"
    kind = golden_tokenizers.DebertaTokenizer
    cls_id, sep_id, first_word = 1, 2, 4
    types = (None, None)
    keys = [*COMMON, "max_relative_positions", "norm_rel_ebd", "pooler_dropout", "pooler_hidden_act",
            "pooler_hidden_size", "pos_att_type", "position_biased_input", "position_buckets", "relative_attention",
            "share_att_key", "type_vocab_size"]
    sizes = {"relative_attention": True, "position_buckets": 8, "max_relative_positions": -1,
             "position_biased_input": False, "type_vocab_size": 0, "norm_rel_ebd": "layer_norm",
             "share_att_key": True, "pos_att_type": "p2c|c2p", "layer_norm_eps": 1e-7}
    pos_att_type = "p2c|c2p"  # as published; transformers 4.57 writes the list of the two
    spare_rows = 3  # of the embeddings: the published models have more of them than their tokenizer has tokens

    def vocabulary_size(self):
        return super().vocabulary_size() + self.spare_rows

    def document(self, config, task):
        return super().document(config, task) | {"pos_att_type": self.pos_att_type}

    def embed(self, encoder, ids, kind, position):
        return encoder.embeddings.LayerNorm(encoder.embeddings.word_embeddings(torch.tensor([ids])))

    def run_layer(self, encoder, index, hidden):
        layer = encoder.encoder.layer[index]
        attended = self.attend(encoder, layer.attention.self, hidden[0])
        attended = layer.attention.output(attended[None], hidden)
        output = layer.output(layer.intermediate(attended), attended)
        if index == 0 and encoder.encoder.conv is not None:
            output = self.convolve(encoder.encoder.conv, hidden[0], output[0])[None]
        return output

    @staticmethod
    def convolve(conv, hidden, output):
        """The first layer's other branch: over neighbouring rows of its input, zeros around them."""
        reach = conv.conv.kernel_size[0] // 2
        rows = torch.nn.functional.pad(hidden, (0, 0, reach, reach)).unfold(0, 2 * reach + 1, 1)
        mixed = torch.einsum("nit,oit->no", rows, conv.conv.weight) + conv.conv.bias
        assert conv.conv_act == "gelu"
        return conv.LayerNorm(output + gelu(mixed))

    def attend(self, encoder, weights, hidden):
        """Content to content, content to position and position to content, each pair of rows by itself."""
        heads, width = weights.num_attention_heads, weights.attention_head_size

        def split(projection, rows):
            return projection(rows).view(-1, heads, width)

        query, key, value = (split(p, hidden) for p in (weights.query_proj, weights.key_proj, weights.value_proj))
        table = encoder.encoder.rel_embeddings.weight
        if "layer_norm" in encoder.encoder.norm_rel_ebd:
            table = encoder.encoder.LayerNorm(table)
        shared = weights.share_att_key
        position_key = split(weights.key_proj if shared else weights.pos_key_proj, table)
        position_query = split(weights.query_proj if shared else weights.pos_query_proj, table)
        rows = range(len(hidden))
        index = torch.tensor([[deberta_row(q - k, encoder.config) for k in rows] for q in rows])
        scores = (torch.einsum("qnd,knd->nqk", query, key)
                  + torch.einsum("qnd,qknd->nqk", query, position_key[index])
                  + torch.einsum("knd,qknd->nqk", key, position_query[index]))
        probabilities = (scores / math.sqrt(3 * width)).softmax(-1)
        return torch.einsum("nqk,knd->qnd", probabilities, value).flatten(1)

    def class_logits(self, model, hidden):
        return model.classifier(gelu(model.pooler.dense(hidden[0])))


class DebertaV2(DebertaV3):
    """A row for every distance, projections of their own for positions, no norm of the table."""

    name = "deberta-v2"
    keys = [key for key in DebertaV3.keys if key not in ("norm_rel_ebd", "position_buckets", "share_att_key")]
    sizes = {"relative_attention": True, "max_relative_positions": -1, "position_biased_input": False,
             "type_vocab_size": 0, "pos_att_type": "p2c|c2p", "layer_norm_eps": 1e-7}
    pos_att_type = ["p2c", "c2p"]


class DebertaV2Published(DebertaV3):
    """As the published v2 models: v3 with a convolution beside the first layer."""

    keys = [*DebertaV3.keys, "conv_act", "conv_kernel_size"]
    sizes = {**DebertaV3.sizes, "conv_kernel_size": 3, "conv_act": "gelu"}


def deberta_bucket(distance, buckets, longest):
    """Of the query's row minus the key's, in integers. Distances up to half of the buckets have one each;
    beyond, bucket mid + k ends at the distance mid * ((longest - 1) / mid)^(k / (mid - 1)).
    """
    mid, size = buckets // 2, abs(distance)
    if size > mid:
        k = 0
        while size ** (mid - 1) * mid**k > (longest - 1) ** k * mid ** (mid - 1):
            k += 1
        size = mid + k
    return size if distance > 0 else -size


def deberta_row(distance, config):
    """Row of the table of positions."""
    longest = config.max_relative_positions
    longest = longest if longest >= 1 else config.max_position_embeddings
    buckets = getattr(config, "position_buckets", -1)
    span = buckets if buckets > 0 else longest
    bucket = deberta_bucket(distance, buckets, longest) if buckets > 0 else distance
    return min(max(bucket + span, 0), 2 * span - 1)


def gelu(values):
    return values * 0.5 * (1 + torch.erf(values / math.sqrt(2)))


# Hugging Face divides DeBERTa's scores by a root in float32, whatever the model's type.
modeling_deberta_v2.scaled_size_sqrt = lambda layer, factor: torch.sqrt(
    torch.tensor(layer.size(-1), dtype=torch.float64) * factor)
