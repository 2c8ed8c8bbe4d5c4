"""A session that is ready for task_rb's table, and that table's schema."""

from __future__ import annotations

from typing import Any, cast

from cassandra import InvalidRequest

from atleastonce.exceptions import ConfigurationError

from .link import Link
from .options import Options
from .schema import Schema
from .tables import Tables

_COLUMNS = {
    "task_list": ("text", "partition_key", 0),
    "id": ("text", "clustering", 0),
    "type": ("text", "clustering", 1),
    "data": ("text", "regular", -1),
}


class TaskRbStatements:
    """The prepared statements. All text is read as bytes: see `atleastonce_cassandra.text`."""

    def __init__(self, session: Any, tables: Tables, consistency: int) -> None:
        def prepare(cql: str, *, reads: bool = True) -> Any:
            statement = session.prepare(cql)
            statement.consistency_level = consistency
            statement.is_idempotent = reads
            return statement

        table = tables.tasks
        row = "textAsBlob(type), textAsBlob(data), writetime(data)"
        self.insert = prepare(
            f"INSERT INTO {table} (task_list, id, type, data) VALUES (?, ?, ?, ?) USING TIMESTAMP ?", reads=False
        )
        self.delete = prepare(
            f"DELETE FROM {table} USING TIMESTAMP ? WHERE task_list = ? AND id = ? AND type = ?", reads=False
        )
        self.find = prepare(f"SELECT {row} FROM {table} WHERE task_list = ? AND id = ?")
        self.page = prepare(f"SELECT textAsBlob(id), {row} FROM {table} WHERE task_list = ?")
        self.count = prepare(f"SELECT count(*) FROM {table} WHERE task_list = ?")
        self.lists = prepare(f"SELECT textAsBlob(task_list) FROM {table} PER PARTITION LIMIT 1")
        self.clock = prepare("SELECT toUnixTimestamp(now()) FROM system.local")


class TaskRbLink(Link):
    """See the module."""

    _some_place = "task_list = 'none'"

    def _prepare(self, options: Options) -> None:
        try:
            self.task_rb = TaskRbStatements(self.session, self.tables, options.consistency)
        except InvalidRequest as error:
            if "undefined column" in str(error).lower():
                raise ConfigurationError(f"{self.where} is not task_rb's table: leave layout=task_rb out") from error
            raise
        self.statements = cast(Any, self.task_rb)  # of which what measures the clock uses that one


class TaskRbSchema(Schema):
    """Makes the table as task_rb does, where it is missing; changes nothing of one that is there."""

    def setup(self, *, dry_run: bool) -> list[str]:
        """See `Schema.setup`."""
        statements = [] if self._has_keyspace() else [self._create_keyspace()]
        there = self._columns().get(self._tables.table)
        if there is None:
            columns = ", ".join(f"{column} {type}" for column, (type, *_) in _COLUMNS.items())
            statements.append(
                f"CREATE TABLE IF NOT EXISTS {self._tables.tasks} ({columns}, PRIMARY KEY ((task_list), id, type))"
            )
        elif there != _COLUMNS:
            raise ConfigurationError(
                f"{self._tables} exists, and is not task_rb's table: choose another name, ?table=..."
            )
        if not dry_run:
            for statement in statements:
                self._execute(statement)
        return statements
