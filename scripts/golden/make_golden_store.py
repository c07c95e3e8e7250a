#!/usr/bin/env python3
"""Writes tests/golden/store/: records of versions 1 and 2, made from docs/store_format.md alone.

Usage: make_golden_store.py [OUT_DIR]

Needs numpy and xxhash. v1.json holds the passage, v1.CODEC.record the record in that codec;
v2.json and v2.CODEC.record are the same passage with projections. The
files are fixtures: every later version of the library must read them. Never change them.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import numpy as np
import xxhash

CODECS = {"fp32": 0, "fp16": 1, "int8": 2}
SPECIAL_TOKENS = 1
PROJECTION_HASH = 0x0123456789ABCDEF


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def pack_spans(spans: list[tuple[int, int]]) -> bytes:
    out = bytearray()
    previous_end = 0
    for begin, end in spans:
        gap, length = begin - previous_end, end - begin
        gap_bits = gap if gap in (0, 1, 2) else 3
        length_bits = length if length < 63 else 63
        out.append(gap_bits << 6 | length_bits)
        if gap_bits == 3:
            out += varint(gap * 2 if gap >= 0 else -gap * 2 - 1)
        if length_bits == 63:
            out += varint(length - 63)
        previous_end = end
    return bytes(out)


def pack_vectors(values: np.ndarray, codec: str) -> tuple[bytes, bytes]:
    if codec == "fp32":
        return values.astype("<f4").tobytes(), b""
    if codec == "fp16":
        clipped = np.clip(values, np.float32(-65504), np.float32(65504))
        return clipped.astype("<f2").tobytes(), b""
    scales = (np.abs(values).max(axis=1) / np.float32(127)).astype("<f4")
    safe = np.where(scales > 0, scales, np.float32(1))
    quantised = np.clip(np.rint(values / safe[:, None]), -127, 127).astype(np.int8)
    return quantised.tobytes(), scales.tobytes()


def pad(record: bytearray, multiple: int) -> None:
    record += bytes(-len(record) % multiple)


def add_matrix(record: bytearray, values: np.ndarray, codec: str) -> None:
    vectors, scales = pack_vectors(values, codec)
    pad(record, 64)
    record += vectors
    pad(record, 4)
    record += scales


def pack_record(
    passage: dict, values: np.ndarray, codec: str, projections: np.ndarray | None = None
) -> bytes:
    name = bytes.fromhex(passage["id_hex"])
    text = passage["text"].encode()
    spans = pack_spans(passage["spans"])
    body = bytearray(name + text)
    for first, count in passage["windows"]:
        body += struct.pack("<II", first, count)
    body += spans
    record = bytearray(64) + body
    add_matrix(record, values, codec)
    if projections is not None:
        add_matrix(record, projections, codec)
        struct.pack_into("<Q", record, 56, PROJECTION_HASH)
    pad(record, 8)
    struct.pack_into(
        "<4sHBBQQIIIIIIH",
        record,
        0,
        b"DFPR",
        1 if projections is None else 2,
        CODECS[codec],
        0,
        len(record) + 8,
        xxhash.xxh3_64_intdigest(text),
        len(text),
        len(passage["spans"]),
        len(passage["windows"]),
        SPECIAL_TOKENS,
        values.shape[1],
        len(spans),
        len(name),
    )
    return bytes(record) + struct.pack("<Q", xxhash.xxh3_64_intdigest(bytes(record)))


def make_passage() -> tuple[dict, np.ndarray]:
    long_word = "A" + "b" * 299
    text = f"Caf\u00e9 \u2014 na\u00efve,   10\u2079 \U0001f600\t{long_word}  end."
    data = text.encode()

    def span(piece: str, start: int = 0) -> tuple[int, int]:
        begin = data.index(piece.encode(), start)
        return begin, begin + len(piece.encode())

    nine = span("\u2079")
    spans = [
        span("Caf"),
        span("\u00e9"),
        span("\u2014"),
        span("na\u00efve"),
        span(","),
        span("10"),  # three blanks before it: a long gap
        nine,
        nine,  # two tokens of one character: a negative gap
        (nine[1], nine[1]),  # an empty range
        span("\U0001f600"),
        span(long_word),  # a long length
        span("end"),
        span("."),
    ]
    windows = [(0, 8), (5, 8)]
    rows = sum(count for _, count in windows) + SPECIAL_TOKENS * len(windows)
    rng = np.random.default_rng(20200705)
    values = rng.standard_normal((rows, 7)).astype(np.float32)
    values[1] *= np.float32(1e5)  # beyond fp16
    values[2] *= np.float32(3e-6)  # subnormal in fp16
    values[3] = 0
    values[4, :4] = [65504, 65519.996, -65520, 1.0009765625]
    values[5, :3] = [1.00048828125, 1.00146484375, -0.0]  # half-way cases of fp16
    passage = {
        "id_hex": ("p\u00e9".encode() + b"\x00\xff").hex(),
        "text": text,
        "spans": spans,
        "windows": windows,
        "hidden_size": values.shape[1],
        "rows": rows,
        "values": [float(value) for value in values.ravel()],
    }
    return passage, values


def main() -> None:
    default = Path(__file__).resolve().parents[2] / "tests" / "golden" / "store"
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    out.mkdir(parents=True, exist_ok=True)
    passage, values = make_passage()
    for codec in CODECS:
        (out / f"v1.{codec}.record").write_bytes(pack_record(passage, values, codec))
    (out / "v1.json").write_text(json.dumps(passage, indent=1) + "\n")
    rng = np.random.default_rng(20260101)
    shape = (3 * values.shape[0], values.shape[1])  # query, key and value of each row
    projections = rng.standard_normal(shape).astype(np.float32)
    for codec in CODECS:
        record = pack_record(passage, values, codec, projections)
        (out / f"v2.{codec}.record").write_bytes(record)
    extended = {"projection_hash": PROJECTION_HASH, "projections": [float(v) for v in projections.ravel()]}
    (out / "v2.json").write_text(json.dumps(extended, indent=1) + "\n")


if __name__ == "__main__":
    main()
