"""SQLite, many threads that save one task at a time, against one raw thread: what committing together gains."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from atleastonce import Task, TaskStore

from .. import raw
from ..pairs import compare
from ..payloads import typical
from ..result import Result, summarise
from ..settings import Settings

TARGETS = {8: 2.0, 64: 2.8}
"""Threads -> ratio."""


class Ours:
    """Every thread calls ``store.save(task)`` for its own tasks, made beforehand, on one store."""

    def __init__(self, threads: int, number: int) -> None:
        self._threads, self._number = threads, number

    def open(self, folder: Path) -> None:
        self._store = TaskStore(f"sqlite:///{folder / 'tasks.db'}")

    def prepare(self) -> None:
        self._shares = [[typical(i) for i in range(self._number // self._threads)] for _ in range(self._threads)]

    def run(self) -> int:
        def save(tasks: list[Task]) -> None:
            for task in tasks:
                self._store.save(task)

        threads = [threading.Thread(target=save, args=(share,)) for share in self._shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(map(len, self._shares))

    def close(self) -> None:
        self._store.close()


class RawThread:
    """``execute(INSERT)`` and ``commit()`` for tuples made beforehand, in one thread that is started for it too."""

    def __init__(self, number: int) -> None:
        self._number = number

    def open(self, folder: Path) -> None:
        raw.connect(folder / "raw.db").close()
        self._file = folder / "raw.db"

    def prepare(self) -> None:
        self._rows = raw.rows(typical(i) for i in range(self._number))

    def run(self) -> int:
        def insert() -> None:
            connection = raw.connect(self._file, schema=False)
            for row in self._rows:
                connection.execute(raw.INSERT, row)
                connection.commit()
            connection.close()

        thread = threading.Thread(target=insert)
        thread.start()
        thread.join()
        return len(self._rows)

    def close(self) -> None:
        pass


def results(settings: Settings) -> Iterator[Result]:
    """A line per number of threads."""
    for threads, target in TARGETS.items():
        number = settings.size(2_048, 128)
        raw_number = settings.size(512, 32)
        timing = compare(
            lambda threads=threads, number=number: Ours(threads, number),
            lambda number=raw_number: RawThread(number),
            settings,
            rounds=4,
            pairs=5,
        )
        yield Result(
            name=f"sqlite-threads-{threads}",
            what=f"SQLite, {threads} threads saving singly / one raw thread, typical",
            target=target,
            figures={"ours_per_s": timing.first, "raw_per_s": timing.second},
            **summarise(timing.ratios),
        )
