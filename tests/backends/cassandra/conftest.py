"""Tables and a raw session for each class, lists and stores for each test: making tables is what takes long."""

from __future__ import annotations

import uuid

import pytest

from .cluster.fixtures import cluster, three_nodes  # noqa: F401 (fixtures of this folder and those below)
from .helpers import TIMEOUT_S, opened


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
