"""What can be asked of the writer: to save records, to delete them, and to close."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from atleastonce.exceptions import InvalidTask
from atleastonce.record import TaskKey, TaskRecord
from atleastonce.turns import MAX_ROWS, Request

from .text import encode
from .watermark import Watermark

# Most records have no run_at and no meta, and leave them out: Python's sqlite3 takes a microsecond to bind a None.
_INSERT = """\
INSERT INTO atleastonce_tasks (task_list, id, type, data, saved_at)
VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
_INSERT_WIDE = """\
INSERT INTO atleastonce_tasks (task_list, id, type, data, run_at, meta, saved_at)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
# No version, and so a NOT NULL constraint that fails, unless the floor is what it was. (INSERT ... SELECT ... WHERE would do
# without an error, but SQLite keeps a statement journal for it: 8 microseconds.)
_INSERT_IF_FLOOR = """\
INSERT INTO atleastonce_tasks (task_list, id, type, data, saved_at)
VALUES (?, ?, ?, ?, CASE WHEN EXISTS (
  SELECT 1 FROM atleastonce_settings WHERE one = 1 AND version_floor = ?
) THEN ? END) ON CONFLICT DO NOTHING"""
_STORED = "SELECT saved_at FROM atleastonce_tasks WHERE task_list = CAST(? AS TEXT) AND id = CAST(? AS TEXT)"
_REPLACE = """\
REPLACE INTO atleastonce_tasks (task_list, id, type, data, run_at, meta, saved_at)
VALUES (CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, ?, ?)"""
DELETE = "DELETE FROM atleastonce_tasks WHERE task_list = CAST(? AS TEXT) AND id = CAST(? AS TEXT) AND saved_at <= ?"
# Under a key that no task has. Nobody sees it: the two are one transaction.
_MARK = "REPLACE INTO atleastonce_dead (task_list, id, type, data, saved_at, died_at) VALUES ('', '', '', '', 0, 0)"
_UNMARK = "DELETE FROM atleastonce_dead WHERE task_list = '' AND id = ''"

ANY_VERSION = 2**63 - 1  # SQLite's largest integer


class Write(Request):
    """What the writer takes."""

    durable = True
    """False: a crash of the machine may undo it until the next durable one is written. A crash of the process may not."""

    def at_once(self, cursor: sqlite3.Cursor, watermark: Watermark) -> bool:
        """Do it in a single statement, a transaction by itself, if one will do. False: nothing was written."""
        return False

    def run(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """Do it in the transaction that is open."""
        raise NotImplementedError


class Close(Write):
    """Wants a turn to itself, too large to be shared, in which the connection is closed."""

    size = MAX_ROWS + 1


class Flush(Write):
    """Write something, durably, and so what was written before it: a commit without changes syncs nothing."""

    def run(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """Do it in the transaction that is open."""
        cursor.execute(_MARK)
        cursor.execute(_UNMARK)


class SaveOne(Write):
    """Insert or replace one record. The usual save is of a new key: a single statement, by the shortest way."""

    versions: Sequence[int] = ()

    def __init__(self, record: TaskRecord) -> None:
        self._record = record

    def at_once(self, cursor: sqlite3.Cursor, watermark: Watermark) -> bool:
        """Insert it under a new key."""
        it = self._record
        if it.saved_at is not None or it.run_at is not None or it.meta:  # it is probably there, or needs a wider row
            return False
        guess = watermark.guess()
        if guess is None:
            return False
        try:
            cursor.execute(_INSERT_IF_FLOOR, (it.task_list, it.id, it.type, it.data, *guess))
            if cursor.rowcount == 1:  # else the key was there
                self.versions = guess[1:]
                return True
        except UnicodeEncodeError:  # bytes that are no UTF-8 and came from a store by surrogateescape
            pass
        except sqlite3.IntegrityError:  # another store moved the mark; a bad value fails again the slow way
            pass
        watermark.take_back(guess[1])
        return False

    def run(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """Do it in the transaction that is open."""
        if not self.at_once(cursor, watermark):
            save = Save((self._record,))
            save.run(cursor, watermark)
            self.versions = save.versions


class Save(Write):
    """Insert or replace these records. Raises `InvalidTask` for one that cannot be written."""

    versions: Sequence[int] = ()

    def __init__(self, records: Sequence[TaskRecord]) -> None:
        self.size = len(records)
        self._records = records
        unusual = [it for it in records if it.saved_at is not None or it.run_at is not None or it.meta]
        self._above = max((it.saved_at for it in unusual if it.saved_at is not None), default=None)
        self._wide = any(it.run_at is not None or it.meta for it in unusual)
        self._metas = [_json(it.meta) if it.meta else None for it in records] if self._wide else [None] * self.size

    def run(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """Do it in the transaction that is open."""
        first = watermark.give(cursor, self.size, self._above)
        self.versions = range(first, first + self.size)
        if not self._insert(cursor, first):
            self._replace(cursor, watermark)

    def _insert(self, cursor: sqlite3.Cursor, first: int) -> bool:
        """The fast way, for keys that are new. False, with nothing written, where one is not."""
        numbered = enumerate(self._records, first)
        if self._wide:
            pairs = zip(numbered, self._metas, strict=True)
            insert = _INSERT_WIDE
            rows: list[Any] = [
                (it.task_list, it.id, it.type, it.data, it.run_at, meta, version) for (version, it), meta in pairs
            ]
        else:
            insert = _INSERT
            rows = [(it.task_list, it.id, it.type, it.data, version) for version, it in numbered]
        many = self.size > 1
        if many:
            cursor.execute("SAVEPOINT batch")
        try:
            cursor.executemany(insert, rows)
            done = cursor.rowcount == self.size
        except UnicodeEncodeError:  # as above
            done = False
        if many:
            if not done:
                cursor.execute("ROLLBACK TO batch")
            cursor.execute("RELEASE batch")
        return done

    def _replace(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """The slow way: look each up, and put a version above what is there in its place."""
        versions = list(self.versions)
        for index, (it, meta) in enumerate(zip(self._records, self._metas, strict=True)):
            keys = encode(it.task_list), encode(it.id)
            stored = cursor.execute(_STORED, keys).fetchall()
            if stored and stored[0][0] >= versions[index]:
                versions[index] = watermark.give(cursor, 1, stored[0][0])
            cursor.execute(_REPLACE, (*keys, encode(it.type), it.data, it.run_at, meta, versions[index]))
        self.versions = versions


class Delete(Write):
    """Delete what is stored under these keys, as far as it is not newer."""

    sql = DELETE

    def __init__(self, keys: Sequence[TaskKey]) -> None:
        self.size = len(keys)
        self._keys = [(it.task_list, it.id, ANY_VERSION if it.saved_at is None else it.saved_at) for it in keys]

    def at_once(self, cursor: sqlite3.Cursor, watermark: Watermark) -> bool:
        """The usual delete: of one key."""
        if self.size != 1:
            return False
        try:
            cursor.execute(self.sql, self._keys[0])
        except UnicodeEncodeError:  # as in Save
            return False
        return True

    def run(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """Do it in the transaction that is open."""
        try:
            cursor.executemany(self.sql, self._keys)
        except UnicodeEncodeError:  # what was deleted by then is deleted
            cursor.executemany(self.sql, [(encode(list_), encode(id), version) for list_, id, version in self._keys])


def _json(meta: Mapping[str, str]) -> str:
    if not all(type(text) is str for pair in meta.items() for text in pair):
        raise InvalidTask("meta holds something else than texts")
    return json.dumps(dict(meta))
