"""Does `all` stay fast? A million completions in one list with a few tasks left open, before the sweep and after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from atleastonce import Task, TaskStore
from atleastonce.ids import IDS_PER_TOKEN, SLOT_MS, IdSource
from atleastonce.testing import TestClock

from ..payloads import small
from ..result import Result, summarise
from ..settings import Settings

COMPLETED = 1_000_000
OPEN = 100
SLOT = timedelta(milliseconds=SLOT_MS)
BATCH = 10 * IDS_PER_TOKEN
TIMES = 9
"""How often `all` is read for a median."""


def results(settings: Settings) -> Iterator[Result]:
    """Lines for drawn ids before and after the sweep, and one for chosen ids."""
    number = settings.scaled(COMPLETED, 5_000)
    yield from _drawn(settings, number)
    yield _chosen(settings, number)


def _drawn(settings: Settings, number: int) -> Iterator[Result]:
    """Ids of as many slots as there are segments: by a clock that makes a whole slot pass for each."""
    segments = number // IDS_PER_TOKEN
    start = datetime.now(UTC) - SLOT * (segments + 20)
    clock = TestClock(start)
    ids = IdSource(clock)
    with settings.keyspace.store(clock=clock) as store:

        def tasks(task_list: str) -> Iterator[Task]:
            for i in range(IDS_PER_TOKEN):
                yield small(i, task_list=task_list, id=ids.new(task_list))

        began = time.perf_counter()
        kept = 0
        for segment in range(segments):
            batch = list(tasks("flat"))
            store.save_all(batch)
            keep = (segment + 1) * OPEN // segments - kept  # so that 100 are spread over all segments
            kept += keep
            store.complete_all(batch[keep:])
            clock.advance(SLOT)
        rate = 2 * number / (time.perf_counter() - began)
        for _ in range(OPEN):  # a fresh list with as many tasks open, one in each segment
            store.save(small(0, task_list="fresh", id=IdSource(clock).new("fresh")))
            clock.advance(SLOT)

        now = clock()
        clock.set(start)  # by that, no slot is over: nothing is swept
        before = [_all(store, "flat", OPEN) for _ in range(settings.size(TIMES, 2))]
        yield _seconds(
            "cassandra-flat-unswept",
            f"all of {OPEN} open among {number:,} completed, in {segments:,} segments, before the sweep",
            before,
            1.0,
            note=f"written and completed at {rate:,.0f} rows a second",
        )
        clock.set(now)
        clock.advance(timedelta(hours=2))
        sweeping = _all(store, "flat", OPEN)
        again = _all(store, "flat", OPEN)  # does what a limited first sweep left
        after, fresh = [], []
        for _ in range(settings.size(TIMES, 2)):
            after.append(_all(store, "flat", OPEN))
            fresh.append(_all(store, "fresh", OPEN))
        yield _seconds(
            "cassandra-flat-swept",
            "the same, once swept",
            after,
            0.25,
            note=f"the all that swept took {sweeping:.2f} s, the next one {again:.2f} s",
        )
        yield Result(
            name="cassandra-flat-fresh",
            what=f"the same, once swept / all of a fresh list of {OPEN} tasks in {OPEN} segments",
            target=6,
            at_most=True,
            figures={"fresh_s": sorted(fresh)[len(fresh) // 2]},
            **summarise([one / other for one, other in zip(after, fresh, strict=True)]),
        )


def _chosen(settings: Settings, number: int) -> Result:
    """Ids that the application chose lie in shards, which no sweep shortens."""
    with settings.keyspace.store() as store:
        for start in range(0, number, BATCH):
            batch = [
                small(i, task_list="chosen", id=f"order-{start + i:09d}") for i in range(min(BATCH, number - start))
            ]
            store.save_all(batch)
            left = OPEN * (start + len(batch)) // number - OPEN * start // number
            store.complete_all(batch[left:])
        times = [_all(store, "chosen", OPEN) for _ in range(settings.size(TIMES, 2))]
    return _seconds(
        "cassandra-flat-chosen",
        f"all of {OPEN} open among {number:,} completed, ids chosen by the application",
        times,
        1.0,
    )


def _all(store: TaskStore, task_list: str, expected: int) -> float:
    """Seconds of one `all`."""
    return timed(lambda: list(store.all(task_list)), expected)


def timed(read: Callable[[], list[object]], expected: int) -> float:
    """Seconds of one reading that must give so many."""
    start = time.perf_counter()
    found = len(read())
    seconds = time.perf_counter() - start
    assert found == expected, f"{found} found, {expected} expected"
    return seconds


def _seconds(name: str, what: str, times: list[float], target: float, *, note: str = "") -> Result:
    return Result(name=name, what=what, unit="s", target=target, at_most=True, note=note, **summarise(times))
