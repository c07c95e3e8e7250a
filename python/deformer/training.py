"""Training readers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from ._native import Dataset, TrainingOptions, TrainingProgress, TrainingResult, TrainingScore, run_training
from .progress import progress_bar

Path = str | os.PathLike[str]


def train(
    base: Path,
    data: Dataset | Sequence[Dataset],
    output: Path,
    *,
    validation: Dataset | Sequence[Dataset] = (),
    teacher: Path | None = None,
    options: TrainingOptions | None = None,
    on_step: Callable[[TrainingProgress], object] | None = None,
    on_score: Callable[[TrainingScore], object] | None = None,
    progress: bool = False,
    **changes: Any,
) -> TrainingResult:
    """Trains a reader and writes it into the directory `output`.

    base: a model directory, with or without a head. data: examples with what is right, of load_dataset(). validation: what
    the best reader is chosen by, in place of `held_out_questions`; examples of data on its texts are left out. teacher: a
    reader to distil from, needed when `loss_weights` has kd or lrs. options: docs/training.md; `changes` are options by
    name, e.g. `split_layers=[3], epochs=2.0, held_out_questions=500`, and leave `options` as they are. on_step is called
    after each step, on_score after each evaluation. progress: a bar on the terminal (tqdm).

    Ctrl-C, or an exception of a callback, ends the training after the step under way: a checkpoint is written, then it
    is raised. `resume=True` goes on from there. Several processes with
    `RANK`, `WORLD_SIZE`, `MASTER_ADDR` and `MASTER_PORT` set (torchrun) train one model together.
    """
    chosen = _changed(options, changes)
    with ExitStack() as stack:
        step = on_step
        if progress:
            show = stack.enter_context(progress_bar("steps", "training"))

            def step(report: TrainingProgress) -> None:
                show(report.step, report.steps)
                if on_step is not None:
                    on_step(report)

        return run_training(base, teacher, output, _datasets(data), _datasets(validation), chosen, step, on_score)


def _datasets(data: Dataset | Sequence[Dataset]) -> list[Dataset]:
    return [data] if isinstance(data, Dataset) else list(data)


def _changed(options: TrainingOptions | None, changes: Mapping[str, Any]) -> TrainingOptions:
    """A copy with the changes. Raises TypeError for a name that is no option."""
    known = [name for name, value in vars(TrainingOptions).items() if isinstance(value, property)]
    for name in changes:
        if name not in known:
            raise TypeError(f"train() got an unexpected option {name!r}; TrainingOptions has them all")
    chosen = TrainingOptions() if options is None else TrainingOptions(options)
    for name, value in changes.items():
        setattr(chosen, name, value)
    return chosen
