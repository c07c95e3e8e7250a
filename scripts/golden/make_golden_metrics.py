#!/usr/bin/env python3
"""Expected values for the tests of the SQuAD metrics: tests/golden/metrics/*.json.

The scorers are written out here once more, in Python, because its str and re are what the
official scorers (evaluate-v1.1.py, evaluate-v2.0.py) are defined by. --official-v1 and
--official-v2 name copies of those; then every number is compared with theirs as well.

Standard library only. The committed files are of Python 3.11 (Unicode 14.0). --official-v2 needs
Python before 3.12: from then on sum(), which that script uses, rounds differently.
"""
import argparse
import collections
import importlib.util
import json
import pathlib
import random
import re
import string
import sys
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / 'tests' / 'golden' / 'metrics'


# The scorers.

def normalize(text):
    text = ''.join(c for c in text.lower() if c not in string.punctuation)
    return ' '.join(re.sub(r'\b(a|an|the)\b', ' ', text).split())


def exact_match(prediction, gold):
    return float(normalize(prediction) == normalize(gold))


def f1_v1(prediction, gold):
    prediction, gold = normalize(prediction).split(), normalize(gold).split()
    same = sum((collections.Counter(prediction) & collections.Counter(gold)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(prediction), same / len(gold)
    return (2 * precision * recall) / (precision + recall)


def f1_v2(prediction, gold):
    if not normalize(prediction) or not normalize(gold):
        return float(normalize(prediction) == normalize(gold))
    return f1_v1(prediction, gold)


def questions(dataset):
    for article in dataset['data']:
        for paragraph in article['paragraphs']:
            for qa in paragraph['qas']:
                yield paragraph['context'], qa


def percent(values, total):
    result = 0
    for value in values:
        result += value
    return 100.0 * result / total


def evaluate_v1(dataset, predictions):
    exact, f1 = [], []
    for _, qa in questions(dataset):
        text = predictions.get(qa['id'])
        golds = [a['text'] for a in qa['answers']]
        exact.append(0 if text is None else max(exact_match(text, g) for g in golds))
        f1.append(0 if text is None else max(f1_v1(text, g) for g in golds))
    return {'exact': percent(exact, len(exact)), 'f1': percent(f1, len(f1)), 'total': len(exact),
            'questions': [list(pair) for pair in zip(exact, f1)]}


def best_threshold(raw, scores, has_answer, predictions):
    now = best = sum(not has for has in has_answer.values())
    threshold = 0.0
    for qid in sorted(scores, key=scores.get):
        if has_answer[qid]:
            now += raw[qid]
        elif predictions[qid]:
            now -= 1
        if now > best:
            best, threshold = now, scores[qid]
    return 100.0 * best / len(raw), threshold


def evaluate_v2(dataset, predictions, scores=None, threshold=1.0):
    exact, f1, has_answer = {}, {}, {}
    for _, qa in questions(dataset):
        golds = [a['text'] for a in qa['answers'] if normalize(a['text'])] or ['']
        text = predictions[qa['id']]
        exact[qa['id']] = max(exact_match(text, g) for g in golds)
        f1[qa['id']] = max(f1_v2(text, g) for g in golds)
        has_answer[qa['id']] = bool(qa['answers'])

    def part(values, keep):
        kept = [float(not has_answer[q]) if scores and scores[q] > threshold else v
                for q, v in values.items() if keep(q)]
        return percent(kept, len(kept))

    result = {'threshold': threshold}
    for name, keep in [('overall', lambda q: True), ('has_answer', lambda q: has_answer[q]),
                       ('no_answer', lambda q: not has_answer[q])]:
        result[name] = {'exact': part(exact, keep), 'f1': part(f1, keep),
                        'total': sum(map(keep, exact))}
    if scores:
        best = best_threshold(exact, scores, has_answer, predictions)
        best += best_threshold(f1, scores, has_answer, predictions)
        result['best'] = dict(zip(('exact', 'exact_threshold', 'f1', 'f1_threshold'), best))
    raw = [[exact[q], f1[q]] for q in exact]
    return result, raw


# Comparison with the official scorers.

def load_module(path):
    spec = importlib.util.spec_from_file_location('official', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Official:
    def __init__(self, v1, v2):
        self.v1 = load_module(v1) if v1 else None
        self.v2 = load_module(v2) if v2 else None

    def check_text(self, text):
        for module in filter(None, (self.v1, self.v2)):
            assert module.normalize_answer(text) == normalize(text), text

    def check_pair(self, prediction, gold):
        if self.v1:
            assert self.v1.f1_score(prediction, gold) == f1_v1(prediction, gold)
            assert self.v1.exact_match_score(prediction, gold) == exact_match(prediction, gold)
        if self.v2:
            assert self.v2.compute_f1(gold, prediction) == f1_v2(prediction, gold)

    def check_v1(self, dataset, predictions, ours):
        if self.v1:
            theirs = self.v1.evaluate(dataset['data'], predictions)
            assert theirs == {'exact_match': ours['exact'], 'f1': ours['f1']}, (theirs, ours)

    def check_v2(self, dataset, predictions, scores, ours):
        if not self.v2:
            return
        module, articles = self.v2, dataset['data']
        has_answer = module.make_qid_to_has_ans(articles)
        exact, f1 = module.get_raw_scores(articles, predictions)
        probabilities = scores or {k: 0.0 for k in predictions}
        limit = ours['threshold'] if scores else 1.0
        cut = [module.apply_no_ans_threshold(raw, probabilities, has_answer, limit)
               for raw in (exact, f1)]
        parts = {'overall': None, 'has_answer': [k for k, v in has_answer.items() if v],
                 'no_answer': [k for k, v in has_answer.items() if not v]}
        for name, ids in parts.items():
            theirs = dict(module.make_eval_dict(*cut, qid_list=ids))
            assert theirs == ours[name], (name, theirs, ours[name])
        if scores:
            best = {}
            module.find_all_best_thresh(best, predictions, exact, f1, scores, has_answer)
            assert list(best.values()) == list(ours['best'].values()), (best, ours['best'])


# What is scored.

def ranges(predicate):
    """Half-open ranges of the code points, surrogates apart, for which predicate(c) is true."""
    result = []
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000 or not predicate(chr(code)):
            continue
        if result and result[-1][1] == code:
            result[-1][1] = code + 1
        else:
            result.append([code, code + 1])
    return result


def is_cased(c):
    return ('1' + c + 'Σ').lower().endswith('ς')


def is_skipped_by_sigma(c):
    return ('A' + c + 'Σ').lower().endswith('ς') and not is_cased(c)


def unicode_tables():
    lower = [[code, [ord(c) for c in chr(code).lower()]] for code in range(0x110000)
             if not 0xD800 <= code < 0xE000 and chr(code).lower() != chr(code)]
    return {'unicode_version': unicodedata.unidata_version,
            'unassigned': ranges(lambda c: unicodedata.category(c) == 'Cn'),
            'word': ranges(lambda c: re.match(r'\w', c)),
            'space': ranges(str.isspace),
            'cased': ranges(is_cased),
            'case_ignorable': ranges(is_skipped_by_sigma),
            'lower': lower}


TEXTS = '''
|a|an|the|A|AN|THE|The|tHe|a an the|The a|aa|then|ant|_a_|_the_|a_b|the_end|
the cat|The Cat sat on the mat|cat the|an apple a day|another|bathe|the-the|the.a.an|the'the|
a.m.|A.M.|p.m. a|U.S.A.|"the"|(the)|the!|¡the!|the’s|the's|a's|‘a’|“the”|«the»|the—end|the–end|the…|
a1|1a|1 a 1|the2|2the|a²|²a|aⅷ|½a|a½|a٣|the٣|१the|
á|à la|a\u0301|a\u0301b|the\u0301|\u0301a|an\u0303|ańthe|éthe|theé|the\u200d|the\u200b|\u200bthe|\ufeffthe|\ufffd|a\ufffd|\ufffdthe|\uffff|
a\u00a0b|\u00a0the\u00a0|the\u3000end|\u3000|\u2003the\u2003|\u1680a|\u180ea\u180e|\u2028a\u2029|\x1ca\x1d|\x85|\x0b\x0c|
\u202f\u205fa|\u2060a|\u00ada|th\u00ade|a\x00b|\x00the\x00|\x7f|tab\tthe\tend|line\nthe\nend|  a   lot   of   space  |
İ|İstanbul|İA|Iı|ı|TİTLE THE|I\u0307|İ\u0307|ﬁ|ﬀ|STRASSE|Straße|ẞ|ǅ|Ǆ|ŉ|ǰ|ΐ|ᾳ|ᾼ|ᾈ|Ω|K|Å|
Σ|ΣΣ|ΑΣ|ΟΔΥΣΣΕΥΣ|ΟΔΟΣ ΟΔΟΣ|ΑΣ.|ΑΣ'|ΑΣ-|ΑΣΑ|Α.Σ.|Α'Σ|Α’Σ|ΑΣ’Α|ΑΣ:Α|ΑΣ·|ΑΣ\u0301|ΑΣ\u0301Α|Α\u0301Σ|1Σ|1Σ1|Σ1|_Σ|-Σ|
ªΣ|ºΣ|ⅣΣ|ⓐΣ|🅐Σ|🄰Σ|ʰΣ|ʰAΣ|AΣʰ|AΣʰA|AΣª|AΣⅣ|AΣ🅰|ͺΣ|A\u0345Σ|AΣ\u0345A|A\u00adΣ|AΣ\u00adA|AΣ\u200dA|AΣ^A|AΣ`A|AΣ¨A|AΣ 'A|
ＴＨＥ|ｔｈｅ|Ａ|Ａ１|！|（the）|。the。|、a、|the・end|中a|a中|the中|中 the 国|日本の the|ｱa|아a|
Привет THE МИР|Ѐ|Ӏ|Ԁ|ԱՒ|Ა|ა|Ⴀ|Ꭰ|ꭰ|Ɐ|Ꙁ|Ꞌ|𐐀|𐒰|𑢠|𖹀|𞤀|𝐀|𝔄|Ⅷ|Ⓐ|🅐|
👍|👍🏽 the|the👍|👨‍👩‍👧 a|❤️|a❤|🇺🇸|☃the☃|©a®|™the|€100|£a|$a|a%|100 %|°a|№5|a†|
24–10|24-10|1,000|1.000|the 1,000.5|3/4|½|¼ the|²|x²|#1|@a|a@b.com|http://the.a/an|C++|C#|
don't|can't a|O'Neill|l'an|d'a|rock 'n' roll|the & a|AT&T|a/an|and/or|[the]|{a}|<an>|\\the\\|^a^|`the`|~a~|=the=|+a+|
ـa|a‿b|the‿|a·b|a־b|ाa|aा|क्a|กa|ກa|𝟘a|a𝟘|〇a|ㆍa|々a|ーa|ﾞa|〆the|
'''.replace('|\n', '|')

FRAGMENTS = ['a', 'an', 'the', 'The', 'A', 'AN', ' ', '  ', '\u00a0', '\u3000', '\u200b', '\t', '-',
             '–', "'", '’', '.', ',', '_', '\u0301', '\u0307', 'é', 'İ', 'Σ', 'ΑΣ', 'ς', 'ß', 'ﬁ', '1',
             '٣', '½', '中', 'cat', 'Cat', 'mat', 'New York', '👍', 'ʰ', 'ª', 'Ⅳ', '\u00ad', '"', '(',
             ')', 'ｔｈｅ', '𐐀', '\x1f', '\x85', '\u2028', 'K', 'Å', '%', '$5']

PAIRS = [('the cat', 'cat'), ('', ''), ('the', ''), ('a', 'an'), ('', 'cat'), ('cat', ''),
         ('.', '!'), ('in the New York City', 'New York'), ('New York', 'new york city'),
         ('cat cat cat', 'cat cat'),
         ('cat mat', 'mat cat'), ("the cat's mat", 'cats mat'), ('ΟΔΟΣ', 'οδος'), ('ΟΔΟΣ', 'οδοσ'),
         ('İstanbul', 'i\u0307stanbul'), ('Istanbul', 'İstanbul'), ('24–10', '24-10'),
         ('24-10', '2410'), ('1,000', '1000'), ('café', 'cafe\u0301'), ('ﬁsh', 'fish'),
         ('ＣＡＴ', 'ｃａｔ'), ('ＣＡＴ', 'cat'), ('5 000', '5\u00a0000'), ('a\u0301', '\u0301'),
         ('straße', 'STRASSE'), ('U.S.A.', 'USA'),
         ('the the the', 'the'), ('one two three four five six seven', 'three five seven nine')]

WORDS = ['the', 'a', 'an', 'The', 'cat', 'Cat', 'mat', 'New', 'York', 'City', '24–10', "it's",
         'U.S.', '1,000', 'İzmir', 'ΟΔΟΣ', 'straße', 'é', '中国', '“quoted”', '(sic)', 'of', 'in',
         'and', '—', 'ﬁve', '\u00a0']


def fragments(rng, low, high):
    return ''.join(rng.choice(FRAGMENTS) for _ in range(rng.randint(low, high)))


def phrase(rng, low, high):
    return ' '.join(rng.choice(WORDS) for _ in range(rng.randint(low, high)))


def make_texts(rng):
    texts = TEXTS.strip('\n').split('|')
    texts += [fragments(rng, 2, 9) for _ in range(200)]
    return list(dict.fromkeys(texts))


def make_pairs(rng):
    pairs = list(PAIRS)
    for _ in range(120):
        gold = phrase(rng, 0, 7)
        words = gold.split(' ') + phrase(rng, 0, 3).split(' ')
        rng.shuffle(words)
        pairs.append((' '.join(words[:rng.randint(0, len(words))]), gold))
    return pairs


def altered(rng, text):
    return rng.choice([text, text.upper(), 'the ' + text, text + '.', text[1:],
                       text + ' ' + phrase(rng, 1, 3), phrase(rng, 1, 4), ''])


def make_dataset(rng, version, unanswerable):
    dataset, predictions = {'version': version, 'data': []}, {}
    for a in range(4):
        article = {'title': f'Article_{a}', 'paragraphs': []}
        for p in range(rng.randint(1, 4)):
            paragraph = {'context': phrase(rng, 30, 60), 'qas': []}
            for q in range(rng.randint(0, 8)):
                golds = [phrase(rng, 1, 5) for _ in range(rng.randint(1, 4))]
                qa = {'id': f'{a}-{p}-{q}', 'question': phrase(rng, 3, 8) + '?'}
                if unanswerable:
                    qa['is_impossible'] = rng.random() < 0.4
                    golds = [] if qa['is_impossible'] else golds
                qa['answers'] = [{'text': g, 'answer_start': rng.randint(0, 99)} for g in golds]
                paragraph['qas'].append(qa)
                predictions[qa['id']] = altered(rng, rng.choice(golds or ['']))
            article['paragraphs'].append(paragraph)
        dataset['data'].append(article)
    return dataset, predictions


def add_odd_questions(dataset, predictions):
    """2.0 only: flags that contradict the answers, and answers that normalise to nothing."""
    odd = [('odd-1', True, ['cat'], 'cat'), ('odd-2', False, [], ''), ('odd-3', False, [], 'cat'),
           ('odd-4', False, ['the', '.'], ''), ('odd-5', False, ['the', 'cat'], ''),
           ('odd-6', False, ['the'], 'an'), ('odd-7', True, [], 'the'), ('odd-8', True, [], ' ')]
    dataset['data'].append({'title': 'Odd', 'paragraphs': [{'context': 'the cat.', 'qas': [
        {'id': i, 'question': 'cat?', 'is_impossible': flag,
         'answers': [{'text': g, 'answer_start': 0} for g in golds]} for i, flag, golds, _ in odd]}]})
    predictions.update({i: text for i, _, _, text in odd})


def rule_predictions(dataset):
    """Predictions and no-answer scores that the test makes again by the same rule."""
    predictions, scores = {}, {}
    for i, (context, qa) in enumerate(questions(dataset)):
        h = i * 2654435761 % 2**32
        gold = qa['answers'][0]['text'] if qa['answers'] else ''
        start = (h >> 8) % len(context)
        predictions[qa['id']] = ['', gold, gold, gold, 'The ' + gold + '!', qa['question'],
                                 context[start:start + 25], gold[len(gold) // 2:]][(h >> 20) % 8]
        scores[qa['id']] = ((h >> 4) % 40 + (0 if gold else 20)) / 60
    return predictions, scores


# Output.

def dump(name, value, rows=(), ascii_only=True):
    """JSON with one element a line for the lists named in `rows` (or for the whole, if a list)."""
    def line(item):
        return json.dumps(item, ensure_ascii=ascii_only)

    def lines(items):
        return '[\n' + ',\n'.join(map(line, items)) + '\n]'
    if isinstance(value, list):
        text = lines(value)
    else:
        text = '{\n' + ',\n'.join(
            line(k) + ': ' + (lines(v) if k in rows else line(v))
            for k, v in value.items()) + '\n}'
    assert json.loads(text) == value
    (OUT / name).write_text(text + '\n', encoding='utf-8')


def make_text_files(rng, official):
    texts, pairs = make_texts(rng), make_pairs(rng)
    for text in texts:
        official.check_text(text)
    for prediction, gold in pairs:
        official.check_pair(prediction, gold)
    dump('texts.json', [[t, normalize(t)] for t in texts])
    dump('pairs.json', [[p, g, exact_match(p, g), f1_v1(p, g)] for p, g in pairs])


def make_v1_files(rng, official):
    dataset, predictions = make_dataset(rng, '1.1', unanswerable=False)
    for qid in rng.sample(sorted(predictions), 3):
        del predictions[qid]
    result = evaluate_v1(dataset, predictions)
    official.check_v1(dataset, predictions, result)
    dump('squad_v1.json', dataset, rows=('data',), ascii_only=False)
    dump('squad_v1_predictions.json', predictions, ascii_only=False)
    dump('squad_v1_expected.json', result)


def make_v2_files(rng, official):
    dataset, predictions = make_dataset(rng, 'v2.0', unanswerable=True)
    add_odd_questions(dataset, predictions)
    ids = sorted(predictions)
    rng.shuffle(ids)  # equal scores: their order in the file counts
    scores = {qid: rng.randint(0, 8) / 8 for qid in ids}
    plain, raw = evaluate_v2(dataset, predictions)
    official.check_v2(dataset, predictions, None, plain)
    results = [evaluate_v2(dataset, predictions, scores, t)[0]
               for t in (1.0, 0.875, 0.5, 0.1, 0.0, -1.0)]
    for result in results:
        official.check_v2(dataset, predictions, scores, result)
    in_order = {qid: scores[qid] for qid in predictions}
    in_order = evaluate_v2(dataset, predictions, in_order)[0]
    assert in_order['best'] != results[0]['best'], 'the order of equal scores must matter'
    dump('squad_v2.json', dataset, rows=('data',), ascii_only=False)
    dump('squad_v2_predictions.json', predictions, ascii_only=False)
    dump('squad_v2_no_answer_scores.json', scores)
    dump('squad_v2_expected.json', {'questions': raw, 'plain': plain, 'thresholds': results},
         rows=('thresholds',))


def make_shared_file(shared, official):
    def load(name):
        return json.loads((shared / name).read_text(encoding='utf-8'))
    dev1, dev2 = load('data/squad/dev-v1.1.json'), load('data/squad/dev-v2.0-reconstructed.json')
    predictions = load('models/squad-mini-prototype/predictions.json')
    v1 = evaluate_v1(dev1, predictions)
    official.check_v1(dev1, predictions, v1)
    del v1['questions']
    predictions, scores = rule_predictions(dev2)
    backwards = dict(reversed(scores.items()))
    plain = evaluate_v2(dev2, predictions)[0]
    official.check_v2(dev2, predictions, None, plain)
    forward = [evaluate_v2(dev2, predictions, scores, t)[0] for t in (1.0, 0.7, 0.25, -1.0)]
    backward = [evaluate_v2(dev2, predictions, backwards, 0.5)[0]]
    for result in forward:
        official.check_v2(dev2, predictions, scores, result)
    official.check_v2(dev2, predictions, backwards, backward[0])
    assert backward[0]['best'] != forward[0]['best'], 'the order of equal scores must matter'
    dump('shared_data.json', {'squad_v1_prototype': v1, 'squad_v2_rule': plain,
                              'squad_v2_thresholds': forward, 'squad_v2_backwards': backward},
         rows=('squad_v2_thresholds', 'squad_v2_backwards'))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--official-v1', help='evaluate-v1.1.py to compare with')
    parser.add_argument('--official-v2', help='evaluate-v2.0.py to compare with')
    parser.add_argument('--shared', type=pathlib.Path, default=ROOT.parent / 'shared',
                        help='data beside the checkout; without it shared_data.json stays')
    options = parser.parse_args()
    if options.official_v2 and sys.version_info >= (3, 12):
        sys.exit('--official-v2 needs Python before 3.12: sum() of floats rounds differently from then on')
    OUT.mkdir(parents=True, exist_ok=True)
    official = Official(options.official_v1, options.official_v2)
    rng = random.Random(20)
    dump('unicode.json', unicode_tables())
    make_text_files(rng, official)
    make_v1_files(rng, official)
    make_v2_files(rng, official)
    if options.shared.exists():
        make_shared_file(options.shared, official)


if __name__ == '__main__':
    main()
