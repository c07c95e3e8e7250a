#!/usr/bin/env python3
"""Writes src/text/mark_ranges.h: which code points the normalizer StripAccents removes.

As for make_bert_char_ranges.py the facts are read off Hugging Face's `tokenizers`: marks of all kinds, as
Unicode 9.0 has them. Run from anywhere; clang-format the result.
"""

import pathlib

from tokenizers import normalizers

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "src" / "text" / "mark_ranges.h"

HEADER = """// Code points that the normalizer StripAccents removes. Made by scripts/golden/make_mark_ranges.py: do
// not edit.
#pragma once

namespace deformer {

struct MarkRange {
  char32_t first;
  char32_t last;
};

/// Sorted and disjoint.
inline constexpr MarkRange kMarkRanges[] = {
"""

FOOTER = """};

}  // namespace deformer
"""


def ranges():
    strip = normalizers.StripAccents()
    runs = []
    for code in (*range(0xD800), *range(0xE000, 0x110000)):
        if strip.normalize_str(chr(code)) != "":
            continue
        if runs and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return runs


def main():
    lines = [f"{{0x{first:04X}, 0x{last:04X}}}," for first, last in ranges()]
    OUTPUT.write_text(HEADER + "\n".join(lines) + "\n" + FOOTER, encoding="ascii")


if __name__ == "__main__":
    main()
