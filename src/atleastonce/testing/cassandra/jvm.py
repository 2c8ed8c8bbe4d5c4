"""A server of one node, on this machine's Java."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs
from cassandra.cluster import NoHostAvailable

from .jars import NoJars, fetch_jars
from .java import require_java
from .node import Node, NodeFailed, NodeSettings
from .release import Release, chosen_release
from .server import CassandraServer
from .unavailable import Unavailable

LOOPBACK = "127.0.0.1"
TRIES = 3  # of ports: what was free may be taken when the node gets there, ten seconds later
LOGIN_TIMEOUT_S = 60  # the first user appears some seconds after the server is up

PASSWORDS = "authenticator: PasswordAuthenticator\nauthorizer: CassandraAuthorizer\n"


def find_jars(release: Release) -> Path:
    """The folder of the jars. Raises `Unavailable` where this machine cannot run a node."""
    if os.name != "posix":  # pragma: no cover - Windows
        raise Unavailable("the launcher of the JVM way is a shell script")
    require_java(release)
    try:
        return fetch_jars(release.version)
    except NoJars as error:
        raise Unavailable(str(error)) from None


@contextmanager
def jvm_server(release: Release | None = None, *, yaml: str = "", passwords: bool = False) -> Iterator[CassandraServer]:
    """A new server of one node on free ports of the loopback, gone with its data at the end.

    Args:
        release: which; None: as the environment says.
        yaml: more lines of cassandra.yaml, guardrails say.
        passwords: it asks for one, and honours grants; the server that is given has its superuser's.

    Raises `Unavailable` where there is no Java or no Maven for it, `NodeFailed` when it does not come up.
    """
    lib = find_jars(release or chosen_release())
    yaml = (PASSWORDS if passwords else "") + yaml
    with ExitStack() as stack:
        port = _start(stack, lib, yaml)
        server = CassandraServer(hosts=(LOOPBACK,), port=port, local_dc="datacenter1", origin="a JVM of our own")
        if passwords:
            server = attrs.evolve(server, username="cassandra", password="cassandra")  # noqa: S106  # Cassandra's own
            _wait_for_login(server)
        yield server


def _start(stack: ExitStack, lib: Path, yaml: str) -> int:
    """Start a node that is removed with the stack; its port for clients."""
    for left in reversed(range(TRIES)):
        native, storage = free_ports(2)
        folder = Path(tempfile.mkdtemp(prefix="atleastonce-cassandra-"))
        node = Node(NodeSettings(folder=folder, lib=lib, native_port=native, storage_port=storage, yaml=yaml))
        stack.callback(node.remove)
        node.start()
        try:
            node.wait()
        except NodeFailed:
            if not left or "in use" not in node.read_log():
                raise
        else:
            return native
    raise AssertionError("unreachable")  # pragma: no cover - the last try returns or raises


def free_ports(count: int) -> list[int]:
    """That many ports of the loopback that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [one.getsockname()[1] for one in sockets]


def _wait_for_login(server: CassandraServer) -> None:
    deadline = time.monotonic() + LOGIN_TIMEOUT_S
    while True:
        try:
            with server.session():
                return
        except NoHostAvailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
