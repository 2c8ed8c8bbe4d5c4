"""What memory stores hold, the names under which it is shared, and the lock around it all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable

import attrs

from atleastonce.record import TaskKey, TaskRecord

Row = tuple[int, TaskRecord]
"""A stored task: the version given to it, and the record as it came (frozen, so it need not be copied; making another
with its own version takes as long as the rest of a save). The record's own version means nothing here."""


@attrs.define
class State:
    """What happened to one version of a task since it was saved. Most tasks have none."""

    version: int
    attempts: int = 0
    last_error: str | None = None
    due_at: int | None = None
    token: str | None = None  # of the claim; None: nobody holds it
    until: int = 0  # by the clock of leases
    lease: int = 0
    started: bool = False


class Space:
    """The lists of one store, or of all stores that share a name."""

    def __init__(self) -> None:
        self.lists: dict[str, dict[str, Row]] = {}
        self.states: dict[tuple[str, str], State] = {}  # those of versions that are there no more mean nothing
        self.dead: dict[str, dict[str, TaskRecord]] = {}
        self.newest_version = 0  # given by any store on this space: a key that was deleted may still be completed

    def find(self, task_list: str, id: str) -> tuple[Row | None, State | None]:
        """The stored task, and what happened to it since."""
        row = self.lists.get(task_list, {}).get(id)
        state = self.states.get((task_list, id)) if self.states else None
        return row, state if state is not None and row is not None and state.version == row[0] else None

    def ids(self, task_list: str) -> list[str]:
        """The list's ids, in the order in which they are given."""
        return _sorted(self.lists.get(task_list, ()))

    def dead_ids(self, task_list: str) -> list[str]:
        """Those of its dead letters."""
        return _sorted(self.dead.get(task_list, ()))

    def remove(self, key: TaskKey) -> None:
        """Forget a task, unless a newer version is there than is meant."""
        rows = self.lists.get(key.task_list)
        row = None if rows is None else rows.get(key.id)
        if rows is None or row is None or (key.saved_at is not None and row[0] > key.saved_at):
            return
        del rows[key.id]
        if not rows:
            del self.lists[key.task_list]
        if self.states:
            self.states.pop((key.task_list, key.id), None)

    def discard(self, key: TaskKey) -> None:
        """Forget a dead letter, unless a newer version is there than is meant."""
        rows = self.dead.get(key.task_list)
        there = None if rows is None else rows.get(key.id)
        if rows is None or there is None or (key.saved_at is not None and (there.saved_at or 0) > key.saved_at):
            return
        del rows[key.id]
        if not rows:
            del self.dead[key.task_list]


def stored(row: Row, state: State | None) -> TaskRecord:
    """The record to give for a stored task."""
    version, it = row
    if state is None:
        return TaskRecord(it.task_list, it.id, it.type, it.data, version, 0, None, it.run_at, it.meta)
    return TaskRecord(
        it.task_list,
        it.id,
        it.type,
        it.data,
        version,
        state.attempts,
        state.last_error,
        it.run_at,
        it.meta,
        due_at=state.due_at,
    )


lock = threading.RLock()
"""Guards every space. One for all, so that one fork handler does; reentrant, so that a store used in a destructor or
signal handler, which may interrupt a store in the same thread, does not wait for itself."""


def _sorted(ids: Iterable[str]) -> list[str]:
    with lock:
        found = list(ids)
    found.sort(key=_utf8)
    return found


def _utf8(id: str) -> bytes:
    return id.encode("utf-8", "surrogateescape")


_named: dict[str, Space] = {}


def named_space(name: str) -> Space:
    """The space of that name in this process, made when it is new."""
    with lock:
        return _named.setdefault(name, Space())


if hasattr(os, "register_at_fork"):  # not on Windows
    # A child forked while another thread holds the lock would find it held for ever.
    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
