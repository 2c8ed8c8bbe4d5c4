"""SQLite, many tasks at once: save_all against executemany, both in transactions of 10,000."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from atleastonce import Task, TaskStore

from .. import raw
from ..pairs import compare
from ..payloads import MAKERS
from ..result import Result, summarise
from ..settings import Settings

TRANSACTION = 10_000
"""Rows of one transaction; what `save_all` makes of it by itself."""


class Ours:
    """``store.save_all(tasks)`` for a list of tasks made beforehand."""

    def __init__(self, make: Callable[[int], Task], number: int) -> None:
        self._make, self._number = make, number

    def open(self, folder: Path) -> None:
        self._store = TaskStore(f"sqlite:///{folder / 'tasks.db'}")

    def prepare(self) -> None:
        self._tasks = [self._make(i) for i in range(self._number)]

    def run(self) -> int:
        return self._store.save_all(self._tasks)

    def close(self) -> None:
        self._store.close()


class Raw:
    """``executemany(INSERT)`` and ``commit()``, for every 10,000 tuples made beforehand."""

    def __init__(self, make: Callable[[int], Task], number: int) -> None:
        self._make, self._number = make, number

    def open(self, folder: Path) -> None:
        self._connection = raw.connect(folder / "raw.db")

    def prepare(self) -> None:
        rows = raw.rows(self._make(i) for i in range(self._number))
        self._transactions = [rows[i : i + TRANSACTION] for i in range(0, len(rows), TRANSACTION)]

    def run(self) -> int:
        for rows in self._transactions:
            self._connection.executemany(raw.INSERT, rows)
            self._connection.commit()
        return self._number

    def close(self) -> None:
        self._connection.close()


def results(settings: Settings) -> Iterator[Result]:
    """A line per payload."""
    number = settings.size(2 * TRANSACTION, 500)
    for payload, make in MAKERS.items():
        timing = compare(
            lambda make=make: Ours(make, number),
            lambda make=make: Raw(make, number),
            settings,
            pairs=5,
        )
        yield Result(
            name=f"sqlite-save-all-{payload}",
            what=f"SQLite save_all / raw executemany, 10,000 a transaction, {payload}",
            target=0.45,
            figures={"ours_per_s": timing.first, "raw_per_s": timing.second},
            **summarise(timing.ratios),
        )
