"""The raw side: `sqlite3` as somebody would use it who writes no library, on a table like ours."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

from atleastonce import Task

from .payloads import json_bytes

SCHEMA = """\
CREATE TABLE tasks (
  task_list TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, data BLOB NOT NULL, saved_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, last_error TEXT, run_at INTEGER, meta TEXT,
  PRIMARY KEY (task_list, id)
) WITHOUT ROWID"""
INSERT = "INSERT INTO tasks (task_list, id, type, data, saved_at) VALUES (?, ?, ?, ?, ?)"
DELETE = "DELETE FROM tasks WHERE task_list = ? AND id = ?"

Row = tuple[str, str, str, bytes, int]


def connect(file: Path, *, schema: bool = True) -> sqlite3.Connection:
    """A connection with our durability: a write-ahead log, synced at every commit."""
    connection = sqlite3.connect(file)  # its transactions as by default: BEGIN is implied, COMMIT is called
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if schema:
        connection.execute(SCHEMA)
        connection.commit()
    return connection


def rows(tasks: Iterable[Task]) -> list[Row]:
    """Tuples, ready to be bound."""
    now = time.time_ns() // 1000
    return [(task.task_list, task.id, task.type, json_bytes(task), now) for task in tasks]
