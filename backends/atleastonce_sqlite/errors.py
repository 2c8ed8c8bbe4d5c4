"""sqlite3's exceptions as ours: what went wrong, in which file, and what to do. SQLite's messages quote no values."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from atleastonce.exceptions import AtLeastOnceError, InvalidTask, Outcome, StoreError, StoreUnavailable

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_BROKEN = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB}
_AFTER_THE_FACT = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERNAL,
    sqlite3.SQLITE_ABORT,
    sqlite3.SQLITE_INTERRUPT,
}
_BAD_VALUE = {
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_RANGE,
}


def primary_code(error: BaseException) -> int | None:
    """SQLite's primary result code; None for what sqlite3 itself raises."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF  # the bits above make it an extended code


def is_busy(error: sqlite3.Error) -> bool:
    """Whether somebody else holds a lock, so that the same may work in a moment."""
    return primary_code(error) in _BUSY


def breaks_connection(error: BaseException) -> bool:
    """Whether the connection is not to be trusted any more: the next use opens another."""
    return primary_code(error) in _BROKEN


def outcome_of_commit(error: BaseException) -> Outcome:
    """What a COMMIT that failed, or a statement that commits by itself, has done.

    A full disk, a lock or a bad value stops it before the last frame is in the WAL, and SQLite rolls back. After an I/O
    error (an fsync that failed, say) the frames may be there, and a recovery after a crash may take them for committed.
    """
    return "unknown" if primary_code(error) in _AFTER_THE_FACT else "not_applied"


def translate(error: Exception, path: str, timeout: float, outcome: Outcome = "not_applied") -> Exception:
    """The error to raise in its place; itself where it is already ours, or nothing that this backend knows."""
    if isinstance(error, AtLeastOnceError):
        return error
    if isinstance(error, UnicodeError):
        return InvalidTask("a text of the task cannot be stored as UTF-8")
    if isinstance(error, OverflowError):
        return InvalidTask("a number of the task has more than 64 bits, or its data more than SQLite takes")
    if not isinstance(error, sqlite3.Error):
        return error
    code = primary_code(error)
    if code is None and isinstance(error, sqlite3.InterfaceError | sqlite3.ProgrammingError):
        return InvalidTask("a task holds a value of a type that SQLite cannot store")
    if code in _BAD_VALUE:
        return InvalidTask(f"SQLite refuses the task: {error}")
    kind, text = _explain(code, error, path, timeout)
    return kind(text, outcome=outcome)


def _explain(code: int | None, error: sqlite3.Error, path: str, timeout: float) -> tuple[type[StoreError], str]:
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
            return StoreUnavailable, (
                f"{path} has been locked by another process for longer than {timeout:g} s; "
                "end what holds it, or raise ?timeout="
            )
        case sqlite3.SQLITE_FULL:
            return StoreUnavailable, f"{path} cannot grow: the disk, or a quota, is full; make room and repeat"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return (
                StoreUnavailable,
                f"{path} cannot be written: let this user write the file and its directory ({error})",
            )
        case sqlite3.SQLITE_CANTOPEN:
            return StoreUnavailable, _why_not_opened(path)
        case sqlite3.SQLITE_IOERR:
            return StoreUnavailable, f"reading or writing {path} failed: look at the disk and its limits ({error})"
        case sqlite3.SQLITE_NOTADB:
            return StoreError, f"{path} is not an SQLite database, and was left as it is; name another file"
        case sqlite3.SQLITE_CORRUPT:
            return StoreError, f"{path} is damaged: save what can be read with sqlite3's .recover ({error})"
        case sqlite3.SQLITE_NOMEM:
            return StoreUnavailable, f"SQLite ran out of memory on {path}"
    return StoreError, f"SQLite failed on {path}: {error}"


def _why_not_opened(path: str) -> str:
    folder = Path(path).parent
    if Path(path).is_dir():
        return f"{path} is a directory; name a file"
    if not folder.is_dir():
        return f"{path} cannot be opened: make the directory {folder} first"
    return (
        f"{path} cannot be opened: let this user read and write it and its directory, and look at the open-file limit"
    )
