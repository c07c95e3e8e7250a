"""The same decomposition in plain PyTorch: one question at a time, both sides padded to their slots.

What one would write without this project: Hugging Face's layers, the lower ones on [CLS] question [SEP] padded to its slots, the
passage's states computed beforehand and padded to theirs, the upper ones on both behind one another.
"""
from typing import NamedTuple

import torch


class Passage(NamedTuple):
    states: torch.Tensor  # [1, slots, hidden]
    valid: torch.Tensor   # [1, slots] bool


def fill(ids, slots):
    """Ids and which of them are real, padded to so many slots."""
    missing = slots - len(ids)
    valid = torch.tensor([[True] * len(ids) + [False] * missing])
    return torch.tensor([ids + [0] * missing]), valid


class PlainSplit:
    """A BertForQuestionAnswering, split."""

    def __init__(self, model, split_layer, question_slots):
        self.bert, self.head = model.bert, model.qa_outputs
        layers = model.bert.encoder.layer
        self.lower_layers, self.upper_layers = layers[:split_layer], layers[split_layer:]
        self.question_slots = question_slots

    @staticmethod
    def run(layers, hidden, valid):
        for layer in layers:
            hidden = layer(hidden, valid[:, None, None, :])
        return hidden

    def lower(self, ids, valid, type_id, position):
        places = torch.arange(position, position + ids.shape[1])[None]
        hidden = self.bert.embeddings(input_ids=ids, token_type_ids=torch.full_like(ids, type_id),
                                      position_ids=places)
        return self.run(self.lower_layers, hidden, valid)

    def encode_passage(self, ids, slots):
        ids, valid = fill(ids, slots)
        with torch.inference_mode():
            return Passage(self.lower(ids, valid, 1, self.question_slots), valid)

    def answer(self, question_ids, passage):
        """Start and end logits of all slots."""
        with torch.inference_mode():
            ids, valid = fill(question_ids, self.question_slots)
            question = self.lower(ids, valid, 0, 0)
            joint = self.run(self.upper_layers, torch.cat([question, passage.states], 1),
                             torch.cat([valid, passage.valid], 1))
            return self.head(joint)[0].unbind(1)


def check_against(model, plain, vocab_size, slots, tolerance):
    """Split at 0, full slots: this is the model itself. Ends the run where it is not."""
    ids = torch.randint(0, vocab_size, (slots,), generator=torch.Generator().manual_seed(0)).tolist()
    whole = PlainSplit(model, 0, plain.question_slots)
    question, rest = ids[:plain.question_slots], ids[plain.question_slots:]
    found = whole.answer(question, whole.encode_passage(rest, len(rest)))
    with torch.inference_mode():
        types = [0] * len(question) + [1] * len(rest)
        expected = model(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types]))
    for a, b in zip(found, (expected.start_logits[0], expected.end_logits[0])):
        if not (a - b).abs().max() < tolerance:
            raise SystemExit("the plain split computes something else than the model at layer 0")
