#!/usr/bin/env python3
"""Prints the table of scripts/ablation in Markdown; with --plot draws F1 against time (needs matplotlib).

    scripts/ablation_table.py WORK_DIR/ablation --plot docs/images/ablation.svg

What has not been run yet is left out. Times are those of `deformer bench`: full and warm in turn,
passages in a store in memory, median of single questions and of batches.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

LOSSES = {"task": "none", "kd": "KD", "kd-lrs": "KD + LRS"}
NAMES = {"teacher": "(teacher)", **LOSSES}


class Times(NamedTuple):
    """Of one question, in milliseconds; FLOPs in units of 10^9."""

    gflops: float
    single: float
    batch: float


class Reader(NamedTuple):
    split_layer: int
    losses: str
    exact: float
    f1: float


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def column_times(bench: Any, mode: str) -> Times:
    column = next(c for c in bench["columns"] if c["mode"] == mode)
    return Times(column["flops"] / 1e9, 1e3 * column["latency"]["p50"],
                 1e3 / column["questions_per_second"])


def read_reader(path: Path, split_layer: str, losses: str) -> Reader:
    scores = load(path)
    return Reader(int(split_layer), losses, scores["exact"], scores["f1"])


def read_folder(folder: Path) -> tuple[list[Reader], dict[int, Times], dict[str, str]]:
    """Readers, times by split layer (0: the ordinary model, from the first measurement), the machine."""
    readers, times, machine = [], {}, {}
    for path in folder.glob("teacher.scores.json"):
        readers.append(read_reader(path, "0", "teacher"))
    for losses in LOSSES:
        for path in sorted(folder.glob(f"split-*-{losses}.scores.json")):
            readers.append(read_reader(path, path.name.split("-")[1], losses))
    for path in sorted(folder.glob("both-*.scores.json")):
        _, first, second, schedule, _, split_layer, *_ = re.split("[-.]", path.name)
        readers.append(read_reader(path, split_layer, f"KD + LRS, splits {first} and {second} on one set of weights "
                                                      f"({schedule})"))
    for path in sorted(folder.glob("split-*.bench.json")):
        bench = load(path)
        times.setdefault(0, column_times(bench, "full"))
        times[bench["model"]["split_layer"]] = column_times(bench, "warm")
        machine = bench["machine"]
    readers.sort(key=lambda r: r.split_layer)  # of one split layer: as they were read
    return readers, times, machine


def table(readers: list[Reader], times: dict[int, Times]) -> str:
    lines = ["| split layer | auxiliary losses | exact match | F1 | GFLOP per question | ms, one question | ms, in batches |",
             "|---|---|---|---|---|---|---|"]
    for reader in readers:
        spent = times.get(reader.split_layer)
        cells = (f"{spent.gflops:.2f} | {spent.single:.1f} | {spent.batch:.1f}" if spent else " | | ")
        name = NAMES.get(reader.losses, reader.losses)
        lines.append(f"| {reader.split_layer} | {name} | {reader.exact:.2f} | {reader.f1:.2f} | {cells} |")
    return "\n".join(lines)


def plot(readers: list[Reader], times: dict[int, Times], target: Path) -> None:
    import matplotlib
    matplotlib.use("svg" if target.suffix == ".svg" else "agg")
    import matplotlib.pyplot as plt
    # The same readers make the same file, and text stays text.
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "ablation"}

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for losses, label in [("teacher", "teacher"), *LOSSES.items()]:
        points = sorted((times[r.split_layer].batch, r.f1, r.split_layer) for r in readers
                        if r.losses == losses and r.split_layer in times)
        if not points:
            continue
        axes.plot([p[0] for p in points], [p[1] for p in points], marker="o",
                  label=label if losses == "teacher" else f"auxiliary losses: {label}")
        if losses in ("teacher", "kd-lrs"):
            for x, y, split_layer in points:
                axes.annotate(f"split {split_layer}", (x, y), textcoords="offset points", xytext=(4, 6))
    axes.set_xlabel("ms per question, in batches, passages in the store")
    axes.set_ylabel("F1, SQuAD 1.1 dev")
    axes.margins(0.12)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(target, metadata={"Date": None} if target.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--plot", type=Path, metavar="FILE", help=".svg or .png")
    options = parser.parse_args()
    if not options.folder.is_dir():
        parser.error(f"{options.folder}: not a directory")
    readers, times, machine = read_folder(options.folder)
    if not readers:
        parser.error(f"{options.folder}: no scores in it yet")
    print(table(readers, times))
    if machine:
        print(f"\n{machine['cpu']}, {machine['logical_cpus']} logical CPUs, LibTorch {machine['libtorch']}")
    if options.plot:
        plot(readers, times, options.plot)


if __name__ == "__main__":
    main()
