"""A node of our own with more configuration: passwords and grants, and guardrails."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest
from cassandra import InvalidRequest, Unauthorized
from cassandra.cluster import NoHostAvailable

from atleastonce.testing.cassandra import CassandraServer
from atleastonce.testing.cassandra.jvm import jvm_server
from atleastonce.testing.cassandra.unavailable import Unavailable, skip_or_fail

pytestmark = pytest.mark.slow  # the server starts


@pytest.fixture(scope="module")
def server() -> Iterator[CassandraServer]:
    try:
        with jvm_server(passwords=True, yaml="user_timestamps_enabled: false\n") as server:
            yield server
    except Unavailable as reason:  # pragma: no cover - no Java here
        skip_or_fail(reason)


def test_grants(server: CassandraServer) -> None:
    with server.session() as session:
        session.execute("CREATE ROLE reader WITH PASSWORD = 'p' AND LOGIN = true")
        session.execute("CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        session.execute("CREATE TABLE k.t (id int PRIMARY KEY)")
        session.execute("GRANT SELECT ON k.t TO reader")
    reader = attrs.evolve(server, username="reader", password="p")
    with reader.session("k") as session:
        assert list(session.execute("SELECT id FROM t")) == []
        with pytest.raises(Unauthorized):
            session.execute("INSERT INTO t (id) VALUES (1)")


def test_a_wrong_password(server: CassandraServer) -> None:
    wrong = attrs.evolve(server, password="wrong")
    with pytest.raises(NoHostAvailable), wrong.session():
        pass  # pragma: no cover - not reached


def test_a_guardrail(server: CassandraServer) -> None:
    with server.session() as session:
        session.execute("CREATE ROLE plain WITH PASSWORD = 'p' AND LOGIN = true")
        session.execute("CREATE KEYSPACE g WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        session.execute("CREATE TABLE g.t (id int PRIMARY KEY)")
        session.execute("GRANT ALL ON KEYSPACE g TO plain")
    plain = attrs.evolve(server, username="plain", password="p")
    with (
        plain.session("g") as session,
        pytest.raises(InvalidRequest, match="User provided timestamps"),
    ):  # superusers may
        session.execute("INSERT INTO t (id) VALUES (1) USING TIMESTAMP 1")
