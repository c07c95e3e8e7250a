#!/usr/bin/env python3
"""Writes src/text/bert_char_ranges.h: which code points BERT's text cleaning treats specially.

The facts are read off Hugging Face's `tokenizers` by asking it about every code point, because its
answers belong to no single version of Unicode: general categories are those of Unicode 8.0,
combining classes those of 9.0. Run from anywhere; clang-format the result.
"""

import pathlib

from tokenizers import normalizers, pre_tokenizers

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "src" / "text" / "bert_char_ranges.h"

HEADER = """// Code points that BERT's text cleaning treats specially, all others being kOrdinary. Made by
// scripts/golden/make_bert_char_ranges.py: do not edit.
#pragma once

#include "text/bert_chars.h"

namespace deformer {

struct BertCharRange {
  char32_t first;
  char32_t last;
  BertCharKind kind;
};

/// Sorted and disjoint.
inline constexpr BertCharRange kBertCharRanges[] = {
"""

FOOTER = """};

}  // namespace deformer
"""


def bert_normalizer(**enabled):
    options = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**options, **enabled})


CLEAN = bert_normalizer(clean_text=True)
SPACED = bert_normalizer(handle_chinese_chars=True)
STRIPPED = bert_normalizer(strip_accents=True)
NFD = normalizers.NFD()
PRE_TOKENIZER = pre_tokenizers.BertPreTokenizer()


def is_reordered(char):
    """Whether NFD moves `char` past a mark of class 1 before it or a mark of class 240 after it."""
    after, before = f"a{char}\u0334", f"a\u0345{char}"
    return NFD.normalize_str(after) != after or NFD.normalize_str(before) != before


def kind_of(char):
    cleaned = CLEAN.normalize_str(char)
    if cleaned == "":
        return "kDropped"
    if cleaned == " ":
        return "kSpace"
    if SPACED.normalize_str(char) != char:
        return "kIdeograph"
    if STRIPPED.normalize_str(char) == "":
        return "kMark"
    if len(PRE_TOKENIZER.pre_tokenize_str(f"a{char}b")) == 3:
        return "kPunctuation"
    if NFD.normalize_str(char) == char and is_reordered(char):
        return "kKeptMark"
    return "kOrdinary"


def ranges():
    runs = []
    for code in (*range(0xD800), *range(0xE000, 0x110000)):
        kind = kind_of(chr(code))
        if runs and runs[-1][2] == kind and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code, kind])
    return [run for run in runs if run[2] != "kOrdinary"]


def main():
    lines = [f"    {{0x{first:04X}, 0x{last:04X}, BertCharKind::{kind}}},\n" for first, last, kind in ranges()]
    OUTPUT.write_text(HEADER + "".join(lines) + FOOTER)


if __name__ == "__main__":
    main()
