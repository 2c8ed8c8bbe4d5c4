"""A row as a `TaskRecord`, whatever its columns hold.

SQLite keeps any value in any column, so somebody with a shell, or a damaged disk, can leave what no save ever wrote. Such
a row is given with its `problem`; only what task lists, ids and versions are made of is checked by the table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeGuard

from atleastonce.record import MAX_ATTEMPTS, NO_META, Claim, TaskRecord
from atleastonce.versions import VERSION_LIMIT

from .text import decode, encode

COLUMNS = "id, type, data, saved_at, attempts, last_error, run_at, meta, due_at"
"""As `record` takes them. sqlite3 cannot fetch a row with a text that is not UTF-8 this way."""

DEAD_COLUMNS = "id, type, data, saved_at, attempts, last_error, run_at, meta, NULL, died_at"
"""The same of a dead letter."""


def with_kinds(columns: str) -> str:
    """The columns as `decoded` takes them, from a connection that leaves text as bytes."""
    return ", ".join(f"typeof({name}), {name}" for name in columns.split(", "))


def record(
    task_list: str,
    id: Any,
    type: object,
    data: object,
    saved_at: object,
    attempts: object,
    last_error: object,
    run_at: object,
    meta: object,
    due_at: object,
    died_at: object = None,
    *,
    claim: Claim | None = None,
) -> TaskRecord:
    """The record for a row, each column as sqlite3 gives it (text as str)."""
    problems: list[str] = []
    if not isinstance(type, str):
        problems.append(_wrong("type", type))
        type = decode(type) if isinstance(type, bytes) else str(type)
    if not isinstance(data, bytes):
        if not isinstance(data, str):  # text is what a shell's UPDATE leaves, and its bytes may well be read
            problems.append(_wrong("data", data))
        data = b"" if data is None else encode(str(data))
    if not _is_version(saved_at):
        problems.append("saved_at is no version")
        saved_at = None  # so that a delete takes whatever version is there
    if not (isinstance(attempts, int) and attempts >= 0):
        problems.append(_wrong("attempts", attempts))
        attempts = 0
    if not (last_error is None or isinstance(last_error, str)):
        problems.append(_wrong("last_error", last_error))
        last_error = None
    if not (run_at is None or _is_version(run_at)):
        problems.append(_wrong("run_at", run_at))
        run_at = None
    if not (due_at is None or _is_version(due_at)):
        problems.append(_wrong("due_at", due_at))
        due_at = None
    if not (died_at is None or _is_version(died_at)):
        problems.append(_wrong("died_at", died_at))
        died_at = None
    notes = _notes(meta)
    if notes is None:
        problems.append("meta is no JSON object of texts")
    return TaskRecord(
        task_list,
        id,
        type,
        data,
        saved_at,
        min(attempts, MAX_ATTEMPTS),
        last_error,
        run_at,
        NO_META if notes is None else notes,
        "; ".join(problems) or None,
        due_at=due_at,
        claim=claim,
        died_at=died_at,
    )


def decoded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row of columns `with_kinds`, as sqlite3 would give it if all text were UTF-8."""
    pairs = zip(row[::2], row[1::2], strict=True)
    return tuple(decode(value) if kind == b"text" else value for kind, value in pairs)


def _is_version(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and 0 <= value < VERSION_LIMIT


def _wrong(column: str, value: object) -> str:
    # The kind, never the value: this text reaches logs.
    return f"{column} is a value of the wrong kind ({type(value).__name__}) or out of range"


def _notes(meta: object) -> Mapping[str, str] | None:
    if meta is None:
        return NO_META
    if not isinstance(meta, str):
        return None
    try:
        meta.encode()  # refuses what was no UTF-8
        notes = json.loads(meta)
    except (ValueError, RecursionError):
        return None
    if not isinstance(notes, dict) or not all(isinstance(value, str) for value in notes.values()):
        return None
    return notes
