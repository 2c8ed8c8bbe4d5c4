"""The Cassandra backend keeps the contract, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from atleastonce.testing import BackendConformance
from atleastonce.testing.cassandra import CassandraServer
from atleastonce.testing.clauses.base import OpenBackend
from atleastonce.testing.clauses.damage import Damage
from atleastonce.urls import parse_url
from atleastonce_cassandra import CassandraStore
from atleastonce_cassandra.protocol.places import segment_of
from atleastonce_cassandra.settings import SHARDS


class TestCassandra(BackendConformance):
    """``cassandra://host/keyspace``: a keyspace for the class; its tables are emptied for each test.

    The row of the settings too: so they are not set up, as far as a store can tell. (Making four tables takes a server half a
    second; that setup makes them, many at once too, is tested with the schema.)
    """

    machine_examples = (
        4  # a call takes milliseconds here, a reopening a tenth of a second; on a busy machine ten times that
    )

    @pytest.fixture
    def open_backend(self, cassandra_server: CassandraServer, cassandra_keyspace: str) -> OpenBackend:
        """A store on them."""
        with cassandra_server.session() as session:
            there = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s"
            for (table,) in session.execute(there, (cassandra_keyspace,)):
                session.execute(f"TRUNCATE {cassandra_keyspace}.{table}")
        url = parse_url(cassandra_server.url(cassandra_keyspace, replication_factor=1))
        return lambda clock: CassandraStore.from_url(url, clock=clock)

    def order(self, id: str) -> Any:
        """Shards first, then segments by slot; in each by the ids' bytes."""
        id_bytes = id.encode("utf-8", "surrogateescape")
        return segment_of(id, id_bytes, SHARDS), id_bytes

    @pytest.fixture(params=["(0x54, 0x7b7d, 0x5b)", "(null, 0x7b7d, 0x)", "(0x54, null, 0x)"])
    def damage(
        self, cassandra_server: CassandraServer, cassandra_keyspace: str, request: pytest.FixtureRequest
    ) -> Iterator[Damage]:
        """A cell of the wrong content, as somebody with a shell leaves it."""
        with cassandra_server.session(cassandra_keyspace) as session:

            def update(task_list: str, id: str) -> None:
                slot, origin = segment_of(id, id.encode(), SHARDS)
                session.execute(
                    f"UPDATE tasks SET task = {request.param} WHERE task_list = %s AND slot = %s AND origin = %s AND id = %s",
                    (task_list, slot, origin, id),
                )

            yield update
