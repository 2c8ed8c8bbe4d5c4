"""Reading a list: typed tasks of `all` against a paged select of one partition, with json.loads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ..pairs import compare
from ..payloads import MAKERS, TASK_LIST
from ..result import Result, summarise
from ..settings import Settings
from . import sides
from .batch import concurrently

TASKS = 20_000


class Ours(sides.Ours):
    """``for task in store.all(...)``: every one a typed task."""

    def open(self, folder: Path) -> None:
        super().open(folder)
        self.name = f"{TASK_LIST}-{folder.parent.name}"  # a list of this round alone
        self.store.save_all(self.make(i, task_list=self.name) for i in range(self.number))

    def prepare(self) -> None:
        pass

    def run(self) -> int:
        number = 0
        for _task in self.store.all(self.name):
            number += 1
        return number


class Raw(sides.Raw):
    """``for row in session.execute(select): json.loads(data)``, all in one partition, in pages as large as the driver likes."""

    def open(self, folder: Path) -> None:
        super().open(folder)
        super().prepare()
        concurrently(self.session, self.insert, [(row[0], 0, 0, *row[3:]) for row in self.rows])
        self.rows = []
        self.select = self.session.prepare(
            f"SELECT id, task, writetime(task) FROM {self.table} WHERE task_list = ? AND slot = 0 AND origin = 0"
        )

    def prepare(self) -> None:
        pass

    def run(self) -> int:
        number = 0
        for _id, (_type, data, _meta), _version in self.session.execute(self.select, (TASK_LIST,)):
            json.loads(data)
            number += 1
        return number


def results(settings: Settings) -> Iterator[Result]:
    """A line per payload."""
    keyspace, number = settings.keyspace, settings.size(TASKS, 1_500)
    for payload, make in MAKERS.items():
        timing = compare(
            lambda make=make: Ours(keyspace, make, number),
            lambda make=make: Raw(keyspace, make, number),
            settings,
            rounds=2,
            pairs=8,
        )
        yield Result(
            name=f"cassandra-all-{payload}",
            what=f"typed all of {number:,} / raw paged select + json.loads, {payload}",
            target=0.65,
            figures={"ours_per_s": timing.first, "raw_per_s": timing.second},
            **summarise(timing.ratios),
        )
