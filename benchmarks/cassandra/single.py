"""One blocking save at a time, of a drawn id and of one that the application chose, against `session.execute`."""

from __future__ import annotations

from collections.abc import Iterator

from ..pairs import compare
from ..payloads import MAKERS
from ..result import Result, summarise
from ..settings import Settings
from . import sides

SECTION = 300
"""Operations of a section: half a second or less."""


class Ours(sides.Ours):
    """``store.save(task)`` for tasks made beforehand."""

    def run(self) -> int:
        save = self.store.save
        for task in self.tasks:
            save(task)
        return len(self.tasks)


class Raw(sides.Raw):
    """``session.execute(insert, row)`` for tuples made beforehand."""

    def run(self) -> int:
        execute, insert = self.session.execute, self.insert
        for row in self.rows:
            execute(insert, row)
        return len(self.rows)


def results(settings: Settings) -> Iterator[Result]:
    """A line per payload and kind of id."""
    keyspace, number = settings.keyspace, settings.size(SECTION, 20)
    for ids, target in (("drawn", 0.85), ("chosen", 0.45)):
        for payload, maker in MAKERS.items():
            make = maker if ids == "drawn" else sides.chosen(maker)
            timing = compare(
                lambda make=make: Ours(keyspace, make, number),
                lambda make=make: Raw(keyspace, make, number),
                settings,
                rounds=4,
                pairs=12,
            )
            yield Result(
                name=f"cassandra-save-{ids}-{payload}",
                what=f"save of a {ids} id / session.execute of a prepared insert, {payload}",
                target=target,
                figures={"ours_per_s": timing.first, "raw_per_s": timing.second},
                **summarise(timing.ratios),
            )
