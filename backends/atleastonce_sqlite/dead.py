"""What can be asked of the writer about failed attempts and dead letters."""

from __future__ import annotations

import sqlite3
from typing import Any

from atleastonce.claims import Failure
from atleastonce.clock import Clock

from .claims import GIVE_BACK, KEY, condition
from .requests import Delete, Write
from .text import encode
from .watermark import Watermark

# The attempts never become fewer; what is no number, by somebody with a shell, counts as none.
_REPORT = f"""\
UPDATE atleastonce_tasks
SET attempts = CASE WHEN typeof(attempts) = 'integer' THEN max(attempts, ?) ELSE ? END, last_error = CAST(? AS TEXT), due_at = ?, {GIVE_BACK}
WHERE """
_REPORT_ANYHOW = """\
UPDATE atleastonce_tasks SET attempts = ?, last_error = CAST(? AS TEXT), due_at = ?
WHERE (typeof(attempts) <> 'integer' OR attempts < ?) AND """
_COPY = f"""\
REPLACE INTO atleastonce_dead (task_list, id, type, data, saved_at, attempts, last_error, run_at, meta, died_at)
SELECT task_list, id, type, data, saved_at, attempts, last_error, run_at, meta, ? FROM atleastonce_tasks WHERE {KEY}"""
_REMOVE = f"DELETE FROM atleastonce_tasks WHERE {KEY}"
_DISCARD = f"DELETE FROM atleastonce_dead WHERE {KEY} AND saved_at <= ?"


class Fail(Write):
    """Write down a failed attempt; move the task to the dead letters where that was the last."""

    applied = False

    def __init__(self, failure: Failure, clock: Clock) -> None:
        self._failure = failure
        self._clock = clock

    def run(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """Do it in the transaction that is open."""
        it = self._failure
        self.applied = False
        found = condition(it.held)
        if found is None:
            return
        where, values = found
        report: tuple[Any, ...] = (encode(it.last_error), it.due_at)
        if it.held.token is None:
            cursor.execute(_REPORT_ANYHOW + where, (it.attempts, *report, it.attempts, *values))
        else:
            cursor.execute(_REPORT + where, (it.attempts, it.attempts, *report, *values))
        self.applied = cursor.rowcount == 1
        if self.applied and it.dead:
            keys = encode(it.held.task_list), encode(it.held.id)
            cursor.execute(_COPY, (self._clock(), *keys))
            cursor.execute(_REMOVE, keys)


class Discard(Delete):
    """Delete dead letters, as far as they are not newer."""

    sql = _DISCARD
