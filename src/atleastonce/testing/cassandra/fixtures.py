"""Pytest fixtures: ``pytest_plugins = ["atleastonce.testing.cassandra.fixtures"]`` in a top-level conftest."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from .resolve import any_server
from .server import CassandraServer
from .unavailable import Unavailable, skip_or_fail


@pytest.fixture(scope="session")
def cassandra_server() -> Iterator[CassandraServer]:
    """A Cassandra, started when a test first asks for it and gone at the end.

    It is the one that ``ATLEASTONCE_TEST_CASSANDRA`` names, else a container where Docker answers, else a JVM of our own.
    Where none can be had the test is skipped, or fails with ``ATLEASTONCE_REQUIRE_CASSANDRA=1``.
    """
    with ExitStack() as stack:
        try:
            server = stack.enter_context(any_server())
        except Unavailable as reason:
            skip_or_fail(reason)
        yield server


@pytest.fixture(scope="class")
def cassandra_keyspace(cassandra_server: CassandraServer) -> Iterator[str]:
    """The name of a keyspace that no one else has; `TaskStore.setup` makes it, and it is dropped after the test class.

    A test outside a class has one of its own.
    """
    keyspace = f"test_{uuid.uuid4().hex[:16]}"
    yield keyspace
    cassandra_server.drop(keyspace)
