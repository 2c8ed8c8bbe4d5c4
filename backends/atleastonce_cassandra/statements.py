"""The prepared statements, and their values as the wire has them.

Values are encoded here and not by the driver: it would look at each one's type again and again, and that is most of the time
of a large save.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Any

from cassandra.query import BatchStatement, BatchType, BoundStatement

from .protocol.places import Place
from .tables import Tables

int_bytes = Struct(">i").pack
bigint_bytes = Struct(">q").pack

_PLACE = "task_list = ? AND slot = ? AND origin = ?"


class Statements:
    """Every statement of one set of tables, prepared in one session, which would forget those that nobody holds."""

    def __init__(self, session: Any, tables: Tables, consistency: int, *, has_due: bool) -> None:
        def prepare(cql: str) -> Any:
            statement = session.prepare(cql)
            statement.consistency_level = consistency
            return statement

        t = tables
        row = "task, failure, writetime(task)" + (", due, writetime(due)" if has_due else "")
        self.insert = prepare(
            f"INSERT INTO {t.tasks} (task_list, slot, origin, id, task, failure) VALUES (?, ?, ?, ?, ?, (0, 0x)) USING TIMESTAMP ?"
        )
        self.delete = prepare(f"DELETE FROM {t.tasks} USING TIMESTAMP ? WHERE {_PLACE} AND id = ?")
        self.find = prepare(f"SELECT {row} FROM {t.tasks} WHERE {_PLACE} AND id = ?")
        self.read = prepare(f"SELECT textAsBlob(id), task, writetime(task) FROM {t.tasks} WHERE {_PLACE} AND id IN ?")
        self.read_one = prepare(
            f"SELECT textAsBlob(id), task, writetime(task) FROM {t.tasks} WHERE {_PLACE} AND id = ?"
        )
        self.page = prepare(f"SELECT textAsBlob(id), {row} FROM {t.tasks} WHERE {_PLACE}")
        self.any = prepare(f"SELECT slot FROM {t.tasks} WHERE {_PLACE} LIMIT 1")
        self.count = prepare(f"SELECT count(task) FROM {t.tasks} WHERE {_PLACE}")
        self.failed_at = prepare(f"SELECT task, writetime(failure) FROM {t.tasks} WHERE {_PLACE} AND id = ?")
        self.register = prepare(
            f"INSERT INTO {t.segments} (task_list, slot, origin) VALUES (?, ?, ?) USING TIMESTAMP ?"
        )
        self.unregister = prepare(
            f"DELETE FROM {t.segments} USING TIMESTAMP ? WHERE task_list = ? AND slot = ? AND origin = ?"
        )
        self.segments = prepare(f"SELECT slot, origin FROM {t.segments} WHERE task_list = ? AND slot >= ? AND slot < ?")
        self.name_list = prepare(f"INSERT INTO {t.lists} (bucket, task_list) VALUES (?, ?) USING TIMESTAMP ?")
        self.lists = prepare(f"SELECT textAsBlob(task_list) FROM {t.lists} WHERE bucket = ?")
        self.clock = prepare("SELECT toUnixTimestamp(now()) FROM system.local")


class ClaimStatements:
    """Those for claims and dead letters, likewise; prepared when they are first needed."""

    def __init__(self, session: Any, tables: Tables, consistency: int) -> None:
        def prepare(cql: str) -> Any:
            statement = session.prepare(cql)
            statement.consistency_level = consistency
            return statement

        t = tables
        row = "textAsBlob(id), task, failure, writetime(task)"
        self.page = prepare(f"SELECT {row} FROM {t.tasks} WHERE {_PLACE} AND id > ? LIMIT ?")
        self.row = prepare(f"SELECT {row} FROM {t.tasks} WHERE {_PLACE} AND id = ?")
        self.rows = prepare(f"SELECT {row} FROM {t.tasks} WHERE {_PLACE} AND id IN ?")
        self.version = prepare(f"SELECT textAsBlob(id), writetime(task) FROM {t.tasks} WHERE {_PLACE} AND id = ?")
        self.versions = prepare(f"SELECT textAsBlob(id), writetime(task) FROM {t.tasks} WHERE {_PLACE} AND id IN ?")
        self.versions_between = prepare(
            f"SELECT textAsBlob(id), writetime(task) FROM {t.tasks} WHERE {_PLACE} AND id >= ? AND id <= ?"
        )
        self.claims = prepare(f"SELECT id, claim FROM {t.claims} WHERE {_PLACE} AND id IN ?")
        self.claims_between = prepare(f"SELECT id, claim FROM {t.claims} WHERE {_PLACE} AND id >= ? AND id <= ?")
        self.swap = prepare(f"UPDATE {t.claims} USING TTL ? SET claim = ? WHERE {_PLACE} AND id = ? IF claim = ?")
        self.report = prepare(f"UPDATE {t.tasks} USING TIMESTAMP ? SET failure = ?, due = ? WHERE {_PLACE} AND id = ?")
        self.delete = prepare(f"DELETE FROM {t.tasks} USING TIMESTAMP ? WHERE {_PLACE} AND id = ?")
        self.bury = prepare(
            f"INSERT INTO {t.dead} (task_list, slot, origin, id, task, failure, died_at) VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
        )
        self.dead = prepare(
            f"SELECT textAsBlob(id), task, failure, writetime(task), died_at FROM {t.dead} WHERE {_PLACE}"
        )
        self.dead_version = prepare(
            f"SELECT textAsBlob(id), task, writetime(task) FROM {t.dead} WHERE {_PLACE} AND id = ?"
        )
        self.discard = prepare(f"DELETE FROM {t.dead} USING TIMESTAMP ? WHERE {_PLACE} AND id = ?")
        self.register_dead = prepare(
            f"INSERT INTO {t.dead_segs} (task_list, slot, origin) VALUES (?, ?, ?) USING TIMESTAMP ?"
        )
        self.dead_segments = prepare(
            f"SELECT slot, origin FROM {t.dead_segs} WHERE task_list = ? AND slot >= ? AND slot < ?"
        )


class Encoded(BoundStatement):  # type: ignore[misc]  # the driver has no types
    """A prepared statement with values that are encoded already. Its answer is one page, unless `fetch_size` is set."""

    raw_values = "..."  # what its repr shows
    # Else a caller's session cuts answers where it likes, and the rows behind that seem not to be there.
    fetch_size: int | None = None

    def __init__(self, prepared: Any, values: Sequence[bytes | None], consistency: int | None = None) -> None:
        # Not by way of the driver's own, which looks at all that could be set; what is not set here is None in its classes.
        self.prepared_statement = prepared
        self.values = values
        self.consistency_level = prepared.consistency_level if consistency is None else consistency
        self.is_idempotent = prepared.is_idempotent
        self.keyspace = prepared.column_metadata[0].keyspace_name if prepared.column_metadata else None


class Together(BatchStatement):  # type: ignore[misc]  # the driver has no types
    """Statements on one partition, in several tables or in one, in one request: one mutation, whatever their number."""

    def __init__(self, statements: Sequence[Encoded]) -> None:
        routing = statements[0]
        super().__init__(BatchType.UNLOGGED, consistency_level=routing.consistency_level)
        self._statements_and_parameters = [(True, one.prepared_statement.query_id, one.values) for one in statements]
        self.routing_key = routing.routing_key
        self.keyspace = routing.keyspace


class RowBatch(BatchStatement):  # type: ignore[misc]  # the driver has no types
    """Many rows of one table and partition in one request, likewise."""

    def __init__(self, prepared: Any, rows: Sequence[Sequence[bytes | None]], routing: Any) -> None:
        super().__init__(BatchType.UNLOGGED, consistency_level=prepared.consistency_level)
        query_id = prepared.query_id
        self._statements_and_parameters = [(True, query_id, values) for values in rows]
        self.routing_key = routing.routing_key
        self.keyspace = routing.keyspace


def place_values(place: Place) -> tuple[bytes, bytes, bytes]:
    """The values of a partition key."""
    return place.task_list, int_bytes(place.slot), bigint_bytes(place.token)


def list_value(items: Sequence[bytes]) -> bytes:
    """The value of a list of texts."""
    return int_bytes(len(items)) + b"".join(int_bytes(len(item)) + item for item in items)
