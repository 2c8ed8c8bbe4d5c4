"""Three nodes: what is done to them is seen by clients."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from cassandra import ConsistencyLevel, OperationTimedOut, Unavailable, WriteTimeout
from cassandra.cluster import NoHostAvailable
from cassandra.query import SimpleStatement

from .three import COUNT, ThreeNodes, states

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # three JVMs start

DEADLINE_S = 120


@pytest.fixture
def session(cluster: ThreeNodes, cassandra_table: str) -> Iterator[Any]:
    with cluster.server.session("three") as session:
        yield session


@pytest.fixture(scope="module")
def cassandra_table(three_nodes: ThreeNodes) -> str:
    with three_nodes.server.session() as session:
        session.execute("CREATE KEYSPACE three WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}")
        session.execute("CREATE TABLE three.t (id int PRIMARY KEY)")
    return "three.t"


def write(session: Any, id: int, level: int) -> bool:
    """Whether the write was acknowledged."""
    try:
        session.execute(SimpleStatement(f"INSERT INTO t (id) VALUES ({id})", consistency_level=level), timeout=10)
    except (NoHostAvailable, OperationTimedOut, Unavailable, WriteTimeout):
        return False
    return True


def until_written(session: Any, id: int, level: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not write(session, id, level):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def rows(session: Any, level: int) -> set[int]:
    return {row.id for row in session.execute(SimpleStatement("SELECT id FROM t", consistency_level=level))}


def test_clients_know_the_proxies_alone(cluster: ThreeNodes, session: Any) -> None:
    until_written(session, 1, ConsistencyLevel.ALL)
    known = {host.endpoint.address for host in session.cluster.metadata.all_hosts()}
    assert known == set(cluster.server.hosts)
    assert all(proxy.connections for proxy in cluster.proxies)


def test_a_killed_node_and_its_return(cluster: ThreeNodes, session: Any) -> None:
    cluster.kill(1)
    assert cluster.running == [0, 2]
    until_written(session, 2, ConsistencyLevel.LOCAL_QUORUM)
    assert not write(session, 3, ConsistencyLevel.ALL)
    cluster.start(1)
    assert cluster.running == list(range(COUNT))
    until_written(session, 4, ConsistencyLevel.ALL)
    assert {2, 4} <= rows(session, ConsistencyLevel.ALL)


def test_a_paused_node(cluster: ThreeNodes, session: Any) -> None:
    cluster.pause(2)
    assert cluster.running == [0, 1]
    cluster.wait_until_down(2)
    until_written(session, 5, ConsistencyLevel.LOCAL_QUORUM)
    assert not write(session, 6, ConsistencyLevel.ALL)
    cluster.resume(2)
    until_written(session, 7, ConsistencyLevel.ALL)


def test_proxies_in_the_way(cluster: ThreeNodes, session: Any) -> None:
    for proxy in cluster.proxies:
        proxy.blackhole(requests=False)
    assert not write(session, 8, ConsistencyLevel.ALL)  # written, and the reply is lost
    for proxy in cluster.proxies:
        proxy.cut()
        proxy.heal()
    until_written(session, 9, ConsistencyLevel.ALL)
    assert {8, 9} <= rows(session, ConsistencyLevel.ALL)


def test_the_last_state_counts() -> None:
    log = (
        "InetAddress /127.1.2.3:7000 is now UP\nx\nInetAddress /127.1.2.4:7000 is now UP\n/127.1.2.3:7000 is now DOWN\n"
    )
    assert states(log) == {"127.1.2.3": "DOWN", "127.1.2.4": "UP"}
