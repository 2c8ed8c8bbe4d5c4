"""What stores on any layout of tables have in common: their options, their session, what they can do, and the time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from atleastonce.clock import Clock, boot_clock, system_clock
from atleastonce.exceptions import ConfigurationError
from atleastonce.interface import Capabilities
from atleastonce.urls import StoreURL

from .link import open_session
from .options import Options
from .protocol.client import Client
from .protocol.clock import GivenClock, ServerClock


class Base:
    """See the module.

    Args:
        options: hosts, keyspace and so on.
        session: an open driver session to use instead of one of our own. It is never closed here.
        clock: gives microseconds since 1970, and is believed; the system's: the servers' own clock is followed.
        url: by which other processes reach the same tasks.
        claims: whether it has them.
    """

    def __init__(
        self, options: Options, session: Any, clock: Clock, url: StoreURL | None, *, claims: bool = False
    ) -> None:
        if session is None and not options.hosts and options.secure_connect_bundle is None:
            raise ConfigurationError("cassandra: a store needs hosts, a secure_connect_bundle or a session")
        self._options = options
        self._session = session
        self._capabilities = Capabilities(
            name="cassandra",
            max_data_bytes=options.max_data_bytes,
            url=None if url is None else str(url),
            claims=claims,
        )
        given = clock is not system_clock
        time = GivenClock(clock) if given else ServerClock(boot_clock, system_clock)
        self._client = Client(time, random.SystemRandom().randrange)

    @property
    def capabilities(self) -> Capabilities:
        """See `DataInterface.capabilities`."""
        return self._capabilities

    @contextmanager
    def _session_for_setup(self) -> Iterator[Any]:
        """The caller's, or one that needs no tables yet and is closed at the end."""
        if self._session is not None:
            yield self._session
            return
        session = open_session(self._options)
        try:
            yield session
        finally:
            session.cluster.shutdown()
