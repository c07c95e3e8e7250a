#!/usr/bin/env python3
"""Expected accuracy and F1 of predicted classes: tests/golden/metrics/classes.json.

Standard library only. The definitions are those of GLUE: accuracy is the share of equal labels, F1 the
harmonic mean of precision and recall of the positive class, which is 2 TP / (2 TP + FP + FN) and 0 when
that class never occurs. All in exact fractions, turned into percentages and rounded once.
"""
import fractions
import json
import pathlib
import random

OUT = pathlib.Path(__file__).resolve().parents[2] / 'tests' / 'golden' / 'metrics' / 'classes.json'


def accuracy(predicted, gold):
    return fractions.Fraction(sum(p == g for p, g in zip(predicted, gold)), len(gold))


def f1(predicted, gold, positive):
    pairs = list(zip(predicted, gold))
    hits = sum(p == g == positive for p, g in pairs)
    misses = sum(p != g and positive in (p, g) for p, g in pairs)
    return fractions.Fraction(2 * hits, 2 * hits + misses) if hits + misses else fractions.Fraction(0)


def case(name, predicted, gold, positive=None):
    entry = {'name': name, 'predicted': predicted, 'gold': gold, 'positive': positive,
             'correct': sum(p == g for p, g in zip(predicted, gold)),
             'accuracy': float(100 * accuracy(predicted, gold))}
    if positive is not None:
        entry['f1'] = float(100 * f1(predicted, gold, positive))
    return entry


def main():
    generator = random.Random(2020)

    def labels(count, classes):
        return [generator.randrange(classes) for _ in range(count)]

    cases = [
        case('three classes', labels(50, 3), labels(50, 3)),
        case('two classes', labels(40, 2), labels(40, 2), 1),
        case('odd total', labels(7, 2), labels(7, 2), 1),
        case('all right', [1, 0, 1], [1, 0, 1], 1),
        case('never predicted', [0, 0, 0], [1, 0, 1], 1),
        case('never gold', [1, 0, 1], [0, 0, 0], 1),
        case('nowhere', [0, 0], [0, 0], 1),
        case('the other class', [0, 1, 1, 0], [0, 0, 1, 1], 0),
    ]
    OUT.write_text(json.dumps({'cases': cases}, indent=1) + '\n')


if __name__ == '__main__':
    main()
