"""How far a run is: a bar on a terminal that has rich, plain lines elsewhere."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_EVERY_S = 2.0  # a log is read later: a few lines a minute are enough


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[], None]]:
    """Gives a function to call once for each task done."""
    if sys.stdout.isatty():
        if importlib.util.find_spec("rich") is not None:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - may be missing

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            with Progress(*columns) as bar:
                row = bar.add_task(title, total=total)
                yield lambda: bar.advance(row)
            return
        print("(for a progress bar: python3 -m pip install rich)")
    yield _lines(title, total)


def _lines(title: str, total: int) -> Callable[[], None]:
    done, last = 0, time.monotonic()
    print(f"{title}: 0 of {total:,}", flush=True)

    def step() -> None:
        nonlocal done, last
        done += 1
        if done == total or time.monotonic() - last >= LINE_EVERY_S:
            last = time.monotonic()
            print(f"{title}: {done:,} of {total:,}", flush=True)

    return step
