"""What can be asked of the writer: to save records, to delete them, and to close."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from atleastonce.exceptions import InvalidTask
from atleastonce.record import TaskKey, TaskRecord

from .text import encode
from .turns import MAX_ROWS, Request
from .watermark import Watermark

_INSERT = """\
INSERT INTO atleastonce_tasks (task_list, id, type, data, run_at, meta, saved_at)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
_STORED = "SELECT saved_at FROM atleastonce_tasks WHERE task_list = CAST(? AS TEXT) AND id = CAST(? AS TEXT)"
_REPLACE = """\
REPLACE INTO atleastonce_tasks (task_list, id, type, data, run_at, meta, saved_at)
VALUES (CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, ?, ?)"""
_DELETE = "DELETE FROM atleastonce_tasks WHERE task_list = CAST(? AS TEXT) AND id = CAST(? AS TEXT) AND saved_at <= ?"

_ANY_VERSION = 2**63 - 1  # SQLite's largest integer


class Write(Request):
    """What the writer takes."""

    __slots__ = ()

    def run(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """Do it, in the transaction that is open."""
        raise NotImplementedError


class Close(Write):
    """Wants a turn to itself, too large to be shared, in which the connection is closed."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(MAX_ROWS + 1)


class Save(Write):
    """Insert or replace these records. Raises `InvalidTask` for one that cannot be written."""

    __slots__ = ("_above", "_bare", "versions")

    def __init__(self, records: Sequence[TaskRecord]) -> None:
        super().__init__(len(records))
        self.versions: Sequence[int] = ()
        self._bare = [
            (it.task_list, it.id, it.type, it.data, it.run_at, _json(it.meta) if it.meta else None) for it in records
        ]
        if len(records) == 1:
            self._above = records[0].saved_at
        else:
            self._above = max((it.saved_at for it in records if it.saved_at is not None), default=None)

    def run(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """Do it, in the transaction that is open."""
        first = watermark.give(cursor, self.size, self._above)
        self.versions = range(first, first + self.size)
        if not self._insert(cursor, first):
            self._replace(cursor, watermark)

    def _insert(self, cursor: sqlite3.Cursor, first: int) -> bool:
        """The fast way, for keys that are new. False, with nothing written, where one is not."""
        try:
            if self.size == 1:
                cursor.execute(_INSERT, (*self._bare[0], first))
                return cursor.rowcount == 1
            cursor.execute("SAVEPOINT fast")
            cursor.executemany(_INSERT, [(*bare, version) for version, bare in enumerate(self._bare, first)])
            done = cursor.rowcount == self.size
        except UnicodeEncodeError:  # bytes that are no UTF-8 and came from a store by surrogateescape
            done = False
            if self.size == 1:
                return False
        if not done:
            cursor.execute("ROLLBACK TO fast")
        cursor.execute("RELEASE fast")
        return done

    def _replace(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """The slow way: look each up, and put a version above what is there in its place."""
        versions = list(self.versions)
        for index, (task_list, id, type, data, run_at, meta) in enumerate(self._bare):
            keys = encode(task_list), encode(id)
            stored = cursor.execute(_STORED, keys).fetchall()
            if stored and stored[0][0] >= versions[index]:
                versions[index] = watermark.give(cursor, 1, stored[0][0])
            cursor.execute(_REPLACE, (*keys, encode(type), data, run_at, meta, versions[index]))
        self.versions = versions


class Delete(Write):
    """Delete what is stored under these keys, as far as it is not newer."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Sequence[TaskKey]) -> None:
        super().__init__(len(keys))
        self._keys = [(it.task_list, it.id, _ANY_VERSION if it.saved_at is None else it.saved_at) for it in keys]

    def run(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """Do it, in the transaction that is open."""
        try:
            if self.size == 1:
                cursor.execute(_DELETE, self._keys[0])
            else:
                cursor.executemany(_DELETE, self._keys)
        except UnicodeEncodeError:  # as in Save; what was deleted by then is deleted
            cursor.executemany(_DELETE, [(encode(list_), encode(id), version) for list_, id, version in self._keys])


def _json(meta: Mapping[str, str]) -> str:
    if not all(type(text) is str for pair in meta.items() for text in pair):
        raise InvalidTask("meta holds something else than texts")
    return json.dumps(dict(meta))
