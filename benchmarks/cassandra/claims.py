"""Claims: 5,000 tasks claimed by one and by eight, against a lightweight transaction a task."""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cassandra import ConsistencyLevel

from atleastonce.urls import parse_url
from atleastonce_cassandra import CassandraStore

from ..pairs import compare
from ..payloads import small
from ..result import Result, summarise
from ..settings import Settings
from . import raw
from .keyspace import TIMEOUT_S, Keyspace

TASKS = 5_000
CLAIMERS = 8
PAGE = 100
"""Tasks of one call of each of the eight; the one takes all in one call."""

LEASE_S = 300

_numbers = itertools.count()


class Ours:
    """``claim`` on stores of their own, each in a thread, until all are claimed; another list each time."""

    def __init__(self, keyspace: Keyspace, claimers: int, page: int, number: int) -> None:
        self.keyspace, self.page, self.number = keyspace, page, number
        url = parse_url(keyspace.server.url(keyspace.name, timeout=TIMEOUT_S))
        self.stores = [CassandraStore.from_url(url) for _ in range(claimers)]

    def open(self, folder: Path) -> None:
        self.tasks = self.keyspace.store()
        for store in self.stores:
            store.claim("none", lease=1, limit=1)

    def prepare(self) -> None:
        self.list = f"claims-{next(_numbers)}"
        self.tasks.save_all(small(i, task_list=self.list) for i in range(self.number))

    def run(self) -> int:
        self.claimed: list[int] = []
        in_threads(self._claim, self.stores)
        if sum(self.claimed) != self.number:
            raise AssertionError(f"{sum(self.claimed)} of {self.number} were claimed")
        return self.number

    def _claim(self, store: CassandraStore) -> int:
        cursor = None
        while sum(self.claimed) < self.number:
            page = store.claim(self.list, lease=LEASE_S * 1_000_000, limit=self.page, cursor=cursor)
            self.claimed.append(len(page.records))
            cursor = page.cursor
        return 0

    def close(self) -> None:
        self.tasks.close()
        for store in self.stores:
            store.close()


class Raw:
    """``UPDATE … IF claim = null`` for each task, one after the other, as somebody would who knows all keys already: nothing is read, no task is asked
    for twice. Each lane has tasks of its own; as many lanes as there are partitions, or claimers, which is the fastest: two
    transactions in one partition hinder each other.
    """

    def __init__(self, keyspace: Keyspace, claimers: int, number: int) -> None:
        self.keyspace, self.claimers, self.number = keyspace, claimers, number
        self.session = keyspace.session

    def open(self, folder: Path) -> None:
        self.table = f"{self.keyspace.name}.raw_claims_{folder.parent.name.replace('-', '_')}".lower()
        self.session.execute(
            f"CREATE TABLE {self.table} (task_list text, slot int, origin bigint, id text, claim text, until bigint, "
            "PRIMARY KEY ((task_list, slot, origin), id))"
        )
        self.update = self.session.prepare(
            f"UPDATE {self.table} SET claim = ?, until = ? WHERE task_list = ? AND slot = ? AND origin = ? AND id = ? IF claim = null"
        )
        self.update.serial_consistency_level = ConsistencyLevel.SERIAL

    def prepare(self) -> None:
        keys = [raw.key(small(i)) for i in range(self.number)]
        if self.claimers > 1:
            share = -(-self.number // self.claimers)
            self.lanes = [keys[start : start + share] for start in range(0, self.number, share)]
            return
        by_place: dict[Any, list[raw.Key]] = defaultdict(list)
        for key in keys:
            by_place[key[:3]].append(key)
        self.lanes = list(by_place.values())

    def run(self) -> int:
        return sum(in_threads(self._claim, self.lanes))

    def _claim(self, keys: list[raw.Key]) -> int:
        execute, update = self.session.execute, self.update
        return sum(execute(update, ("0123456789abcdef0123456789abcdef", 1, *key)).one()[0] for key in keys)

    def close(self) -> None:
        pass  # the keyspace is dropped as a whole


def in_threads(call: Callable[[Any], int], items: list[Any]) -> list[int]:
    """What it gives for each item, all at once."""
    results: list[int] = []
    threads = [threading.Thread(target=lambda item=item: results.append(call(item))) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def results(settings: Settings) -> Iterator[Result]:
    """Two lines."""
    keyspace, number = settings.keyspace, settings.size(TASKS, 300)
    for claimers, page, what, target in (
        (1, number, "one claim", 4),
        (CLAIMERS, PAGE, f"{CLAIMERS} claimers at once, pages of {PAGE}", 2),
    ):
        timing = compare(
            lambda claimers=claimers, page=page: Ours(keyspace, claimers, page, number),
            lambda claimers=claimers: Raw(keyspace, claimers, number),
            settings,
            rounds=2,
            pairs=3,
        )
        yield Result(
            name=f"cassandra-claim-{claimers}",
            what=f"{what}, {number:,} tasks / one lightweight transaction a task at the same concurrency",
            target=target,
            figures={"ours_per_s": timing.first, "raw_per_s": timing.second},
            **summarise(timing.ratios),
        )
