"""What the tests of the Cassandra backend share."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from atleastonce.record import TaskRecord
from atleastonce.urls import parse_url
from atleastonce_cassandra import CassandraStore
from atleastonce_cassandra.protocol.places import SHARD_SLOT, segment_of
from atleastonce_cassandra.settings import SHARDS

TIMEOUT_S = 60
"""Of a call, on a machine that runs other tests too."""


def record(id="1", task_list="list", **fields) -> TaskRecord:
    """A record that is right unless told otherwise."""
    return TaskRecord(**{"task_list": task_list, "id": id, "type": "T", "data": b"{}", **fields})


def ids(store, task_list="list") -> list[str]:
    """The ids of a list, sorted."""
    return sorted(it.id for it in store.all(task_list))


def opened(url: str, **arguments: Any) -> CassandraStore:
    """A store for that URL."""
    return CassandraStore.from_url(parse_url(url), **arguments)


def where(id: str | bytes) -> tuple[int, int]:
    """The slot and origin at which a task of that id is."""
    stored = id if isinstance(id, bytes) else id.encode()
    return segment_of(stored.decode("utf-8", "surrogateescape"), stored, SHARDS)


def shards(session: Any, keyspace: str, task_list: str) -> set[int]:
    """The shards of a list that the registry has."""
    return {token for slot, token in registered(session, keyspace, task_list) if slot == SHARD_SLOT}


def registered(session: Any, keyspace: str, task_list: str) -> set[tuple[int, int]]:
    """The slots and origins of a list that the registry has."""
    rows = session.execute(f"SELECT slot, origin FROM {keyspace}.tasks_segments WHERE task_list = %s", (task_list,))
    return {(row.slot, row.origin) for row in rows}


def wait_until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Poll with a deadline; what the condition gave."""
    deadline = time.monotonic() + seconds
    while not (given := condition()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)
    return given


def environment() -> dict[str, str]:
    """For a subprocess that imports what this process can."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
