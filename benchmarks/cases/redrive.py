"""SQLite, redrive of a long list here: each task claimed, begun, executed and completed, against deletes in batches."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from atleastonce import TaskStore, redrive

from .. import raw
from ..pairs import compare
from ..payloads import TASK_LIST, small
from ..result import Result, summarise
from ..settings import Settings

TASKS = 100_000
BATCH_ROWS = 100
"""Of the raw side's commits: as many as redrive claims at once."""


class Ours:
    """``redrive(task_list)`` of tasks that do nothing."""

    def __init__(self, number: int) -> None:
        self._number = number

    def open(self, folder: Path) -> None:
        self._store = TaskStore(f"sqlite:///{folder}/tasks.db")

    def prepare(self) -> None:
        self._store.save_all(small(i) for i in range(self._number))

    def run(self) -> int:
        report = redrive(TASK_LIST, store=self._store)
        assert (report.completed, report.left) == (self._number, 0)
        return report.completed

    def close(self) -> None:
        self._store.close()


class Raw:
    """``executemany(DELETE)`` of the same rows, ``commit()`` per batch; keys read off beforehand."""

    def __init__(self, number: int) -> None:
        self._number = number

    def open(self, folder: Path) -> None:
        self._connection = raw.connect(folder / "raw.db")

    def prepare(self) -> None:
        rows = raw.rows(small(i) for i in range(self._number))
        self._connection.executemany(raw.INSERT, rows)
        self._connection.commit()
        self._keys = [row[:2] for row in rows]

    def run(self) -> int:
        for start in range(0, self._number, BATCH_ROWS):
            self._connection.executemany(raw.DELETE, self._keys[start : start + BATCH_ROWS])
            self._connection.commit()
        return self._number

    def close(self) -> None:
        self._connection.close()


def results(settings: Settings) -> Iterator[Result]:
    """A line for the speed, one for the memory."""
    number = settings.size(TASKS, 1_000)
    timing = compare(lambda: Ours(number), lambda: Raw(number), settings, rounds=1, pairs=4)
    yield Result(
        name="redrive-claimed",
        what=f"SQLite redrive of {number:,} tasks here / deletes of the same rows in batches of {BATCH_ROWS}",
        target=0.1,
        figures={"ours_per_s": timing.first, "raw_per_s": timing.second},
        **summarise(timing.ratios),
    )
    grown = [growth_mib(settings, number) for _ in range(settings.rounds_of(2))]
    if None not in grown:
        yield Result(
            name="redrive-claimed-rss",
            what=f"SQLite redrive of {number:,}: peak resident memory beyond that after a redrive of 5,000 tasks",
            unit="MiB",
            target=20,
            at_most=True,
            figures={"growth_mib": median(grown)},
            **summarise(grown),
        )


def growth_mib(settings: Settings, number: int) -> float | None:
    """What redriving the whole list adds to a fresh process, once it has redriven 5,000 tasks; None where that can't be told."""
    with tempfile.TemporaryDirectory(dir=settings.folder) as folder:
        url = f"sqlite:///{folder}/tasks.db"
        with TaskStore(url) as store:
            store.save_all(small(i) for i in range(number))
        command = [sys.executable, "-m", "benchmarks.redrive_all", url]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
