"""Does the number of lists matter? `task_lists`, and `all` of one list among thousands beside one that is alone."""

from __future__ import annotations

from collections.abc import Iterator

from ..payloads import small
from ..result import Result, summarise
from ..settings import Settings
from .flat import TIMES, timed

LISTS = 10_000
TASKS = 10
"""In each list."""


def results(settings: Settings) -> Iterator[Result]:
    """Two lines."""
    number = settings.scaled(LISTS, 50)
    times = settings.size(5 * TIMES, 2)
    with settings.keyspace.store("many") as many, settings.keyspace.store("alone") as alone:
        names = [f"list-{i:06d}" for i in range(number)]
        many.save_all(small(i, task_list=name) for name in names for i in range(TASKS))
        alone.save_all(small(i, task_list="list") for i in range(TASKS))
        yield Result(
            name="cassandra-task-lists",
            what=f"task_lists of {number:,} lists",
            unit="s",
            at_most=True,
            **summarise([timed(lambda: list(many.task_lists()), number) for _ in range(settings.size(TIMES, 2))]),
        )
        ratios = []
        for i in range(times):
            one = timed(lambda name=names[i * number // times]: list(many.all(name)), TASKS)
            ratios.append(one / timed(lambda: list(alone.all("list")), TASKS))
        yield Result(
            name="cassandra-lists",
            what=f"all of one of {number:,} lists, {TASKS} tasks / the same of a list that is alone",
            target=1.5,
            at_most=True,
            **summarise(ratios),
        )
