"""`CassandraServer`: how tests reach a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import attrs
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import ConstantReconnectionPolicy, DCAwareRoundRobinPolicy

from atleastonce.urls import StoreURL

PROTOCOL = 4  # in 5 the driver breaks on answers that TCP cuts; without it others are tried first, with warnings
REQUEST_TIMEOUT_S = 60  # a schema change on a busy machine takes seconds


@attrs.frozen(kw_only=True)
class CassandraServer:
    """Where a server is, and who may use it. Whoever started it stops it.

    Attributes:
        hosts: names or addresses.
        port: of CQL, on all of them.
        local_dc: the data centre of the hosts.
        username: None where the server asks for none.
        password: likewise; shown nowhere.
        origin: who runs it, for people.
    """

    hosts: tuple[str, ...]
    port: int = 9042
    local_dc: str
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    origin: str = ""

    def url(self, keyspace: str, **params: object) -> str:
        """The URL of a store in that keyspace; more parameters of the URL by name, ``replication_factor=1`` say."""
        texts = {"local_dc": self.local_dc, **{name: _text(value) for name, value in params.items()}}
        hosts = tuple((host, self.port) for host in self.hosts)
        url = str(StoreURL(scheme="cassandra", hosts=hosts, path=keyspace, params=texts))
        if self.username is None:
            return url
        credentials = f"{quote(self.username, safe='')}:{quote(self.password or '', safe='')}"
        return url.replace("://", f"://{credentials}@", 1)  # a StoreURL shows no password

    @contextmanager
    def session(self, keyspace: str | None = None) -> Iterator[Any]:
        """A session of the driver, closed at the end: to look behind the store's back."""
        credentials = self.username is not None and PlainTextAuthProvider(self.username, self.password)
        profile = ExecutionProfile(
            load_balancing_policy=DCAwareRoundRobinPolicy(self.local_dc), request_timeout=REQUEST_TIMEOUT_S
        )
        cluster = Cluster(
            self.hosts,
            port=self.port,
            protocol_version=PROTOCOL,
            auth_provider=credentials or None,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            reconnection_policy=ConstantReconnectionPolicy(1),
            connect_timeout=REQUEST_TIMEOUT_S,
            control_connection_timeout=REQUEST_TIMEOUT_S,
        )
        try:
            yield cluster.connect(keyspace)
        finally:
            cluster.shutdown()

    def drop(self, keyspace: str) -> None:
        """Drop a keyspace, if it is there."""
        with self.session() as session:
            session.execute(f'DROP KEYSPACE IF EXISTS "{keyspace}"')


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
