"""Answers that arrive in pieces: TCP may cut them anywhere.

The driver (3.30.1, the newest one there is) loses its place in protocol 5 when a piece ends within a segment's header: it forgets
the bytes that it has, and drops the connection with "CRC mismatch on header". In protocol 4 it waits for the rest.
"""

from __future__ import annotations

import attrs
import pytest

from .cluster.proxy import Proxy
from .helpers import TIMEOUT_S, ids, opened, record


@pytest.mark.parametrize("first_bytes", [1, 3, 7, 8, 9, 20])
def test_an_answer_may_be_cut_anywhere(cassandra_server, cassandra_keyspace, first_bytes):
    opened(cassandra_server.url(cassandra_keyspace, replication_factor=1)).setup()
    with Proxy((cassandra_server.hosts[0], cassandra_server.port)) as proxy:
        proxy.split(first_bytes)
        through = attrs.evolve(cassandra_server, hosts=(proxy.address[0],), port=proxy.address[1])
        store = opened(through.url(cassandra_keyspace, timeout=TIMEOUT_S))
        store.store([record(f"{n}") for n in range(20)])
        store.store([record("20")])
        assert len(ids(store)) == 21
        store.close()
