"""Pages of rows: their number is bounded by the statement, their bytes here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from atleastonce.record import TaskRecord
from atleastonce.versions import VERSION_LIMIT

from .errors import primary_code
from .rows import COLUMNS, decoded, record, with_kinds

PAGE_BYTES = 1024 * 1024  # of data; one record more may be held, however large

_SIZED = {bytes, str}

Values = tuple[bytes | int, ...]


def read_records(
    connection: sqlite3.Connection, task_list: str, source: str, values: Values, limit: int
) -> tuple[list[TaskRecord], bool]:
    """The records of `COLUMNS` from that source, and whether there may be more than the limit that is in `values`."""
    try:
        return _usual(connection, task_list, source, values, limit)
    except sqlite3.OperationalError as error:
        if primary_code(error) is not None:
            raise
    rows, cut = _raw_rows(connection, COLUMNS, source, values)
    return [record(task_list, *row) for row in rows], cut or len(rows) == limit


def read_rows(cursor: sqlite3.Cursor, columns: str, source: str, values: Values) -> tuple[list[tuple[Any, ...]], bool]:
    """The rows, whatever is in them, and whether they were cut short by their size."""
    try:
        return _bounded(cursor.execute(f"SELECT {columns} {source}", values))
    except sqlite3.OperationalError as error:
        if primary_code(error) is not None:
            raise
    # sqlite3 could not decode a text, and gives no row after it
    return _raw_rows(cursor.connection, columns, source, values)


def _usual(
    connection: sqlite3.Connection, task_list: str, source: str, values: Values, limit: int
) -> tuple[list[TaskRecord], bool]:
    records: list[TaskRecord] = []
    add = records.append
    size = 0
    cursor = connection.execute(f"SELECT {COLUMNS} {source}", values)
    for id, tag, data, saved_at, attempts, last_error, run_at, meta, due_at in cursor:
        if (
            type(data) is bytes
            and type(tag) is str
            and attempts == 0
            and last_error is run_at is meta is due_at is None
            and 0 <= saved_at < VERSION_LIMIT
        ):
            add(TaskRecord(task_list, id, tag, data, saved_at))  # the usual row, by the shortest way
            size += len(data)
        else:
            add(record(task_list, id, tag, data, saved_at, attempts, last_error, run_at, meta, due_at))
            size += _size((data, tag, last_error))
        if size >= PAGE_BYTES:
            cursor.close()
            return records, True
    return records, len(records) == limit


def _raw_rows(
    connection: sqlite3.Connection, columns: str, source: str, values: Values
) -> tuple[list[tuple[Any, ...]], bool]:
    connection.text_factory = bytes
    try:
        rows, cut = _bounded(connection.execute(f"SELECT {with_kinds(columns)} {source}", values))
    finally:
        connection.text_factory = str
    return [decoded(row) for row in rows], cut


def _bounded(cursor: sqlite3.Cursor) -> tuple[list[tuple[Any, ...]], bool]:
    rows: list[tuple[Any, ...]] = []
    size = 0
    for row in cursor:
        rows.append(row)
        size += _size(row)
        if size >= PAGE_BYTES:
            return rows, True  # the cursor's next statement, or its end, ends this one
    return rows, False


def _size(row: Iterable[Any]) -> int:
    return sum([len(value) for value in row if type(value) in _SIZED])
