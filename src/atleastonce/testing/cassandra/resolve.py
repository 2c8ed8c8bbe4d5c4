"""Which server the tests get: the first way that is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from .container import container_server
from .environment import server_from_environment
from .jvm import jvm_server
from .release import Release, chosen_release
from .server import CassandraServer
from .unavailable import Unavailable

Way = Callable[[Release], AbstractContextManager[CassandraServer]]

WAYS: tuple[Way, ...] = (server_from_environment, container_server, jvm_server)
"""In the order in which they are tried."""


@contextmanager
def any_server(ways: Sequence[Way] = WAYS) -> Iterator[CassandraServer]:
    """A server by the first way that is open. Raises `Unavailable` with every reason; any other error ends the search."""
    release = chosen_release()
    reasons = []
    with ExitStack() as stack:
        for way in ways:
            try:
                server = stack.enter_context(way(release))
            except Unavailable as reason:
                reasons.append(str(reason))
            else:
                yield server
                return
    raise Unavailable("; ".join(reasons))
