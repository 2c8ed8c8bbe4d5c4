"""A server in a container, by testcontainers."""

from __future__ import annotations

import gc
import socket
import subprocess
import sys
import uuid
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

from .node import START_TIMEOUT_S, STARTED
from .release import Release
from .server import CassandraServer
from .unavailable import Unavailable

LOOPBACK = "127.0.0.1"
CONNECT_TIMEOUT_S = 10

# Reads until the end of its standard input, which comes when the tests' process ends, however it ends.
REMOVE_WHEN_KILLED = """
import sys, docker
if not sys.stdin.read():
    docker.from_env().api.remove_container(sys.argv[1], v=True, force=True)
"""


@contextmanager
def container_server(release: Release) -> Iterator[CassandraServer]:
    """The official image of that release, removed at the end, or when this process is killed.

    Raises `Unavailable` where testcontainers or Docker is missing, or the image is neither there nor to be pulled.
    """
    try:
        from docker.errors import DockerException  # noqa: PLC0415  # only this way needs it
        from testcontainers.community.cassandra import CassandraContainer  # noqa: PLC0415  # likewise
        from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415  # likewise
    except ImportError as error:
        raise Unavailable(f"no testcontainers ({error})") from None
    require_docker()
    name = f"atleastonce-cassandra-{uuid.uuid4().hex}"
    with ExitStack() as stack:
        try:
            container = CassandraContainer(release.image).with_name(name)
            stack.enter_context(removed_when_killed(name))
            container.waiting_for(LogMessageWaitStrategy(STARTED).with_startup_timeout(START_TIMEOUT_S))
            stack.callback(container.stop)
            with no_reaper():
                container.start()
        except DockerException as error:
            raise Unavailable(f"no container of {release.image} ({str(error)[:300]})") from None
        ((host, port),) = container.get_contact_points()
        yield CassandraServer(
            hosts=(reachable(host, port),),
            port=port,
            local_dc=container.get_local_datacenter(),
            origin=f"a container of {release.image}",
        )


def require_docker() -> None:
    """Raise `Unavailable` unless Docker answers."""
    import docker  # noqa: PLC0415  # only this way needs it
    from docker.errors import DockerException  # noqa: PLC0415  # likewise

    reason = None
    with warnings.catch_warnings():
        # docker leaves the socket of a refused connection to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            with closing(docker.from_env()) as client:
                client.ping()
        except DockerException as error:
            reason = str(error)[:300]
        gc.collect()
    if reason is not None:
        raise Unavailable(f"no Docker ({reason})")


@contextmanager
def removed_when_killed(name: str) -> Iterator[None]:
    """Remove the container when this process ends without leaving this block."""
    watcher = subprocess.Popen(  # noqa: S603  # our own script
        [sys.executable, "-c", REMOVE_WHEN_KILLED, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the tests
    )
    try:
        yield
    finally:
        watcher.communicate(b"over")


def reachable(host: str, port: int) -> str:
    """The host, or this machine, whichever takes connections at the port.

    Inside a container testcontainers takes Docker for the outer one, and names the gateway to it; it may run in here.
    """
    names = (LOOPBACK,) if host == "localhost" else (host, LOOPBACK)  # localhost may mean ::1 too
    for name in names:
        with suppress(OSError), socket.create_connection((name, port), CONNECT_TIMEOUT_S):
            return name
    return host


@contextmanager
def no_reaper() -> Iterator[None]:
    """Without testcontainers's Ryuk, a second image to pull: `removed_when_killed` does its work for our container."""
    from testcontainers.core.config import testcontainers_config  # noqa: PLC0415  # only the way by containers needs it

    before = testcontainers_config.ryuk_disabled
    testcontainers_config.ryuk_disabled = True
    try:
        yield
    finally:
        testcontainers_config.ryuk_disabled = before
