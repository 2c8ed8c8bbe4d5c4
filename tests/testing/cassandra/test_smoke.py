"""The fixtures give a real server, and keyspaces that are gone after their class."""

from __future__ import annotations

import pytest

from atleastonce.testing.cassandra import CassandraServer
from atleastonce.testing.cassandra.release import chosen_release

pytestmark = pytest.mark.slow  # the server starts


def keyspaces(server: CassandraServer) -> set[str]:
    with server.session() as session:
        return {row.keyspace_name for row in session.execute("SELECT keyspace_name FROM system_schema.keyspaces")}


class TestKeyspace:
    """In their order: both have the one keyspace of the class."""

    seen: str | None = None

    def test_it_can_be_made_and_used(self, cassandra_server: CassandraServer, cassandra_keyspace: str) -> None:
        type(self).seen = cassandra_keyspace
        replication = {"class": "NetworkTopologyStrategy", cassandra_server.local_dc: 1}
        with cassandra_server.session() as session:
            session.execute(f"CREATE KEYSPACE {cassandra_keyspace} WITH replication = {replication}")
            session.execute(f"CREATE TABLE {cassandra_keyspace}.t (id int PRIMARY KEY)")
        with cassandra_server.session(cassandra_keyspace) as session:
            session.execute("INSERT INTO t (id) VALUES (1)")
            assert [row.id for row in session.execute("SELECT id FROM t")] == [1]

    def test_the_class_has_one(self, cassandra_server: CassandraServer, cassandra_keyspace: str) -> None:
        assert cassandra_keyspace == self.seen
        assert cassandra_keyspace in keyspaces(cassandra_server)


def test_it_is_dropped_after_the_class(cassandra_server: CassandraServer, cassandra_keyspace: str) -> None:
    assert cassandra_keyspace != TestKeyspace.seen
    assert TestKeyspace.seen not in keyspaces(cassandra_server)


def test_it_is_the_release_that_was_asked_for(cassandra_server: CassandraServer) -> None:
    if cassandra_server.origin.startswith("named"):
        pytest.skip("a server that is named may be of any release")  # pragma: no cover - a developer's own
    with cassandra_server.session() as session:
        version = session.execute("SELECT release_version FROM system.local").one().release_version
    assert version.startswith(f"{chosen_release().line}.")
