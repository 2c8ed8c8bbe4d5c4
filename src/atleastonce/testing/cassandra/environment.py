"""A server that runs already, named by ``ATLEASTONCE_TEST_CASSANDRA``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from atleastonce.urls import parse_url

from .release import Release
from .server import CassandraServer
from .unavailable import Unavailable

SERVER_VARIABLE = "ATLEASTONCE_TEST_CASSANDRA"
DEFAULT_PORT = 9042


@contextmanager
def server_from_environment(release: Release) -> Iterator[CassandraServer]:
    """The server that the variable names, as ``user:password@host1,host2:9042?local_dc=dc1``, all but a host optional.

    Raises `Unavailable` where the variable is not set. A server that is named must be there: the driver's error stays.
    """
    text = os.environ.get(SERVER_VARIABLE)
    if not text:
        raise Unavailable(f"{SERVER_VARIABLE} is not set")
    yield named_server(text)


def named_server(text: str) -> CassandraServer:
    """The server, taken apart; it is asked for its data centre unless the text has it."""
    url = parse_url(f"cassandra://{text}")
    ports = {port for _, port in url.hosts if port is not None}
    if not url.hosts or len(ports) > 1 or url.path or set(url.params) - {"local_dc"}:
        raise ValueError(f"{SERVER_VARIABLE} looks like host1,host2:9042?local_dc=dc1, one port for all hosts")
    server = CassandraServer(
        hosts=tuple(host for host, _ in url.hosts),
        port=ports.pop() if ports else DEFAULT_PORT,
        local_dc=url.params.get("local_dc", ""),
        username=url.username,
        password=url.password,
        origin=f"named by {SERVER_VARIABLE}",
    )
    return server if server.local_dc else attrs.evolve(server, local_dc=_data_centre(server))


def _data_centre(server: CassandraServer) -> str:
    with server.session() as session:  # the driver's policy finds the data centre of the hosts that it was given
        return str(session.execute("SELECT data_center FROM system.local").one().data_center)
