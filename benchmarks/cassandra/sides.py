"""The two sides of a pair, as far as all cases share them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from atleastonce import Task

from . import raw
from .keyspace import Keyspace

_numbers = itertools.count()

Make = Callable[[int], Task]


def chosen(make: Callable[..., Task]) -> Make:
    """The same tasks, with ids such as an application chooses, new ones each time."""
    return lambda number: make(number, id=f"order-{next(_numbers):09d}")


class Ours:
    """A store on the tables of the run. `run` is the case's."""

    def __init__(self, keyspace: Keyspace, make: Make, number: int) -> None:
        self.keyspace, self.make, self.number = keyspace, make, number
        self.tasks: list[Task] = []

    def open(self, folder: Path) -> None:
        self.store = self.keyspace.store()

    def prepare(self) -> None:
        self.tasks = [self.make(i) for i in range(self.number)]

    def close(self) -> None:
        self.store.close()


class Raw:
    """The raw driver, on a table of its own in each round, with tuples made beforehand. `run` is the case's."""

    def __init__(self, keyspace: Keyspace, make: Make, number: int) -> None:
        self.keyspace, self.make, self.number = keyspace, make, number
        self.session = keyspace.session
        self.rows: list[Any] = []

    def open(self, folder: Path) -> None:
        self.table = self.keyspace.raw_table()
        self.insert = self.session.prepare(raw.insert(self.table))
        self.delete = self.session.prepare(raw.delete(self.table))

    def prepare(self) -> None:
        self.rows = raw.rows(self.make(i) for i in range(self.number))

    def close(self) -> None:
        pass  # the keyspace is dropped as a whole: a server takes seconds to drop a table
