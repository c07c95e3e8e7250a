#!/usr/bin/env python3
"""Draws the logs of training runs: losses, learning rate, speed, and held-out EM and F1 by step.

Development only; needs matplotlib. For example:

    scripts/plot_training.py runs/plain/log.jsonl runs/kd/log.jsonl --output training.png

A log is JSON Lines as `deformer train` writes it. Events `step` and `evaluation` are drawn, others
are passed over. Each log is a curve, named by --label or by the folder that the log lies in; a run
that trains several split layers has a curve for each. Where a run was resumed and repeats steps,
the last record of a step counts. Losses and speed are drawn faintly as they are and boldly as a
running mean.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

# Fields of an event that are read, and whether each must be there.
NUMBERS = {
    "step": {"loss": True, "task": True, "kd": False, "lrs": False, "learning_rate": True,
             "tokens_per_second": True},
    # Spans: exact and f1; classes and choices: accuracy (and f1 for QQP).
    "evaluation": {"exact": False, "f1": False, "accuracy": False},
}
COUNTS = ("step", "split_layer")
ALL_SPLITS = -1  # of a step in which several split layers take part
TYPE_NAMES = {dict: "an object", list: "an array", str: "a string", bool: "a boolean",
              float: "a number", type(None): "null"}


class Panel(NamedTuple):
    """One of the figure's plots: fields of an event, the first as a full line, the next dashed."""

    title: str
    event: str
    fields: tuple[str, ...]
    smooth: bool


PANELS = (
    Panel("loss", "step", ("loss",), True),
    Panel("task loss", "step", ("task",), True),
    Panel("KD loss", "step", ("kd",), True),
    Panel("LRS loss", "step", ("lrs",), True),
    Panel("held-out F1 (full line) and EM (dashed)", "evaluation", ("f1", "exact"), False),
    Panel("held-out accuracy", "evaluation", ("accuracy",), False),
    Panel("learning rate", "step", ("learning_rate",), False),
    Panel("tokens per second", "step", ("tokens_per_second",), True),
)


class Curve(NamedTuple):
    label: str
    # Event, then step, then field.
    events: dict[str, dict[int, dict[str, float]]]

    def points(self, event: str, field: str) -> tuple[list[int], list[float]]:
        found = [(step, record[field]) for step, record in sorted(self.events[event].items())
                 if field in record]
        return [step for step, _ in found], [value for _, value in found]


class LogError(Exception):
    pass


def refuse_constant(name: str) -> NoReturn:
    raise LogError(f"expected finite numbers, found {name}")


def read_number(record: dict[str, Any], field: str) -> float:
    if field not in record:
        raise LogError(f"expected a key {json.dumps(field)}, found none")
    value = record[field]
    if not isinstance(value, float):
        raise LogError(f"{field}: expected a number, found {TYPE_NAMES[type(value)]}")
    if not math.isfinite(value):
        raise LogError(f"{field}: expected a finite number, found {value}")
    return value


def read_count(record: dict[str, Any], field: str) -> int:
    value = read_number(record, field)
    least = ALL_SPLITS if field == "split_layer" else 0
    if value < least or not value.is_integer():
        raise LogError(f"{field}: expected a whole number from {least}, found {value:g}")
    return int(value)


def read_record(line: bytes) -> dict[str, Any] | None:
    """An event's fields that are drawn; nothing where the event is not. Numbers are floats."""
    try:
        record = json.loads(line.decode().rstrip(), parse_int=float,
                            parse_constant=refuse_constant)
    except UnicodeDecodeError:
        raise LogError("expected UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise LogError(f"broken JSON: {error.msg} (column {error.colno})") from None
    if not isinstance(record, dict):
        raise LogError(f"expected an object, found {TYPE_NAMES[type(record)]}")
    event = record.get("event")
    if not isinstance(event, str):
        raise LogError("event: expected a string, found "
                       + (TYPE_NAMES[type(event)] if "event" in record else "none"))
    if event not in NUMBERS:
        return None
    fields = {field: read_count(record, field) for field in COUNTS}
    for field, required in NUMBERS[event].items():
        if required or field in record:
            fields[field] = read_number(record, field)
    return {"event": event} | fields


def read_curves(path: Path, label: str) -> list[Curve]:
    by_split: dict[int, dict[str, dict[int, dict[str, float]]]] = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    record = read_record(line)
                except LogError as error:
                    raise LogError(f"{path}: line {number}: {error}") from None
                if record is None:
                    continue
                events = by_split.setdefault(record["split_layer"], {name: {} for name in NUMBERS})
                events[record["event"]][record["step"]] = record
    except OSError as error:
        raise LogError(f"{path}: {error.strerror}") from None
    if not by_split:
        raise LogError(f"{path}: expected steps or evaluations, found none")
    if len(by_split) == 1:
        return [Curve(label, events) for events in by_split.values()]
    names = {split: "all splits" if split == ALL_SPLITS else f"split {split}" for split in by_split}
    return [Curve(f"{label}, {names[split]}", events) for split, events in sorted(by_split.items())]


def running_mean(values: list[float], width: int) -> list[float]:
    """Mean of the `width` values around each one, as far as there are so many."""
    sums = [0.0, *itertools.accumulate(values)]
    means = []
    for index in range(len(values)):
        begin = max(0, index - (width - 1) // 2)
        end = min(len(values), index + width // 2 + 1)
        means.append((sums[end] - sums[begin]) / (end - begin))
    return means


def draw_panel(axes: Any, panel: Panel, curves: list[Curve], width: int) -> None:
    for number, curve in enumerate(curves):
        for field, style in zip(panel.fields, ("-", "--")):
            steps, values = curve.points(panel.event, field)
            line = {"color": f"C{number}", "linestyle": style,
                    "marker": "." if panel.event == "evaluation" or len(steps) == 1 else None}
            if panel.smooth:
                axes.plot(steps, values, color=line["color"], linewidth=0.6, alpha=0.25)
                values = running_mean(values, width)
            axes.plot(steps, values, linewidth=1.4, **line)
    axes.set_title(panel.title, fontsize="medium")
    axes.set_xlabel("step")
    axes.tick_params(labelbottom=True)
    axes.ticklabel_format(axis="y", scilimits=(-3, 5))
    axes.grid(alpha=0.3)


def draw(curves: list[Curve], width: int, output: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.lines import Line2D

    panels = [panel for panel in PANELS
              if any(curve.points(panel.event, panel.fields[0])[0] for curve in curves)]
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure, grid = pyplot.subplots(rows, columns, figsize=(4.6 * columns, 3.2 * rows + 0.5),
                                   squeeze=False, sharex=True, layout="constrained")
    for axes in grid.flat[len(panels):]:
        axes.remove()
    for axes, panel in zip(grid.flat, panels):
        draw_panel(axes, panel, curves, width)
    handles = [Line2D([], [], color=f"C{number}", label=curve.label)
               for number, curve in enumerate(curves)]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)))
    figure.savefig(output, dpi=150)


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, found {text}")
    return int(text)


def choose_labels(arguments: argparse.Namespace) -> list[str]:
    logs = arguments.logs
    if arguments.label:
        if len(arguments.label) != len(logs):
            raise LogError(f"--label: expected one for each log ({len(logs)}), "
                           f"found {len(arguments.label)}")
        return arguments.label
    folders = [path.resolve().parent.name for path in logs]
    # Logs of one folder, or of folders of one name, go by their paths.
    return [folder if folders.count(folder) == 1 else str(path)
            for folder, path in zip(folders, logs)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", metavar="LOG", type=Path, nargs="+", help="JSON Lines")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help=".png or .svg")
    parser.add_argument("--label", action="append", metavar="TEXT",
                        help="a curve's name, once for each log, in their order")
    parser.add_argument("--smooth", type=positive, default=51, metavar="N",
                        help="records in the running mean (default %(default)s)")
    arguments = parser.parse_args()
    try:
        if arguments.output.suffix not in (".png", ".svg"):
            raise LogError(f"{arguments.output}: expected a name that ends with .png or .svg")
        curves = [curve for path, label in zip(arguments.logs, choose_labels(arguments))
                  for curve in read_curves(path, label)]
        draw(curves, arguments.smooth, arguments.output)
    except LogError as error:
        raise SystemExit(f"plot_training.py: {error}") from None
    except ModuleNotFoundError as error:
        raise SystemExit(f"plot_training.py: needs the Python package {error.name}") from None
    except OSError as error:
        raise SystemExit(f"plot_training.py: {arguments.output}: {error.strerror}") from None


if __name__ == "__main__":
    main()
