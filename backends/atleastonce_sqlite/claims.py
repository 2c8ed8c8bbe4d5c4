"""What can be asked of the writer about claims: to claim, to begin work, to renew and to give back."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import Any

import attrs

from atleastonce.claims import WORKER_LOST, ClaimPage, Held
from atleastonce.record import MAX_ATTEMPTS, Claim, TaskKey, TaskRecord
from atleastonce.versions import VERSION_LIMIT

from .leases import Leases
from .pages import read_rows
from .requests import ANY_VERSION, DELETE, Save, Write
from .rows import COLUMNS, record
from .text import after, encode
from .watermark import Watermark

SCAN_ROWS = 20_000
"""That one claim looks at, claimed or not due as they may be: some milliseconds, in which nobody else writes."""

KEY = "task_list = CAST(? AS TEXT) AND id = CAST(? AS TEXT)"

# Nobody holds it. What somebody with a shell made of these columns must not make it held for ever. Takes now, and now + slack.
_FREE = """(claim_token IS NULL OR typeof(claim_until) <> 'integer' OR typeof(claim_lease) <> 'integer'
  OR claim_until <= ? OR claim_until - claim_lease > ?)"""
_LOST = "claim_token IS NOT NULL AND claim_started = 1"
_COLUMNS = f"{COLUMNS}, {_LOST}"
# A moment that is no moment hides no task: it comes, and its `problem` says so.
_DUE = """({0} IS NULL OR {0} <= ? OR typeof({0}) <> 'integer' OR {0} >= ?)"""
_WANTED = f"""\
FROM (
  SELECT id AS wanted FROM (
    SELECT id, saved_at, run_at, due_at, claim_token, claim_until, claim_lease FROM atleastonce_tasks
    WHERE task_list = CAST(? AS TEXT) AND id >= CAST(? AS TEXT) ORDER BY id LIMIT ?
  ) WHERE {_FREE} AND {_DUE.format("run_at")} AND {_DUE.format("due_at")} AND (saved_at < ? OR saved_at >= ?) LIMIT ?
) CROSS JOIN atleastonce_tasks WHERE task_list = CAST(? AS TEXT) AND id = wanted"""
_SCANNED = """\
SELECT count(*), CAST(max(id) AS BLOB) FROM (
  SELECT id FROM atleastonce_tasks WHERE task_list = CAST(? AS TEXT) AND id >= CAST(? AS TEXT) ORDER BY id LIMIT ?
)"""
_FREE_VERSION = f"SELECT attempts, {_LOST} FROM atleastonce_tasks WHERE {KEY} AND saved_at = ? AND {_FREE}"
_TAKE = f"""\
UPDATE atleastonce_tasks SET claim_token = ?, claim_until = ?, claim_lease = ?, claim_started = NULL WHERE {KEY}"""
_COUNT_LOST = f"UPDATE atleastonce_tasks SET attempts = ?, last_error = ? WHERE {KEY}"

_RENEW = "UPDATE atleastonce_tasks SET claim_until = ? WHERE "
GIVE_BACK = "claim_token = NULL, claim_until = NULL, claim_lease = NULL, claim_started = NULL"


_BY_VERSION = f"{KEY} AND saved_at = ?"
_BY_TOKEN = f"{KEY} AND claim_token = ?"
_BY_BOTH = f"{KEY} AND saved_at = ? AND claim_token = ?"
_START = f"UPDATE atleastonce_tasks SET claim_until = ?, claim_started = 1 WHERE {_BY_BOTH}"
_START_BY_TOKEN = f"UPDATE atleastonce_tasks SET claim_until = ?, claim_started = 1 WHERE {_BY_TOKEN}"


def condition(held: Held) -> tuple[str, tuple[Any, ...]] | None:
    """The row that is meant, as SQL; None where there can be none."""
    token, version = held.token, held.saved_at
    keys = encode(held.task_list), encode(held.id)
    if token is None:
        return None if version is None else (_BY_VERSION, (*keys, version))
    if not lease_of(token):  # none of ours, and perhaps nothing that can be stored
        return None
    return (_BY_TOKEN, (*keys, token)) if version is None else (_BY_BOTH, (*keys, version, token))


def tokens(number: int, lease: int) -> list[str]:
    """That many new tokens. Each says its lease, so that renewing it is one statement."""
    drawn = os.urandom(16 * number).hex()  # 128 bits each; SQLite's own random numbers are copied by a fork
    return [f"{drawn[at : at + 32]}-{lease}" for at in range(0, 32 * number, 32)]


def lease_of(token: str) -> int:
    """The lease that a token says, in microseconds; 0 for what is no token of ours."""
    digits = token[33:]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else 0


class ClaimDue(Write):
    """Claim a page of what is due."""

    durable = False
    page = ClaimPage(())

    def __init__(
        self,
        leases: Leases,
        task_list: str,
        lease: int,
        limit: int,
        due_by: int | None,
        saved_before: int | None,
        cursor: bytes | None,
    ) -> None:
        self.size = limit
        self._leases = leases
        self._task_list = task_list
        self._lease = lease
        self._due_by = due_by
        self._before = ANY_VERSION if saved_before is None else saved_before
        self._start = b"" if cursor is None else after(cursor)

    def run(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """Do it in the transaction that is open."""
        leases, limit = self._leases, self.size
        now, wall = leases.now(), leases.wall()
        due = wall if self._due_by is None else self._due_by
        task_list = encode(self._task_list)
        values = (
            *(task_list, self._start, SCAN_ROWS, now, now + leases.slack, due, VERSION_LIMIT, due, VERSION_LIMIT),
            *(self._before, VERSION_LIMIT, limit, task_list),
        )
        rows, cut = read_rows(cursor, _COLUMNS, _WANTED, values)
        records: list[TaskRecord] = []
        taken: list[tuple[Any, ...]] = []
        lost: list[tuple[Any, ...]] = []
        until, shown = now + self._lease, wall + self._lease
        name, lease = self._task_list, self._lease
        for token, (id, *columns, worker_lost) in zip(tokens(len(rows), lease), rows, strict=True):
            it = record(name, id, *columns, claim=Claim(token, shown, lease, bool(worker_lost)))
            taken.append((token, until, lease, task_list, encode(id)))
            if worker_lost:
                it = attrs.evolve(it, attempts=it.attempts + 1, last_error=WORKER_LOST)
                lost.append((it.attempts, WORKER_LOST, task_list, encode(id)))
            records.append(it)
        if len(taken) == 1:
            cursor.execute(_TAKE, taken[0])
        else:
            cursor.executemany(_TAKE, taken)
        if lost:
            cursor.executemany(_COUNT_LOST, lost)
        if cut or len(records) == limit:
            self.page = ClaimPage(records, encode(records[-1].id))
            return
        [(number, last)] = cursor.execute(_SCANNED, (task_list, self._start, SCAN_ROWS)).fetchall()
        self.page = ClaimPage(records, last if number == SCAN_ROWS else None)


class ClaimVersions(Write):
    """Claim these very versions."""

    durable = False
    claims: Sequence[Claim | None] = ()

    def __init__(self, leases: Leases, keys: Sequence[TaskKey], lease: int) -> None:
        self.size = len(keys)
        self._leases = leases
        self._keys = keys
        self._lease = lease

    def run(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """Do it in the transaction that is open."""
        self.claims = [self._claim(cursor, key) for key in self._keys]

    def _claim(self, cursor: sqlite3.Cursor, key: TaskKey) -> Claim | None:
        if key.saved_at is None:
            return None
        now = self._leases.now()
        keys = encode(key.task_list), encode(key.id)
        found = cursor.execute(_FREE_VERSION, (*keys, key.saved_at, now, now + self._leases.slack)).fetchall()
        if not found:
            return None
        [(attempts, lost)] = found
        [token] = tokens(1, self._lease)
        claim = Claim(token, self._leases.wall() + self._lease, self._lease, bool(lost))
        cursor.execute(_TAKE, (claim.token, now + self._lease, self._lease, *keys))
        if lost:
            attempts = min(attempts, MAX_ATTEMPTS) if isinstance(attempts, int) else 0
            cursor.execute(_COUNT_LOST, (attempts + 1, WORKER_LOST, *keys))
        return claim


class SaveClaimed(Write):
    """Save records, and claim them."""

    versions: Sequence[int] = ()
    claims: Sequence[Claim | None] = ()

    def __init__(self, leases: Leases, records: Sequence[TaskRecord], lease: int) -> None:
        self._save = Save(records)
        self.size = self._save.size
        self._leases = leases
        self._records = records
        self._lease = lease

    def run(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """Do it in the transaction that is open."""
        self._save.run(cursor, watermark)
        self.versions = self._save.versions
        keys = [TaskKey(it.task_list, it.id, at) for it, at in zip(self._records, self.versions, strict=True)]
        claim = ClaimVersions(self._leases, keys, self._lease)
        claim.run(cursor, watermark)
        self.claims = claim.claims


class Renew(Write):
    """Renew leases."""

    durable = False
    claims: Sequence[Claim | None] = ()

    def __init__(self, leases: Leases, held: Sequence[Held]) -> None:
        self.size = len(held)
        self._leases = leases
        self._held = held

    def run(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """Do it in the transaction that is open."""
        self.claims = [self._renew(cursor, one) for one in self._held]

    def _renew(self, cursor: sqlite3.Cursor, held: Held) -> Claim | None:
        token = held.token
        found = condition(held)
        if token is None or found is None:
            return None
        where, values = found
        lease = lease_of(token)
        cursor.execute(_RENEW + where, (self._leases.now() + lease, *values))
        return Claim(token, self._leases.wall() + lease, lease) if cursor.rowcount == 1 else None


class Start(Write):
    """Begin work on a task, and delete the one that was done before. Once a task, so by the shortest way."""

    durable = False
    claim: Claim | None = None

    def __init__(self, leases: Leases, held: Held, done: TaskKey | None) -> None:
        self._leases = leases
        self._held = held
        self._done = done

    def at_once(self, cursor: sqlite3.Cursor, watermark: Watermark) -> bool:
        """The first of a row: there is nothing to delete."""
        if self._done is not None:
            return False
        self.run(cursor, watermark)
        return True

    def run(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """Do it in the transaction that is open."""
        done, held, leases = self._done, self._held, self._leases
        if done is not None:
            version = ANY_VERSION if done.saved_at is None else done.saved_at
            cursor.execute(DELETE, (encode(done.task_list), encode(done.id), version))
        self.claim = None
        token = held.token
        lease = 0 if token is None else lease_of(token)
        if token is None or not lease:
            return
        until, keys = leases.now() + lease, (encode(held.task_list), encode(held.id))
        if held.saved_at is None:
            cursor.execute(_START_BY_TOKEN, (until, *keys, token))
        else:
            cursor.execute(_START, (until, *keys, held.saved_at, token))
        if cursor.rowcount == 1:
            self.claim = Claim(token, leases.wall() + lease, lease)


class Release(Write):
    """Give claims back."""

    released: Sequence[bool] = ()

    def __init__(self, held: Sequence[Held], due_at: int | None, *, unstarted: bool) -> None:
        self.size = len(held)
        self._held = held
        self._due_at = due_at
        self._more = " AND claim_started IS NOT 1" if unstarted else ""

    def run(self, cursor: sqlite3.Cursor, watermark: Watermark) -> None:
        """Do it in the transaction that is open."""
        self.released = [self._release(cursor, one) for one in self._held]

    def _release(self, cursor: sqlite3.Cursor, held: Held) -> bool:
        found = condition(held)
        if found is None:
            return False
        where, values = found
        sets = [] if held.token is None else [GIVE_BACK]
        if self._due_at is not None or not sets:
            sets.append("due_at = coalesce(?, due_at)")
            values = (self._due_at, *values)
        cursor.execute(f"UPDATE atleastonce_tasks SET {', '.join(sets)} WHERE {where}{self._more}", values)
        return cursor.rowcount == 1
