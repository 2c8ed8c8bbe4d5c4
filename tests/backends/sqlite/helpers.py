"""What the tests of the SQLite backend share."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from atleastonce.record import TaskRecord


def record(id="1", **fields) -> TaskRecord:
    """A record that is right unless told otherwise."""
    return TaskRecord(**{"task_list": "list", "id": id, "type": "T", "data": b"{}", **fields})


def ids(store, task_list="list") -> list[str]:
    """The ids of a list, in the order of `all`."""
    return [it.id for it in store.all(task_list)]


@contextmanager
def raw(path: Path | str) -> Iterator[sqlite3.Connection]:
    """A connection as anybody may open one, which commits each statement."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)) as connection:
        yield connection


@contextmanager
def locked(path: Path | str) -> Iterator[sqlite3.Connection]:
    """The file, while another connection is about to write."""
    with raw(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def wait_until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    """Poll with a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.001)


def environment() -> dict[str, str]:
    """For a subprocess that imports what this process can."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def open_files() -> int:
    """How many this process has open; on Linux."""
    return len(list(Path("/proc/self/fd").iterdir()))
