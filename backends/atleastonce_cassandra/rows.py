"""Records as cells, and back, whatever the cells hold.

A task is one cell, so that two saves at once never mix: ``frozen<tuple<blob, blob, blob>>`` of type, data and notes. The notes
are ``''`` or a JSON object with ``run_at`` (microseconds) and ``meta`` (str to str), each where set.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any, TypeGuard

import attrs

from atleastonce.record import MAX_ATTEMPTS, NO_META, TaskRecord, usual_record
from atleastonce.versions import VERSION_LIMIT

from .protocol.state import State
from .protocol.versions import failure_timestamp
from .text import decode, encode

_length = Struct(">i").pack
_bigint = Struct(">q").pack
_boolean = Struct(">?").pack
_EMPTY = _length(0)
_NULL = _length(-1)


def cell_of(record: TaskRecord) -> bytes:
    """The task's cell, as the wire has it: each element after its length."""
    type = encode(record.type)
    start = _length(len(type)) + type + _length(len(record.data)) + record.data
    if record.run_at is None and not record.meta:
        return start + _EMPTY
    notes = _notes_of(record)
    return start + _length(len(notes)) + notes


def cell_again(parts: tuple[Any, ...]) -> bytes:
    """The cell for what the driver made of one."""
    return b"".join(_length(-1) if part is None else _length(len(part)) + part for part in parts)


def failure_cell(attempts: int, error: bytes) -> bytes:
    """The cell of a failure report. Of two with one write time the server keeps the larger value: the one with more attempts."""
    return _length(4) + _length(min(attempts, MAX_ATTEMPTS)) + _length(len(error)) + error


_STATE: tuple[Callable[[Any], bytes], ...] = (_bigint, bytes, _bigint, _bigint, _boolean, _length, bytes, _bigint)


def claim_cell(state: State) -> bytes:
    """A row of the claims, as the wire has it."""
    parts = []
    for encoded, value in zip(_STATE, state, strict=True):
        if value is None:
            parts.append(_NULL)
        else:
            part = encoded(value)
            parts.append(_length(len(part)) + part)
    return b"".join(parts)


def due_cell(now: int, due_at: int | None) -> bytes:
    """The cell that shows when a task is due again. Of two with one write time the server keeps the larger value: what was written later."""
    return _length(8) + _bigint(now) + (_NULL if due_at is None else _length(8) + _bigint(due_at))


def record_of(
    task_list: str,
    id: bytes,
    task: tuple[Any, ...],
    failure: tuple[Any, ...] | None,
    version: int,
    due: tuple[Any, ...] | None = None,
    due_written: int | None = None,
) -> TaskRecord:
    """The record for a row, each column as the driver gives it. A `due` that was not written for this version says nothing."""
    if due is not None and due_written == failure_timestamp(version) and _is_version(due[1]):
        return attrs.evolve(record_of(task_list, id, task, failure, version), due_at=due[1])
    type, data, notes = task
    attempts, last_error = failure or (0, b"")
    if (
        (type is not None and data is not None)
        and (notes == b"" and attempts == 0 and not last_error)
        and 0 <= version < VERSION_LIMIT
    ):
        return usual_record(task_list, decode(id), decode(type), data, version)
    return _record(task_list, decode(id), type, data, notes, attempts, last_error, version)


def _record(
    task_list: str, id: str, type: Any, data: Any, notes: Any, attempts: Any, last_error: Any, version: Any
) -> TaskRecord:
    problems = [
        f"{name} is missing" for name, value in (("type", type), ("data", data), ("notes", notes)) if value is None
    ]
    if not _is_version(version):
        problems.append("the write time of the row is no version")
        version = None  # so that a delete takes whatever version is there
    if not _is_version(attempts):
        problems.append("attempts is missing or negative")
        attempts = 0
    run_at, meta = None, NO_META
    if notes:
        read = _read_notes(notes)
        if read is None:
            problems.append("notes is no JSON object of run_at and meta")
        else:
            run_at, meta = read
    return TaskRecord(
        task_list,
        id,
        decode(type or b""),
        data or b"",
        version,
        min(attempts, MAX_ATTEMPTS),
        decode(last_error) if last_error or (attempts and last_error is not None) else None,
        run_at,
        meta,
        "; ".join(problems) or None,
    )


def _notes_of(record: TaskRecord) -> bytes:
    notes: dict[str, Any] = {}
    if record.run_at is not None:
        notes["run_at"] = record.run_at
    if record.meta:
        notes["meta"] = dict(record.meta)
    return json.dumps(notes, separators=(",", ":")).encode()


def _read_notes(stored: bytes) -> tuple[int | None, Mapping[str, str]] | None:
    try:
        notes = json.loads(stored)
    except (ValueError, RecursionError):
        return None
    if not isinstance(notes, dict):
        return None
    run_at, meta = notes.get("run_at"), notes.get("meta", NO_META)
    if not (run_at is None or _is_version(run_at)):
        return None
    if not isinstance(meta, Mapping) or not all(isinstance(value, str) for value in meta.values()):
        return None
    return run_at, meta


def _is_version(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < VERSION_LIMIT
