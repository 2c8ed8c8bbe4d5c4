"""SQLite, reading a long list: typed tasks of `all` against a select with json.loads, and the memory that `all` takes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from atleastonce import Task, TaskStore

from .. import raw
from ..pairs import compare
from ..payloads import MAKERS, TASK_LIST
from ..result import Result, summarise
from ..settings import Settings

SELECT = "SELECT id, type, data, saved_at FROM atleastonce_tasks WHERE task_list = ? ORDER BY id"
ROWS = {"small": 1_000_000, "typical": 200_000}
"""As many as fit into a minute, and hold the file in the system's cache, so that no disk is measured."""


class Ours:
    """``for task in store.all(...)``: every one a typed task."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def open(self, folder: Path) -> None:
        self._store = TaskStore(f"sqlite:///{self._file}")

    def prepare(self) -> None:
        pass

    def run(self) -> int:
        number = 0
        for _task in self._store.all(TASK_LIST):
            number += 1
        return number

    def close(self) -> None:
        self._store.close()


class Raw:
    """``for row in connection.execute(SELECT): json.loads(data)``, on the same rows of the same file, in the same order."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def open(self, folder: Path) -> None:
        self._connection = raw.connect(self._file, schema=False)

    def prepare(self) -> None:
        pass

    def run(self) -> int:
        number = 0
        for _id, _type, data, _saved_at in self._connection.execute(SELECT, (TASK_LIST,)):
            json.loads(data)
            number += 1
        return number

    def close(self) -> None:
        self._connection.close()


def results(settings: Settings) -> Iterator[Result]:
    """Two lines per payload: speed and memory."""
    for payload, make in MAKERS.items():
        number = settings.size(ROWS[payload], 6_000)
        with tempfile.TemporaryDirectory(dir=settings.folder) as folder:
            file = Path(folder, "tasks.db")
            fill(file, make, number)
            timing = compare(lambda file=file: Ours(file), lambda file=file: Raw(file), settings, rounds=2, pairs=3)
            yield Result(
                name=f"sqlite-all-{payload}",
                what=f"SQLite typed all of {number:,} / raw select + json.loads, {payload}",
                target=0.75,
                figures={"ours_per_s": timing.first, "raw_per_s": timing.second},
                **summarise(timing.ratios),
            )
            grown = [growth_mib(file) for _ in range(settings.rounds_of(3))]
        if None not in grown:
            yield Result(
                name=f"sqlite-all-rss-{payload}",
                what=f"SQLite all of {number:,}: peak resident memory beyond that after 5,000 tasks, {payload}",
                unit="MiB",
                target=8,
                at_most=True,
                figures={"growth_mib": median(grown)},
                **summarise(grown),
            )


def fill(file: Path, make: Callable[[int], Task], number: int) -> None:
    """A list of that many tasks."""
    with TaskStore(f"sqlite:///{file}") as store:
        store.save_all(make(i) for i in range(number))


def growth_mib(file: Path) -> float | None:
    """What reading the whole list adds to a fresh process, once it has read 5,000 tasks; None where that can't be told."""
    command = [sys.executable, "-m", "benchmarks.read_all", f"sqlite:///{file}"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
