"""SQLite, one task at a time: save against insert and commit, complete against delete and commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from atleastonce import Task, TaskStore

from .. import raw
from ..pairs import compare
from ..payloads import MAKERS
from ..result import Result, summarise
from ..settings import Settings

SECTION = 300
"""Operations of a section: some 50 ms where a sync takes 100 µs."""


class Ours:
    """``store.save(task)`` for tasks made beforehand; then, for complete, ``store.complete(task)`` for the same."""

    def __init__(self, make: Callable[[int], Task], number: int, *, complete: bool) -> None:
        self._make, self._number, self._complete = make, number, complete

    def open(self, folder: Path) -> None:
        self._store = TaskStore(f"sqlite:///{folder / 'tasks.db'}")

    def prepare(self) -> None:
        self._tasks = [self._make(i) for i in range(self._number)]
        if self._complete:
            self._store.save_all(self._tasks)

    def run(self) -> int:
        call = self._store.complete if self._complete else self._store.save
        for task in self._tasks:
            call(task)
        return len(self._tasks)

    def close(self) -> None:
        self._store.close()


class Raw:
    """``execute(INSERT)`` and ``commit()`` for tuples made beforehand; or ``execute(DELETE)`` and ``commit()``."""

    def __init__(self, make: Callable[[int], Task], number: int, *, complete: bool) -> None:
        self._make, self._number, self._complete = make, number, complete

    def open(self, folder: Path) -> None:
        self._connection = raw.connect(folder / "raw.db")

    def prepare(self) -> None:
        self._rows: list[tuple[object, ...]] = [*raw.rows(self._make(i) for i in range(self._number))]
        if self._complete:
            with self._connection:
                self._connection.executemany(raw.INSERT, self._rows)
            self._rows = [row[:2] for row in self._rows]

    def run(self) -> int:
        connection = self._connection
        sql = raw.DELETE if self._complete else raw.INSERT
        for row in self._rows:
            connection.execute(sql, row)
            connection.commit()
        return len(self._rows)

    def close(self) -> None:
        self._connection.close()


def results(settings: Settings) -> Iterator[Result]:
    """A line per payload and verb."""
    number = settings.size(SECTION, 20)
    for verb, target in (("save", 0.92), ("complete", 0.92)):
        complete = verb == "complete"
        for payload, make in MAKERS.items():
            timing = compare(
                lambda make=make, complete=complete: Ours(make, number, complete=complete),
                lambda make=make, complete=complete: Raw(make, number, complete=complete),
                settings,
            )
            yield Result(
                name=f"sqlite-{verb}-{payload}",
                what=f"SQLite {verb} / raw {'delete' if complete else 'insert'} + commit, {payload}",
                target=target,
                figures={"ours_per_s": timing.first, "raw_per_s": timing.second},
                **summarise(timing.ratios),
            )
