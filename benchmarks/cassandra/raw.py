"""The raw side: the driver as somebody would use it who writes no library, on a table like ours."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from atleastonce import Task
from atleastonce.ids import segment

from ..payloads import json_bytes

SHARDS = 64

Key = tuple[str, int, int, str]
Row = tuple[str, int, int, str, tuple[bytes, bytes, bytes]]


def insert(table: str) -> str:
    """The statement for a `Row`."""
    return f"INSERT INTO {table} (task_list, slot, origin, id, task, failure) VALUES (?, ?, ?, ?, ?, (0, 0x))"


def delete(table: str) -> str:
    """The statement for a `Key`."""
    return f"DELETE FROM {table} WHERE task_list = ? AND slot = ? AND origin = ? AND id = ?"


def key(task: Task) -> Key:
    """The primary key, with the same partition as ours."""
    slot, origin = segment(task.id) or (-1, crc32(task.id.encode()) % SHARDS)
    return task.task_list, slot, origin, task.id


def rows(tasks: Iterable[Task]) -> list[Row]:
    """Tuples, ready to be bound."""
    return [(*key(task), (task.type.encode(), json_bytes(task), b"")) for task in tasks]
