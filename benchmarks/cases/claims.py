"""SQLite, claims: one at a time against raw statements, in pages against one at a time, and the start of work."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from atleastonce import Task, TaskStore
from atleastonce.claims import Held
from atleastonce.record import TaskKey, TaskRecord
from atleastonce_sqlite import SqliteStore

from .. import raw
from ..pairs import compare
from ..payloads import MAKERS, small
from ..result import Result, summarise
from ..settings import Settings

PENDING = 10_000
"""Tasks of the list from which a section takes its own."""

SECTION = 500
LEASE = timedelta(minutes=5)

_SCHEMA = raw.SCHEMA.replace("meta TEXT,", "meta TEXT, due_at INTEGER, claimed_by TEXT, claimed_until INTEGER,")
_CLAIM = """\
UPDATE tasks SET claimed_by = ?, claimed_until = ? WHERE (task_list, id) = (
  SELECT task_list, id FROM tasks
  WHERE task_list = ? AND (claimed_until IS NULL OR claimed_until < ?) AND (due_at IS NULL OR due_at <= ?)
  ORDER BY id LIMIT 1
) RETURNING id, type, data, saved_at, attempts, last_error, run_at, meta"""


class Ours:
    """``store.claim(list, limit=...)`` and ``store.complete(task)``, or ``complete_all`` of the page."""

    def __init__(self, make: Callable[[int], Task], pending: int, number: int, page: int) -> None:
        self._make, self._pending, self._number, self._page = make, pending, number, page

    def open(self, folder: Path) -> None:
        self._store = TaskStore(f"sqlite:///{folder / 'tasks.db'}")
        self._list = self._make(0).task_list

    def prepare(self) -> None:
        missing = self._pending - self._store.count(self._list)
        self._store.save_all(self._make(i) for i in range(missing))

    def run(self) -> int:
        store, page = self._store, self._page
        for _ in range(self._number // page):
            tasks = store.claim(self._list, lease=LEASE, limit=page)
            if page == 1:
                store.complete(tasks[0])
            else:
                store.complete_all(tasks)
        return self._number // page * page

    def close(self) -> None:
        self._store.close()


class Raw:
    """``execute(UPDATE ... RETURNING)`` and ``commit()``, then ``execute(DELETE)`` and ``commit()``, on a table of the same columns."""

    def __init__(self, make: Callable[[int], Task], pending: int, number: int) -> None:
        self._make, self._pending, self._number = make, pending, number

    def open(self, folder: Path) -> None:
        self._connection = raw.connect(folder / "raw.db", schema=False)
        self._connection.execute(_SCHEMA)
        self._connection.commit()
        self._list = self._make(0).task_list

    def prepare(self) -> None:
        [(there,)] = self._connection.execute("SELECT count(*) FROM tasks").fetchall()
        with self._connection:
            rows = raw.rows(self._make(i) for i in range(self._pending - there))
            self._connection.executemany(raw.INSERT, rows)

    def run(self) -> int:
        connection, name = self._connection, self._list
        for _ in range(self._number):
            now = time.time_ns() // 1_000
            found = connection.execute(_CLAIM, (uuid.uuid4().hex, now + 300_000_000, name, now, now)).fetchall()
            connection.commit()
            connection.execute(raw.DELETE, (name, found[0][0]))
            connection.commit()
        return self._number

    def close(self) -> None:
        self._connection.close()


class Started:
    """``backend.start(claim, done=the one before)``, for tasks claimed beforehand."""

    def __init__(self, number: int) -> None:
        self._number = number

    def open(self, folder: Path) -> None:
        self._backend = SqliteStore(folder / "tasks.db")

    def prepare(self) -> None:
        self._backend.flush()
        self._backend.delete([TaskKey(it.task_list, it.id) for it in self._backend.all("list")])
        self._backend.store(_records(self._number))
        claimed: Sequence[TaskRecord] = self._backend.claim("list", lease=300_000_000, limit=self._number).records
        self._held = [Held(it.task_list, it.id, it.saved_at, it.claim.token) for it in claimed if it.claim is not None]

    def run(self) -> int:
        done = None
        for held in self._held:
            self._backend.start(held, done=done)
            done = TaskKey(held.task_list, held.id, held.saved_at)
        return len(self._held)

    def close(self) -> None:
        self._backend.close()


class RawStarted:
    """``BEGIN IMMEDIATE``, ``DELETE`` of one row, ``UPDATE`` of the next, ``COMMIT``: synchronous=NORMAL too, on our own table."""

    def __init__(self, number: int) -> None:
        self._number = number

    def open(self, folder: Path) -> None:
        store = SqliteStore(folder / "tasks.db")
        store.setup()
        store.close()
        self._connection = sqlite3.connect(folder / "tasks.db", isolation_level=None)
        self._connection.execute("PRAGMA synchronous = NORMAL")

    def prepare(self) -> None:
        self._rows = [(it.task_list, it.id, it.type, it.data, 1, uuid.uuid4().hex) for it in _records(self._number)]
        self._connection.execute("DELETE FROM atleastonce_tasks")
        self._connection.execute("BEGIN")
        self._connection.executemany(
            "INSERT INTO atleastonce_tasks (task_list, id, type, data, saved_at, claim_token, claim_until, claim_lease) "
            "VALUES (?, ?, ?, ?, ?, ?, 1795822869685650, 300000000)",
            self._rows,
        )
        self._connection.execute("COMMIT")

    def run(self) -> int:
        execute: Callable[..., Any] = self._connection.cursor().execute
        done = None
        for name, id, _, _, version, token in self._rows:
            execute("BEGIN IMMEDIATE")
            if done is not None:
                execute("DELETE FROM atleastonce_tasks WHERE task_list = ? AND id = ? AND saved_at <= ?", done)
            execute(
                "UPDATE atleastonce_tasks SET claim_until = ?, claim_started = 1 "
                "WHERE task_list = ? AND id = ? AND saved_at = ? AND claim_token = ?",
                (1795822869685651, name, id, version, token),
            )
            execute("COMMIT")
            done = name, id, version
        return len(self._rows)

    def close(self) -> None:
        self._connection.close()


def _records(number: int) -> list[TaskRecord]:
    return [TaskRecord("list", task.id, "Small", raw.json_bytes(task)) for task in map(small, range(number))]


def results(settings: Settings) -> Iterator[Result]:
    """Two lines per payload, and one of the start."""
    pending, number = settings.size(PENDING, 200), settings.size(SECTION, 100)
    for payload, make in MAKERS.items():
        timing = compare(
            lambda make=make: Ours(make, pending, number, 1), lambda make=make: Raw(make, pending, number), settings
        )
        yield Result(
            name=f"sqlite-claim-{payload}",
            what=f"SQLite claim + complete singly / raw UPDATE ... RETURNING + DELETE, {payload}",
            target=0.8,
            figures={"ours_per_s": timing.first, "raw_per_s": timing.second},
            **summarise(timing.ratios),
        )
        timing = compare(
            lambda make=make: Ours(make, pending, number * 4, 100),
            lambda make=make: Ours(make, pending, number, 1),
            settings,
            pairs=4,
        )
        yield Result(
            name=f"sqlite-claim-pages-{payload}",
            what=f"SQLite claim + complete in pages of 100 / singly, {payload}",
            target=5,
            figures={"pages_per_s": timing.first, "singly_per_s": timing.second},
            **summarise(timing.ratios),
        )
    started = settings.size(2_000, 100)
    timing = compare(lambda: Started(started), lambda: RawStarted(started), settings)
    yield Result(
        name="sqlite-start",
        what="SQLite start of a task, done with the one before / raw BEGIN, DELETE, UPDATE, COMMIT",
        figures={"ours_per_s": timing.first, "raw_per_s": timing.second},
        **summarise(timing.ratios),
    )
