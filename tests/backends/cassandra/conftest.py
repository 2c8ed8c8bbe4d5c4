"""Tables and a raw session for each class, lists and stores for each test (making tables is what takes long); a strict server."""

from __future__ import annotations

import uuid
from contextlib import ExitStack

import pytest

from atleastonce.testing.cassandra.jvm import jvm_server
from atleastonce.testing.cassandra.unavailable import Unavailable, skip_or_fail

from .cluster.fixtures import cluster, three_nodes  # noqa: F401 (fixtures of this folder and those below)
from .helpers import TIMEOUT_S, opened

MOST_DELETED = 400
"""Deleted rows that a query of the strict server may meet; elsewhere 100,000."""


@pytest.fixture(scope="session")
def strict_server():
    """A server of our own that asks for passwords, honours grants, and fails queries over few deleted rows."""
    yaml = f"tombstone_warn_threshold: {MOST_DELETED // 2}\ntombstone_failure_threshold: {MOST_DELETED}\n"
    with ExitStack() as stack:
        try:
            server = stack.enter_context(jvm_server(passwords=True, yaml=yaml))
        except Unavailable as reason:  # pragma: no cover - no Java here
            skip_or_fail(reason)
        yield server


@pytest.fixture(scope="class")
def strict_keyspace(strict_server):
    """One on it, for a class."""
    keyspace = f"test_{uuid.uuid4().hex[:16]}"
    yield keyspace
    strict_server.drop(keyspace)


@pytest.fixture(scope="class")
def url(cassandra_server, cassandra_keyspace):
    """Of a store in the keyspace of the class, whose tables are there."""
    url = cassandra_server.url(cassandra_keyspace, replication_factor=1, timeout=TIMEOUT_S)
    store = opened(url)
    store.setup()
    store.close()
    return url


@pytest.fixture(scope="class")
def session(cassandra_server, cassandra_keyspace, url):
    """The driver's, in the keyspace: to look and write behind the store's back."""
    with cassandra_server.session(cassandra_keyspace) as session:
        yield session


@pytest.fixture
def open_store(url):
    """Opens stores on the tables, and closes them."""
    stores = []

    def open_one(**arguments):
        stores.append(opened(url, **arguments))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def store(open_store):
    return open_store()


@pytest.fixture
def task_list():
    """A name that no other test has."""
    return f"list-{uuid.uuid4().hex[:12]}"
