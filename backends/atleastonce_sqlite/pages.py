"""Pages of rows: their number is bounded by the statement, their bytes here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from atleastonce.record import TaskRecord, usual_record
from atleastonce.versions import VERSION_LIMIT

from .errors import primary_code
from .rows import COLUMNS, decoded, record, with_kinds

PAGE_BYTES = 1024 * 1024  # of data; one record more may be held, however large

_SIZED = {bytes, str}

_USUAL_COLUMNS = "id, type, data, saved_at, coalesce(nullif(attempts, 0), last_error, run_at, meta, due_at)"
"""Most rows have nothing in the columns that the last one stands for; to fetch them all takes a third longer."""

_WHOLE_ROW = f"SELECT {COLUMNS} FROM atleastonce_tasks WHERE task_list = CAST(? AS TEXT) AND id = ?"  # noqa: S608 - constants

Values = tuple[bytes | int, ...]
"""Of a statement on the tasks. The first one is the task list."""


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
    cursor = connection.execute(f"SELECT {_USUAL_COLUMNS} {source}", values)
    for id, tag, data, saved_at, unusual in cursor:
        if unusual is None and type(data) is bytes and type(tag) is str and 0 <= saved_at < VERSION_LIMIT:
            add(usual_record(task_list, id, tag, data, saved_at))
            size += len(data)
        else:  # the statement is still under way, so this one sees the same state of the file
            [row] = connection.execute(_WHOLE_ROW, (values[0], id)).fetchall()
            add(record(task_list, *row))
            size += _size(row)
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
