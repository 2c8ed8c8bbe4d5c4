"""The tables: what `setup` makes, and how it finds what is missing."""

from __future__ import annotations

import logging
from typing import Any

from cassandra import ConsistencyLevel, Unauthorized
from cassandra.cluster import EXEC_PROFILE_DEFAULT
from cassandra.query import SimpleStatement, tuple_factory

from atleastonce.exceptions import ConfigurationError, StoreError

from . import settings
from .errors import describe, translate
from .options import Options
from .servers import connected
from .tables import Tables

GC_GRACE_SECONDS = 21_600
"""How long deletions are kept: the time in which hints are kept (3 h), and as much to replay them. A replica that was away for
longer must be rebuilt; the shorter this is, the fewer deletions there are to read past."""

SETUP_SECONDS = 60.0
"""For one statement: the servers agree on a new schema by gossip."""

FIRST_UCS = (5, 0)
"""The first version of Cassandra with the unified compaction strategy."""

log: logging.Logger = logging.getLogger("atleastonce.cassandra")

_COLUMNS = {
    "tasks": {
        "task_list": "text",
        "slot": "int",
        "origin": "bigint",
        "id": "text",
        "task": "frozen<tuple<blob, blob, blob>>",
        "failure": "frozen<tuple<int, blob>>",
        "due": "frozen<tuple<bigint, bigint>>",
    },
    "segments": {"task_list": "text", "slot": "int", "origin": "bigint"},
    "lists": {"bucket": "int", "task_list": "text"},
    # The names are blobs: a refused batch gives them back, and text that is none would end the connection.
    "claims": {
        "task_list": "blob",
        "slot": "int",
        "origin": "bigint",
        "id": "blob",
        "claim": "frozen<tuple<bigint, blob, bigint, bigint, boolean, int, blob, bigint>>",
    },
    "dead": {
        "task_list": "text",
        "slot": "int",
        "origin": "bigint",
        "id": "text",
        "task": "frozen<tuple<blob, blob, blob>>",
        "failure": "frozen<tuple<int, blob>>",
        "died_at": "bigint",
    },
    "dead_segs": {"task_list": "text", "slot": "int", "origin": "bigint"},
    "settings": {"one": "int", "schema_version": "int", "shards": "int", "write_consistency": "text"},
}
_ADDED = {"tasks": ("due",)}
"""Columns that version 1 of the tables has not."""

_KEYS = {  # the columns of the partition key, then those that sort within it
    "tasks": (("task_list", "slot", "origin"), ("id",)),
    "segments": (("task_list",), ("slot", "origin")),
    "lists": (("bucket",), ("task_list",)),
    "claims": (("task_list", "slot", "origin"), ("id",)),
    "dead": (("task_list", "slot", "origin"), ("id",)),
    "dead_segs": (("task_list",), ("slot", "origin")),
    "settings": (("one",), ()),
}

_Column = tuple[str, str, int]
"""Its type, kind and position in the key, as the server's own tables have them."""


class Schema:
    """Creates what is missing. All of it through one server, so that two who set up at once agree.

    Args:
        session: the driver's.
        options: names, and the replication of a keyspace that is to be made.
    """

    def __init__(self, session: Any, options: Options) -> None:
        self._session = session
        self._options = options
        self._tables = Tables(options.keyspace, options.table)
        self._host = min(connected(session), key=lambda host: str(host.host_id), default=None)

    def setup(self, *, dry_run: bool) -> list[str]:
        """Run what is missing, or only say what that is."""
        statements: list[str] = []
        row = self._settings_row()
        if row is not None:  # before the tables are looked at: a newer release's need not look like ours
            settings.check(row, self._options, str(self._tables))
        if not self._has_keyspace():
            statements.append(self._create_keyspace())
        statements += self._create_tables()
        if not dry_run:
            for statement in statements:
                self._execute(statement)
        last = self._write_settings(row)
        if last is not None:  # once the tables are there
            statements.append(last)
            if not dry_run:
                self._execute(last)
        if not dry_run:
            self._check_tables()
            settings.check(self._settings_row(), self._options, str(self._tables))
        return statements

    def _write_settings(self, row: tuple[Any, ...] | None) -> str | None:
        if row is None:
            return (
                f"INSERT INTO {self._tables.settings} (one, {settings.COLUMNS}) "
                f"VALUES (1, {settings.initial(self._options)}) IF NOT EXISTS"
            )
        version = row[0]
        if version == settings.SCHEMA_VERSION:
            return None
        return (
            f"UPDATE {self._tables.settings} SET schema_version = {settings.SCHEMA_VERSION} "
            f"WHERE one = 1 IF schema_version = {version}"
        )

    def _has_keyspace(self) -> bool:
        there = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = %s"
        return bool(self._select(there, (self._options.keyspace,)))

    def _create_keyspace(self) -> str:
        replication = self._options.replication
        if replication is None:
            raise _keyspace_missing(self._options.keyspace)
        pairs = ", ".join(f"'{dc or 'replication_factor'}': {count}" for dc, count in replication.items())
        return (
            f'CREATE KEYSPACE IF NOT EXISTS "{self._options.keyspace}" '
            f"WITH replication = {{'class': 'NetworkTopologyStrategy', {pairs}}}"
        )

    def _create_tables(self) -> list[str]:
        there = self._columns()
        statements = []
        for kind, name in self._tables.names.items():
            columns = _COLUMNS[kind]
            if name not in there:
                statements.append(self._create_table(kind, name))
                continue
            missing = [column for column in _ADDED.get(kind, ()) if column not in there[name]]
            added = ", ".join(f"{column} {columns[column]}" for column in missing)
            if added:
                columns = {column: type for column, type in columns.items() if column not in missing}
                statements.append(f'ALTER TABLE "{self._options.keyspace}".{name} ADD IF NOT EXISTS ({added})')
            if there[name] != _described(kind, columns):
                raise ConfigurationError(
                    f"{self._options.keyspace}.{name} exists, with other columns or another key than ours: is it another program's table "
                    "(task_rb's, perhaps)? Choose other names: ?table=..."
                )
        return statements

    def _create_table(self, kind: str, name: str) -> str:
        columns = ", ".join(f"{column} {type}" for column, type in _COLUMNS[kind].items())
        partition, sorted_by = _KEYS[kind]
        key = ", ".join((f"({', '.join(partition)})", *sorted_by))
        return (
            f'CREATE TABLE IF NOT EXISTS "{self._options.keyspace}".{name} ({columns}, PRIMARY KEY ({key})) '
            f"WITH ID = {self._tables.id_of(name)} AND gc_grace_seconds = {GC_GRACE_SECONDS} "
            f"AND compaction = {{'class': '{self._compaction()}'}} AND read_repair = 'BLOCKING'"
        )

    def _compaction(self) -> str:
        ((version,),) = self._select("SELECT release_version FROM system.local", ())
        numbers = tuple(int(part) for part in version.split("-")[0].split(".")[:2])
        return "UnifiedCompactionStrategy" if numbers >= FIRST_UCS else "LeveledCompactionStrategy"

    def _columns(self) -> dict[str, dict[str, _Column]]:
        """Table to column to what it is, of all tables of the keyspace."""
        found: dict[str, dict[str, _Column]] = {}
        for table, column, *described in self._select(
            "SELECT table_name, column_name, type, kind, position FROM system_schema.columns WHERE keyspace_name = %s",
            (self._options.keyspace,),
        ):
            found.setdefault(table, {})[column] = tuple(described)
        return found

    def _settings_row(self) -> tuple[Any, ...] | None:
        if self._tables.names["settings"] not in self._columns():
            return None
        select = f"SELECT {settings.SELECTED} FROM {self._tables.settings}"
        rows = self._select(SimpleStatement(select, consistency_level=ConsistencyLevel.SERIAL), ())
        return rows[0] if rows else None

    def _check_tables(self) -> None:
        """Warn of what somebody changed since."""
        for name, grace, repair in self._select(
            "SELECT table_name, gc_grace_seconds, read_repair FROM system_schema.tables WHERE keyspace_name = %s",
            (self._options.keyspace,),
        ):
            if name not in self._tables.names.values():
                continue
            if grace < GC_GRACE_SECONDS:
                log.warning(
                    "%s.%s has gc_grace_seconds = %d, below %d: after an outage completed tasks may run again",
                    self._options.keyspace,
                    name,
                    grace,
                    GC_GRACE_SECONDS,
                )
            if repair != "BLOCKING":
                log.warning(
                    "%s.%s has read_repair = %r, not 'BLOCKING': a task that was read once may be missed by the next read",
                    self._options.keyspace,
                    name,
                    repair,
                )

    def _select(self, statement: Any, values: tuple[Any, ...]) -> list[Any]:
        return list(self._run(statement, values or None))

    def _execute(self, statement: str) -> None:
        self._run(SimpleStatement(statement, consistency_level=ConsistencyLevel.QUORUM), None)

    def _run(self, statement: Any, values: tuple[Any, ...] | None) -> Any:
        profile = self._session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, row_factory=tuple_factory)
        try:
            return self._session.execute(
                statement, values, timeout=SETUP_SECONDS, host=self._host, execution_profile=profile
            )
        except Unauthorized as error:
            raise StoreError(
                f"this user may not set up {self._tables}; run store.setup() as a role that has CREATE, SELECT and MODIFY "
                f"on the keyspace (CREATE ON ALL KEYSPACES where that is to be made, too): {describe(error)}",
                outcome="unknown",  # what came before it may be there
            ) from error
        except Exception as error:
            raise translate(error, str(self._tables), writing=True) from error


def _described(kind: str, columns: dict[str, str]) -> dict[str, _Column]:
    """What the server says of a table of ours."""
    partition, sorted_by = _KEYS[kind]
    keys = {
        **{name: ("partition_key", position) for position, name in enumerate(partition)},
        **{name: ("clustering", position) for position, name in enumerate(sorted_by)},
    }
    return {name: (type, *keys.get(name, ("regular", -1))) for name, type in columns.items()}


def _keyspace_missing(keyspace: str) -> ConfigurationError:
    """For a keyspace that is not there, where nobody said how to make it."""
    return ConfigurationError(
        f"there is no keyspace {keyspace}, and its replication is not for us to guess: create it, or say how in the URL of setup() "
        "(replication=dc1:3, or replication_factor=1 on a single server)"
    )
