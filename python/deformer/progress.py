"""Progress bars, where tqdm is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], object]


@contextmanager
def progress_bar(unit: str = "it", description: str | None = None) -> Iterator[Progress]:
    """A tqdm bar as the `progress` argument of encode(), answer() and the others.

        with deformer.progress_bar("passages") as progress:
            encoder.encode(passages, progress=progress)
    """
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("a progress bar needs tqdm: pip install tqdm") from error

    with tqdm(unit=f" {unit}", desc=description) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
