"""Reading: single rows, counts, and lists page by page. Nothing stays open between two records."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from atleastonce.record import TaskRecord
from atleastonce.versions import VERSION_LIMIT

from .connections import Connections
from .errors import translate
from .pages import read_records, read_rows
from .rows import DEAD_COLUMNS, record
from .text import after, decode, encode

T = TypeVar("T")

PAGE_ROWS = 1_000
COUNT_ROWS = 20_000  # a few milliseconds: an open statement keeps the WAL from being reset, and a fork waiting

_ALWAYS = 2**63 - 1  # SQLite's largest integer

_FIND = "FROM atleastonce_tasks WHERE task_list = CAST(? AS TEXT) AND id = CAST(? AS TEXT)"
# A saved_at that is no version is not younger than anything: such a row would be hidden from every redrive.
_PAGE = (
    "FROM atleastonce_tasks WHERE task_list = CAST(? AS TEXT) AND id >= CAST(? AS TEXT) "
    "AND (saved_at < ? OR saved_at >= ?) ORDER BY id LIMIT ?"
)
_DEAD_PAGE = "FROM atleastonce_dead WHERE task_list = CAST(? AS TEXT) AND id >= CAST(? AS TEXT) ORDER BY id LIMIT ?"
_COUNT = (
    "SELECT count(*), CAST(max(id) AS BLOB) FROM (SELECT id FROM atleastonce_tasks "
    "WHERE task_list = CAST(? AS TEXT) AND id >= CAST(? AS TEXT) ORDER BY id LIMIT ?)"
)
_NEXT_LIST = (
    "SELECT CAST(task_list AS BLOB) FROM atleastonce_tasks "
    "WHERE task_list >= CAST(? AS TEXT) ORDER BY task_list LIMIT 1"
)


class Reader:
    """Reads on connections of its own, so that it never sees what another thread has not committed yet."""

    def __init__(self, connections: Connections, timeout: float) -> None:
        self._connections = connections
        self._timeout = timeout

    def find(self, task_list: str, id: str) -> TaskRecord | None:
        """The record under that key."""
        keys = encode(task_list), encode(id)
        found, _ = self._read(partial(read_records, task_list=task_list, source=_FIND, values=keys, limit=1))
        return found[0] if found else None

    def all(self, task_list: str, saved_before: int | None, owner: object) -> Iterator[TaskRecord]:
        """The list in the order of the ids, a page at a time. Keeps `owner`, which closes the connections at its end."""
        before = _ALWAYS if saved_before is None else saved_before
        start, more = b"", True
        while more:
            values = encode(task_list), start, before, VERSION_LIMIT, PAGE_ROWS
            read = partial(read_records, task_list=task_list, source=_PAGE, values=values, limit=PAGE_ROWS)
            page, more = self._read(read)
            yield from page
            if more:
                start = after(encode(page[-1].id))

    def dead(self, task_list: str, owner: object) -> Iterator[TaskRecord]:
        """The list's dead letters, in the same way."""
        start, more = b"", True
        while more:
            values = encode(task_list), start, PAGE_ROWS
            rows, cut = self._read(partial(_dead_rows, values=values))
            page = [record(task_list, *row) for row in rows]
            yield from page
            more = cut or len(page) == PAGE_ROWS
            if more:
                start = after(encode(page[-1].id))

    def count(self, task_list: str) -> int:
        """How many rows the list has: each that is there throughout, once."""
        start, total = b"", 0
        while True:
            [(number, last)] = self._read(partial(_rows, sql=_COUNT, values=(encode(task_list), start, COUNT_ROWS)))
            total += int(number)
            if number < COUNT_ROWS:
                return total
            start = after(last)

    def task_lists(self, owner: object) -> Iterator[str]:
        """The lists' names, found by leaping from each to the next. Keeps `owner` too."""
        start = b""
        while found := self._read(partial(_rows, sql=_NEXT_LIST, values=(start,))):
            [(name,)] = found
            yield decode(name)
            start = after(name)

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `work` on a lent connection; it leaves no statement under way."""
        try:
            return self._connections.patiently(self._attempt, work)
        except (sqlite3.Error, OverflowError) as error:
            raise translate(error, self._connections.path, self._timeout) from error

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection, generation = self._connections.lend()
        try:
            result = work(connection)
        except BaseException:
            connection.close()  # after a failure, or in the middle of a statement, it is not worth keeping
            raise
        self._connections.give_back(connection, generation)
        return result


def _rows(connection: sqlite3.Connection, sql: str, values: tuple[bytes | int, ...]) -> list[tuple[Any, ...]]:
    return connection.execute(sql, values).fetchall()


def _dead_rows(connection: sqlite3.Connection, values: tuple[bytes | int, ...]) -> tuple[list[tuple[Any, ...]], bool]:
    return read_rows(connection.cursor(), DEAD_COLUMNS, _DEAD_PAGE, values)
