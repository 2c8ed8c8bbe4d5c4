"""The layout of task_rb, one partition a list, beside ours: how many completions each endures before it cannot be read."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

from cassandra import ReadFailure
from cassandra.query import BatchStatement, BatchType

from ..payloads import json_bytes, small
from ..result import Result, summarise
from ..settings import Settings
from .flat import OPEN, timed

STEPS = 10
STEP = 11_000
"""Completions between two readings: in ten steps more than the 100,000 deletions that a server reads past by default."""

BATCH = 200
"""Rows in one request of the preparation."""

TABLE = "task_rb"


def results(settings: Settings) -> Iterator[Result]:
    """A line: at how many completions theirs fails, with ours at the same number."""
    keyspace, session = settings.keyspace, settings.keyspace.session
    table = f"{keyspace.name}.{TABLE}"
    session.execute(
        f"CREATE TABLE {table} (task_list text, id text, data text, type text, PRIMARY KEY ((task_list), id, type))"
    )
    insert = session.prepare(f"INSERT INTO {table} (task_list, id, data, type) VALUES (?, ?, ?, ?)")
    delete = session.prepare(f"DELETE FROM {table} WHERE task_list = ? AND id = ? AND type = ?")
    select = session.prepare(f"SELECT id, type, data FROM {table} WHERE task_list = ?")
    step = settings.scaled(STEP, 1_000)
    readings, failed = [], None
    with keyspace.store() as store:
        for number in range(STEPS):
            tasks = [small(i, task_list="ruby") for i in range(step)]
            left = OPEN // STEPS
            store.save_all(tasks)
            store.complete_all(tasks[left:])
            rows = [("ruby", str(uuid.uuid4()), json_bytes(task).decode(), task.type) for task in tasks]
            _in_batches(session, insert, rows)
            _in_batches(session, delete, [(row[0], row[1], row[3]) for row in rows[left:]])
            completed, expected = (number + 1) * (step - left), (number + 1) * left
            ours = timed(lambda: list(store.all("ruby")), expected)
            began = time.perf_counter()
            try:
                theirs = f"{timed(lambda: list(session.execute(select, ('ruby',))), expected):.2f} s"
            except ReadFailure:
                theirs = f"ReadFailure after {time.perf_counter() - began:.2f} s"
                failed = completed
            readings.append(f"{completed:,}: {theirs} / {ours:.2f} s")
            if failed:
                break
    yield Result(
        name="cassandra-task-rb",
        what=f"completions after which task_rb's layout cannot be read ({OPEN // STEPS} open for each step)",
        unit="completions",
        note="select / our all, by completions: " + "; ".join(readings) + ("" if failed else "; it did not fail"),
        **summarise([failed or completed]),
    )


def _in_batches(session: Any, statement: Any, rows: list[tuple[str, ...]]) -> None:
    """Execute it for each; in batches, since this is only the way to what is measured."""
    for start in range(0, len(rows), BATCH):
        batch = BatchStatement(BatchType.UNLOGGED)
        batch.add_all([statement] * BATCH, rows[start : start + BATCH])
        session.execute(batch)
