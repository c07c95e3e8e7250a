#!/usr/bin/env python3
"""Draws decomposition.svg: the work of a reader with and without decomposition, to scale.

Usage: make_decomposition.py > decomposition.svg
"""

LAYERS, LOWER = 12, 9  # BERT-base, split as in the paper
QUESTION, PASSAGE = 27, 293  # tokens with special tokens, as in the paper
X, Y = 0.62, 10.0  # pixels per token and per layer
LEFT, GAP = 30, 34  # margin, distance of columns
QUESTION_COLOUR, PASSAGE_COLOUR, JOINT_COLOUR = "#e69138", "#6fa8dc", "#6aa84f"
INK, FAINT = "#222222", "#777777"


def rectangle(x: float, y: float, width: float, height: float, style: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {style}/>'


def filled(colour: str) -> str:
    return f'fill="{colour}" stroke="#ffffff" stroke-width="1"'


def text(x: float, y: float, content: str, size: int = 13, anchor: str = "middle", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" {more}>{content}</text>'


def layer_lines(x: float, y: float, width: float, layers: int) -> list[str]:
    """Thin white lines between the layers of a block."""
    return [
        f'<line x1="{x:.1f}" y1="{y + i * Y:.1f}" x2="{x + width:.1f}" y2="{y + i * Y:.1f}" '
        'stroke="#ffffff" stroke-width="0.6"/>'
        for i in range(1, layers)
    ]


def block(x: float, y: float, tokens: float, layers: int, colour: str) -> list[str]:
    return [rectangle(x, y, tokens * X, layers * Y, filled(colour)), *layer_lines(x, y, tokens * X, layers)]


def column(index: int) -> float:
    return LEFT + index * ((QUESTION + PASSAGE) * X + GAP)


def ordinary(x: float, y: float) -> list[str]:
    return block(x, y, QUESTION + PASSAGE, LAYERS, JOINT_COLOUR)


def decomposed(x: float, y: float) -> list[str]:
    """Upper layers above; below them the question's own part and the stored part of the passage."""
    below = y + (LAYERS - LOWER) * Y
    stored = 'fill="#f4f8fc" stroke="#6fa8dc" stroke-width="1.2" stroke-dasharray="5 4"'
    inset = 2
    return [
        *block(x, y, QUESTION + PASSAGE, LAYERS - LOWER, JOINT_COLOUR),
        *block(x, below, QUESTION, LOWER, QUESTION_COLOUR),
        rectangle(x + QUESTION * X + inset, below + inset, PASSAGE * X - 2 * inset, LOWER * Y - 2 * inset, stored),
        text(x + (QUESTION + PASSAGE / 2) * X, below + LOWER * Y / 2 + 4, "from the store", 13, more=f'fill="{FAINT}"'),
    ]


def encode_step(x: float, y: float) -> list[str]:
    below = y + (LAYERS - LOWER) * Y
    return [
        *block(x + QUESTION * X, below, PASSAGE, LOWER, PASSAGE_COLOUR),
        text(x + (QUESTION + PASSAGE / 2) * X, below - 10, "passage, once", 13),
    ]


def legend(y: float) -> list[str]:
    entries = [
        (PASSAGE_COLOUR, "passage alone"),
        (QUESTION_COLOUR, "question alone"),
        (JOINT_COLOUR, "question and passage together"),
    ]
    parts, x = [], column(0)
    for colour, label in entries:
        parts += [rectangle(x, y - 11, 14, 14, filled(colour)), text(x + 20, y, label, 13, "start")]
        x += 60 + 7.2 * len(label)
    return parts


def main() -> None:
    width = column(3) + (QUESTION + PASSAGE) * X + LEFT
    first, second = 78, 292
    bottom = second + LAYERS * Y
    middle = (QUESTION + PASSAGE) * X / 2
    bold = 'font-weight="bold"'
    parts = [text(LEFT, 34, "An ordinary reader runs every layer over question and passage, for every question", 16, "start", bold)]
    for i in range(1, 4):
        parts += [text(column(i) + middle, first - 10, f"question {i}"), *ordinary(column(i), first)]
    parts += [
        text(LEFT, first + 24, "Area is work, BERT-base:", 13, "start"),
        text(LEFT, first + 44, f"width = tokens ({QUESTION} + {PASSAGE}),", 13, "start"),
        text(LEFT, first + 64, f"height = layers ({LAYERS})", 13, "start"),
        text(LEFT, second - 44, f"Decomposed: the lower {LOWER} layers never see both, so the passage’s part is kept", 16, "start", bold),
        *encode_step(column(0), second),
    ]
    for i in range(1, 4):
        parts += [text(column(i) + middle, second - 10, f"question {i}"), *decomposed(column(i), second)]
    height = bottom + 58
    parts += legend(bottom + 36)
    print(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="Helvetica, Arial, sans-serif" fill="{INK}" role="img" '
        'aria-label="Work per question of an ordinary and of a decomposed reader, to scale">'
    )
    print(rectangle(0, 0, width, height, 'fill="#ffffff"'))
    print("\n".join(parts))
    print("</svg>")


if __name__ == "__main__":
    main()
