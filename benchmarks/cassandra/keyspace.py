"""The keyspace of one run: our tables, and beside them the raw side's, of the same shape."""

from __future__ import annotations

import re
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy
from cassandra.query import tuple_factory

from atleastonce import TaskStore
from atleastonce.clock import Clock, system_clock
from atleastonce.testing.cassandra.resolve import any_server
from atleastonce.testing.cassandra.server import CassandraServer

TIMEOUT_S = 60
"""For one request of either side: the server may be busy, and a benchmark is no test of deadlines."""


@attrs.frozen(kw_only=True)
class Keyspace:
    """See the module.

    Attributes:
        name: of the keyspace.
        server: where it is.
        session: the raw side's session of the driver, set up as well as the driver can be.
        version: of the server.
    """

    name: str
    server: CassandraServer
    session: Session
    version: str

    def store(self, table: str = "tasks", clock: Clock = system_clock) -> TaskStore:
        """A store whose tables are there."""
        url = self.server.url(self.name, table=table, replication_factor=1, timeout=TIMEOUT_S)
        store = TaskStore(url, clock=clock)
        store.setup()
        return store

    def raw_table(self) -> str:
        """A new, empty table like ours; its full name."""
        table = f"raw_{uuid.uuid4().hex[:8]}"
        url = self.server.url(self.name, table=table, replication_factor=1)
        with TaskStore(url) as store:
            (create,) = (cql for cql in store.setup(dry_run=True) if cql.startswith("CREATE") and f".{table} " in cql)
        self.session.execute(re.sub(r"ID = \S+ AND ", "", create))
        return f"{self.name}.{table}"


@contextmanager
def keyspace() -> Iterator[Keyspace]:
    """A keyspace on the first server that can be had (see `any_server`), dropped at the end."""
    name = f"bench_{uuid.uuid4().hex[:12]}"
    with any_server() as server:
        cluster = _cluster(server)
        try:
            session = cluster.connect()
            (version,) = session.execute("SELECT release_version FROM system.local").one()
            made = Keyspace(name=name, server=server, session=session, version=version)
            made.store().close()
            try:
                yield made
            finally:
                session.execute(f"DROP KEYSPACE {name}", timeout=TIMEOUT_S)
        finally:
            cluster.shutdown()


def _cluster(server: CassandraServer) -> Cluster:
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(server.local_dc)),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        request_timeout=TIMEOUT_S,
        row_factory=tuple_factory,  # the fastest
    )
    arguments: dict[str, Any] = {}
    if server.username is not None:
        from cassandra.auth import PlainTextAuthProvider  # noqa: PLC0415 (rarely needed)

        arguments["auth_provider"] = PlainTextAuthProvider(server.username, server.password)
    return Cluster(
        server.hosts,
        port=server.port,
        protocol_version=4,  # in 5 the driver is slower, and drops connections
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        control_connection_timeout=TIMEOUT_S,
        **arguments,
    )
