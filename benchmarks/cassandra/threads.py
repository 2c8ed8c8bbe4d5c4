"""64 threads that save one task at a time, against 64 that call `session.execute`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from ..pairs import compare
from ..payloads import MAKERS
from ..result import Result, summarise
from ..settings import Settings
from . import sides

THREADS = 64
SAVES = 4_096
"""Of all threads together."""


class Ours(sides.Ours):
    """Each thread calls ``store.save(task)`` for its own tasks, made beforehand, on one store."""

    def run(self) -> int:
        return in_threads(self.store.save, self.tasks)


class Raw(sides.Raw):
    """Each thread calls ``session.execute(insert, row)`` for its own tuples, on one session."""

    def run(self) -> int:
        execute, insert = self.session.execute, self.insert
        return in_threads(lambda row: execute(insert, row), self.rows)


def in_threads(call: Callable[[Any], object], items: list[Any]) -> int:
    """Call it for each item, each thread its share; how many."""

    def work(share: list[Any]) -> None:
        for item in share:
            call(item)

    threads = [threading.Thread(target=work, args=(items[i::THREADS],)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(items)


def results(settings: Settings) -> Iterator[Result]:
    """A line per kind of id; a target for drawn ids."""
    keyspace, number = settings.keyspace, settings.size(SAVES, 128)
    for ids, payload, target in (
        ("drawn", "small", 1.5),
        ("drawn", "typical", 1.5),
        ("chosen", "typical", None),
    ):
        make = MAKERS[payload] if ids == "drawn" else sides.chosen(MAKERS[payload])
        timing = compare(
            lambda make=make: Ours(keyspace, make, number),
            lambda make=make: Raw(keyspace, make, number),
            settings,
            rounds=3,
            pairs=4,
        )
        yield Result(
            name=f"cassandra-threads-{THREADS}-{ids}-{payload}",
            what=f"{THREADS} threads saving {ids} ids singly / as many raw threads, {payload}",
            target=target,
            figures={"ours_per_s": timing.first, "raw_per_s": timing.second},
            **summarise(timing.ratios),
        )
