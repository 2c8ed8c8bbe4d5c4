"""The memory backend: save against the JSON round trip of the same data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from atleastonce import Task, TaskStore

from ..pairs import compare
from ..payloads import MAKERS
from ..result import Result, summarise
from ..settings import Settings


class Ours:
    """``store.save(task)`` for new tasks, made beforehand, into a store that is empty at the start of a section."""

    def __init__(self, make: Callable[[int], Task], number: int) -> None:
        self._make, self._number = make, number

    def open(self, folder: Path) -> None:
        pass

    def prepare(self) -> None:
        self._tasks = [self._make(i) for i in range(self._number)]
        self._store = TaskStore("memory://")

    def run(self) -> int:
        save = self._store.save
        for task in self._tasks:
            save(task)
        return len(self._tasks)

    def close(self) -> None:
        self._store.close()


class RoundTrip:
    """``orjson.loads(orjson.dumps(data))``, for the data of such tasks, read off beforehand."""

    def __init__(self, make: Callable[[int], Task], number: int) -> None:
        self._make, self._number = make, number

    def open(self, folder: Path) -> None:
        pass

    def prepare(self) -> None:
        self._datas = [self._make(i).data for i in range(self._number)]

    def run(self) -> int:
        dumps, loads = orjson.dumps, orjson.loads
        for data in self._datas:
            loads(dumps(data))
        return len(self._datas)

    def close(self) -> None:
        pass


def results(settings: Settings) -> Iterator[Result]:
    """A line per payload. The target is for the typical one: on three fields the round trip takes under a microsecond."""
    number = settings.size(10_000, 200)
    for payload, make in MAKERS.items():
        timing = compare(lambda make=make: Ours(make, number), lambda make=make: RoundTrip(make, number), settings)
        yield Result(
            name=f"memory-save-{payload}",
            what=f"memory save / orjson.loads(orjson.dumps(data)), {payload}",
            target=0.3 if payload == "typical" else None,
            figures={"ours_per_s": timing.first, "round_trips_per_s": timing.second},
            **summarise(timing.ratios),
        )
