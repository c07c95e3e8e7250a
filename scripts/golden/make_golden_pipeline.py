#!/usr/bin/env python3
"""What transformers' question-answering pipeline answers: tests/golden/pipeline/*.json.

Needs torch and transformers 5.2.0, the last release with that pipeline. Reads the tiny checkpoints
bert-joint and roberta-joint of tests/golden/models, with random weights, and models/squad-mini (as an ordinary checkpoint, which ignores its
`deformer` object) on the questions of examples/. All in fp32.
"""
import json
import pathlib
import random

import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / 'tests' / 'golden' / 'pipeline'
WORDS = ('the of and in to was is first city river king a b1 many Ann 7 12.5 %'
         ' Caf\u00e9 \u00dcber \u6771\u4eac (king) "river" city, city. City! don\'t e\u0301t\u00e9').split()
QUESTIONS = ['who is the king ?', 'What city?', 'when was the first river in the city, and how many did the king ?']
# Sequences of the tiny models have at most 64 tokens.
TINY_PARAMETERS = [
    {},
    {'top_k': 3},
    {'top_k': 5, 'handle_impossible_answer': True},
    {'top_k': 4, 'align_to_words': False},
    {'align_to_words': False},
    {'max_answer_len': 1, 'top_k': 2},
    {'max_answer_len': 3, 'handle_impossible_answer': True},
    {'max_seq_len': 32, 'doc_stride': 4, 'top_k': 3},
    {'max_seq_len': 40, 'top_k': 2, 'handle_impossible_answer': True},
]
MINI_PARAMETERS = [
    {},
    {'top_k': 5},
    {'top_k': 3, 'handle_impossible_answer': True},
    {'max_seq_len': 64, 'doc_stride': 16, 'max_answer_len': 30},
]


def tiny_cases():
    generator = random.Random(26)
    for parameters in TINY_PARAMETERS:
        for _ in range(6):
            context = ' '.join(generator.choice(WORDS) for _ in range(generator.choice((14, 25, 60))))
            yield generator.choice(QUESTIONS), context, {'max_seq_len': 48, **parameters}


def mini_cases():
    data = json.loads((ROOT / 'examples' / 'sample.json').read_text(encoding='utf-8'))['data']
    pairs = [(question['question'], paragraph['context'])
             for article in data for paragraph in article['paragraphs'] for question in paragraph['qas']]
    for parameters in MINI_PARAMETERS:
        for question, context in pairs:
            yield question, context, parameters


def write(name, model, cases):
    pipe = transformers.pipeline('question-answering', model=str(ROOT / model), dtype='float32')
    entries = [{'question': question, 'context': context, 'parameters': parameters,
                'expected': pipe(question=question, context=context, **parameters)}
               for question, context, parameters in cases]
    lines = ',\n  '.join(json.dumps(entry) for entry in entries)
    text = f'{{"model": "{model}", "transformers": "{transformers.__version__}", "cases": [\n  {lines}\n]}}\n'
    (OUT / f'{name}.json').write_text(text)


def main():
    OUT.mkdir(exist_ok=True)
    transformers.utils.logging.disable_progress_bar()
    for name in ('bert-joint', 'roberta-joint'):
        write(name, f'tests/golden/models/{name}', tiny_cases())
    write('squad-mini', 'models/squad-mini', mini_cases())


if __name__ == '__main__':
    main()
