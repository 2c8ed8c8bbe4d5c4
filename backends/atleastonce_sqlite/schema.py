"""The tables, the marks by which a file is known as ours, and how it becomes so."""

from __future__ import annotations

import sqlite3

from atleastonce.exceptions import ConfigurationError, StoreError

APPLICATION_ID = 0x4174_4C4F
"""``AtLO``: tells ``file`` and us whose database it is."""

SCHEMA_VERSION = 2
"""Kept in the file as its user_version. 1 had no claims, that is none of `_CLAIM_COLUMNS` and no dead letters."""

JOURNAL = "PRAGMA journal_mode = WAL"

# At the end, where older files get them too. A save leaves them all out: so it voids the claim on what it replaces.
_CLAIM_COLUMNS = (
    "due_at INTEGER",
    "claim_token TEXT",
    "claim_until INTEGER",  # by the clock of leases: see `leases`
    "claim_lease INTEGER",  # microseconds
    "claim_started INTEGER",  # 1: work began under this claim
)
_COMMA = ",\n  "

# The CHECKs are on what pages and versions are made of. Whatever else is wrong in a row is found when it is read.
_TABLES = (
    f"""\
CREATE TABLE IF NOT EXISTS atleastonce_tasks (
  task_list TEXT NOT NULL CHECK (typeof(task_list) = 'text'),
  id TEXT NOT NULL CHECK (typeof(id) = 'text'),
  type TEXT NOT NULL,
  data BLOB NOT NULL,
  saved_at INTEGER NOT NULL CHECK (typeof(saved_at) = 'integer'),
  attempts INTEGER NOT NULL DEFAULT 0,
  last_error TEXT,
  run_at INTEGER,
  meta TEXT,
  {_COMMA.join(_CLAIM_COLUMNS)},
  PRIMARY KEY (task_list, id)
) WITHOUT ROWID""",
    """\
CREATE TABLE IF NOT EXISTS atleastonce_settings (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version_floor INTEGER NOT NULL CHECK (typeof(version_floor) = 'integer'),
  slack_us INTEGER NOT NULL CHECK (typeof(slack_us) = 'integer'),
  owner INTEGER
)""",
)
_DEAD = """\
CREATE TABLE IF NOT EXISTS atleastonce_dead (
  task_list TEXT NOT NULL CHECK (typeof(task_list) = 'text'),
  id TEXT NOT NULL CHECK (typeof(id) = 'text'),
  type TEXT NOT NULL,
  data BLOB NOT NULL,
  saved_at INTEGER NOT NULL CHECK (typeof(saved_at) = 'integer'),
  attempts INTEGER NOT NULL DEFAULT 0,
  last_error TEXT,
  run_at INTEGER,
  meta TEXT,
  died_at INTEGER NOT NULL,
  PRIMARY KEY (task_list, id)
) WITHOUT ROWID"""
_KNOWN_BY = f"PRAGMA user_version = {SCHEMA_VERSION}"
_STATEMENTS = (*_TABLES, _DEAD, f"PRAGMA application_id = {APPLICATION_ID}", _KNOWN_BY)
_FROM_VERSION_1 = (
    *(f"ALTER TABLE atleastonce_tasks ADD COLUMN {column}" for column in _CLAIM_COLUMNS),
    _DEAD,
    _KNOWN_BY,
)


def is_ready(connection: sqlite3.Connection, path: str) -> bool:
    """Whether the file has this schema; False where it can be given it. Only reads.

    Raises `StoreError` for a newer schema and `ConfigurationError` for a file that belongs to something else.
    """
    alone = not connection.in_transaction
    if alone:
        connection.execute("BEGIN")  # all from one moment: another process may be setting it up
    try:
        return _judge(connection, path)
    finally:
        if alone and connection.in_transaction:
            connection.execute("ROLLBACK")


def _judge(connection: sqlite3.Connection, path: str) -> bool:
    [(owner,)] = connection.execute("PRAGMA application_id").fetchall()
    [(version,)] = connection.execute("PRAGMA user_version").fetchall()
    if owner == APPLICATION_ID:
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{path} was written by a newer atleastonce (schema {version}, this one knows {SCHEMA_VERSION}); "
                "upgrade atleastonce here",
                outcome="not_applied",
            )
        return bool(version == SCHEMA_VERSION)
    [(encoding,)] = connection.execute("PRAGMA encoding").fetchall()
    taken = connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'atleastonce!_%' ESCAPE '!'").fetchall()
    if owner or version or taken or encoding != "UTF-8":
        raise ConfigurationError(
            f"{path} is the database of another application (application_id {owner}, user_version {version}, "
            f"{encoding}{', with tables under our names' if taken else ''}) and was left as it is; name another file"
        )
    return False


def statements(connection: sqlite3.Connection | None, path: str) -> list[str]:
    """What `create` would run; None stands for a file that is not there yet."""
    if connection is None:
        return [JOURNAL, *_STATEMENTS]
    [(mode,)] = connection.execute("PRAGMA journal_mode").fetchall()
    return [*(() if mode == "wal" else (JOURNAL,)), *_missing(connection, path)]


def _missing(connection: sqlite3.Connection, path: str) -> tuple[str, ...]:
    """The statements that give the file this schema."""
    if is_ready(connection, path):
        return ()
    [(version,)] = connection.execute("PRAGMA user_version").fetchall()
    return _FROM_VERSION_1 if version == 1 else _STATEMENTS


def create(connection: sqlite3.Connection, path: str) -> list[str]:
    """Give the file the schema, unless another process was faster. All or nothing. Returns what was run."""
    is_ready(connection, path)  # or it is left as it is, journal mode and all
    ran = [JOURNAL] if use_wal(connection, path) else []
    connection.execute("BEGIN IMMEDIATE")
    try:
        missing = _missing(connection, path)
        for statement in missing:
            connection.execute(statement)
        ran += missing
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return ran


def use_wal(connection: sqlite3.Connection, path: str) -> bool:
    """Switch to the write-ahead log, which lets readers read while others save. Whether it was off."""
    [(before,)] = connection.execute("PRAGMA journal_mode").fetchall()
    if before == "wal":
        return False
    [(after,)] = connection.execute(JOURNAL).fetchall()
    if after != "wal":
        raise ConfigurationError(
            f"{path} cannot have a write-ahead log (its journal stays {after!r}); put it on a local file system"
        )
    return True
