"""Many tasks in one call: save_all and complete_all against `execute_concurrent_with_args`, a row each, 128 in flight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cassandra.concurrent import execute_concurrent_with_args

from ..pairs import compare
from ..payloads import MAKERS
from ..result import Result, summarise
from ..settings import Settings
from . import sides

TASKS = 20_000
IN_FLIGHT = 128


class Save(sides.Ours):
    """``store.save_all(tasks)`` for tasks made beforehand."""

    def run(self) -> int:
        return self.store.save_all(self.tasks)


class Insert(sides.Raw):
    """``execute_concurrent_with_args(session, insert, rows)`` for tuples made beforehand."""

    def run(self) -> int:
        return concurrently(self.session, self.insert, self.rows)


class Complete(sides.Ours):
    """``store.complete_all(tasks)`` for tasks saved beforehand."""

    def prepare(self) -> None:
        super().prepare()
        self.store.save_all(self.tasks)

    def run(self) -> int:
        return self.store.complete_all(self.tasks)


class Delete(sides.Raw):
    """``execute_concurrent_with_args(session, delete, keys)`` for rows inserted beforehand."""

    def prepare(self) -> None:
        super().prepare()
        concurrently(self.session, self.insert, self.rows)
        self.rows = [row[:4] for row in self.rows]

    def run(self) -> int:
        return concurrently(self.session, self.delete, self.rows)


def concurrently(session: Any, statement: Any, values: list[Any]) -> int:
    """Execute it for each; how many that were."""
    execute_concurrent_with_args(session, statement, values, concurrency=IN_FLIGHT, raise_on_first_error=True)
    return len(values)


def results(settings: Settings) -> Iterator[Result]:
    """A line per payload, verb and kind of id."""
    keyspace, number = settings.keyspace, settings.size(TASKS, 500)
    for verb, ids, ours, theirs, target in (
        ("save-all", "drawn", Save, Insert, 3.5),
        ("save-all", "chosen", Save, Insert, 2),
        ("complete-all", "drawn", Complete, Delete, 4.5),
    ):
        for payload, maker in MAKERS.items():
            make = maker if ids == "drawn" else sides.chosen(maker)
            timing = compare(
                lambda ours=ours, make=make: ours(keyspace, make, number),
                lambda theirs=theirs, make=make: theirs(keyspace, make, number),
                settings,
                rounds=3,
                pairs=3,
            )
            yield Result(
                name=f"cassandra-{verb}-{ids}-{payload}",
                what=f"{verb.replace('-', '_')} of {number:,}, {ids} ids / execute_concurrent, {IN_FLIGHT} in flight, {payload}",
                target=target,
                figures={"ours_per_s": timing.first, "raw_per_s": timing.second},
                **summarise(timing.ratios),
            )
