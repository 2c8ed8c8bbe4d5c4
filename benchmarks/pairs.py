"""Two sides, measured in turns: A B, B A, A B, ... Each pair gives one ratio, so slow drifts of the machine cancel out."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Protocol

import attrs

from .settings import Settings


class Side(Protocol):
    """One of the two. A new object for every round."""

    def open(self, folder: Path) -> None:
        """Begin a round with fresh files in an empty folder. Not timed."""
        ...

    def prepare(self) -> None:
        """Make what the next `run` works on. Not timed."""
        ...

    def run(self) -> int:
        """The timed section; returns how many operations it did."""
        ...

    def close(self) -> None:
        """End the round. Not timed."""
        ...


@attrs.frozen
class Timing:
    """What pairs of sections gave.

    Attributes:
        ratios: operations a second of the first side over those of the second, one per pair.
        first, second: medians of operations a second.
    """

    ratios: list[float]
    first: float
    second: float


def compare(
    first: Callable[[], Side], second: Callable[[], Side], settings: Settings, *, rounds: int = 5, pairs: int = 8
) -> Timing:
    """Measure both sides in interleaved pairs: per round a warm-up of each, then `pairs` sections of each."""
    ratios, rates = [], ([], [])
    for number in range(settings.rounds_of(rounds)):
        with tempfile.TemporaryDirectory(dir=settings.folder) as folder:
            sides = (first(), second())
            for name, side in zip(("first", "second"), sides, strict=True):
                own = Path(folder, name)
                own.mkdir()
                side.open(own)
            _leave_to_itself()
            try:
                for side in sides:
                    _rate(side)  # warm-up
                for pair in range(2 if settings.quick else pairs):
                    order = (0, 1) if (number + pair) % 2 == 0 else (1, 0)
                    rate = {i: _rate(sides[i]) for i in order}
                    ratios.append(rate[0] / rate[1])
                    for i in order:
                        rates[i].append(rate[i])
            finally:
                gc.unfreeze()
                for side in sides:
                    side.close()
    return Timing(ratios, median(rates[0]), median(rates[1]))


def _leave_to_itself() -> None:
    """Take all that exists (modules of other libraries too) out of the sight of the garbage collector, for both sides."""
    gc.collect()
    gc.freeze()


def _rate(side: Side) -> float:
    """Operations a second of one section. Garbage is collected before it; while it runs the collector works as usual."""
    side.prepare()
    gc.collect()
    start = time.perf_counter()
    operations = side.run()
    return operations / (time.perf_counter() - start)
