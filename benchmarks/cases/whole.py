"""Whole runs on SQLite, without a target: dispatch of 10,000 tasks that do nothing, and redrive."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from atleastonce import TaskStore, dispatch, redrive

from ..payloads import TASK_LIST, typical
from ..result import Result, summarise
from ..settings import Settings

TASKS = 10_000


def results(settings: Settings) -> Iterator[Result]:
    """A line per way, in tasks a second."""
    number = settings.size(TASKS, 200)
    for name, what, once in (
        ("dispatch-callable", "dispatch to a callable: make, save, hand over the hash", _to_callable),
        ("dispatch-threads", "dispatch to 4 threads: make, save, execute, complete", _to_threads),
        ("redrive", "redrive in this process: read, execute, complete one by one", _redrive),
    ):
        rates = [_rate(settings, once, number) for _ in range(settings.rounds_of(3))]
        yield Result(name=name, what=f"{what}, {number:,} typical", unit="tasks/s", **summarise(rates))


def _rate(settings: Settings, once: Callable[[TaskStore, int], float], number: int) -> float:
    with (
        tempfile.TemporaryDirectory(dir=settings.folder) as folder,
        TaskStore(f"sqlite:///{Path(folder) / 'tasks.db'}") as store,
    ):
        return number / once(store, number)


def _to_callable(store: TaskStore, number: int) -> float:
    start = time.perf_counter()
    report = dispatch((typical(i) for i in range(number)), lambda task_hash: None, store=store)
    seconds = time.perf_counter() - start
    assert report.handed == number
    return seconds


def _to_threads(store: TaskStore, number: int) -> float:
    with ThreadPoolExecutor(4) as pool:
        start = time.perf_counter()
        report = dispatch((typical(i) for i in range(number)), pool, store=store)
        seconds = time.perf_counter() - start
    assert report.completed == number
    return seconds


def _redrive(store: TaskStore, number: int) -> float:
    store.save_all(typical(i) for i in range(number))
    start = time.perf_counter()
    report = redrive(TASK_LIST, store=store)
    seconds = time.perf_counter() - start
    assert report.completed == number
    return seconds
