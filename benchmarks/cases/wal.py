"""SQLite, how large the write-ahead log gets while somebody reads `all` slowly and others save."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from atleastonce import TaskStore

from .. import raw
from ..payloads import TASK_LIST, typical
from ..result import Result, summarise
from ..settings import Settings
from .reading import SELECT

SAVERS = 2
THERE = 20_000
"""Tasks in the list before; the reader is still among them when the savers are done."""

Reader = Callable[[Path, threading.Event], None]


def results(settings: Settings) -> Iterator[Result]:
    """One line; the other way to read, one open cursor, is measured too, to show that this can be seen."""
    alone, read, pinned = [], [], []
    for _ in range(settings.rounds_of(3)):
        alone.append(_peak_kib(settings, None))
        read.append(_peak_kib(settings, _all))
        pinned.append(_peak_kib(settings, _cursor))
    yield Result(
        name="sqlite-wal",
        what="SQLite, peak of the WAL while all is read slowly and others save / the same saves without a reader",
        target=2,
        at_most=True,
        figures={"with_reader_kib": median(read), "alone_kib": median(alone), "open_cursor_kib": median(pinned)},
        note=f"one open cursor instead of all: {median(pinned) / median(alone):.1f} x",
        **summarise([with_reader / without for with_reader, without in zip(read, alone, strict=True)]),
    )


def _peak_kib(settings: Settings, reader: Reader | None) -> float:
    """The largest size of the log while two threads save, each task by itself."""
    saves = settings.size(4_000, 200)
    with tempfile.TemporaryDirectory(dir=settings.folder) as folder:
        file = Path(folder, "tasks.db")
        with TaskStore(f"sqlite:///{file}") as store:
            store.save_all(typical(i) for i in range(settings.size(THERE, 1_000)))
        with TaskStore(f"sqlite:///{file}") as store:  # opened anew: the log begins empty
            done = threading.Event()
            others = [threading.Thread(target=reader, args=(file, done))] if reader else []
            savers = [threading.Thread(target=_save, args=(store, saves // SAVERS)) for _ in range(SAVERS)]
            for thread in [*others, *savers]:
                thread.start()
            peak = 0
            log = file.with_name("tasks.db-wal")
            while any(thread.is_alive() for thread in savers):
                peak = max(peak, log.stat().st_size if log.exists() else 0)
                time.sleep(0.002)
            peak = max(peak, log.stat().st_size)  # a log is not cut before it is closed
            done.set()
            for thread in others:
                thread.join()
    return peak / 1024


def _save(store: TaskStore, number: int) -> None:
    for i in range(number):
        store.save(typical(i))


def _all(file: Path, done: threading.Event) -> None:
    """``store.all``, a task a millisecond."""
    with TaskStore(f"sqlite:///{file}") as store:
        for _task in store.all(TASK_LIST):
            if done.wait(0.001):
                return


def _cursor(file: Path, done: threading.Event) -> None:
    """A select on one cursor, a row a millisecond."""
    connection = raw.connect(file, schema=False)
    for _row in connection.execute(SELECT, (TASK_LIST,)):
        if done.wait(0.001):
            break
    connection.close()
