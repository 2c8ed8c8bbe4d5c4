"""A keyspace on three nodes, and the fault table at the end of the run."""

from __future__ import annotations

import pytest

from atleastonce import TaskStore

from ..cluster.three import DATA_CENTRE, ThreeNodes
from .claim_trial import ClaimTrial
from .judge import TIMEOUT_S, Trial
from .table import Row, lines

ROWS = pytest.StashKey[list[Row]]()
CLAIM_ROWS = pytest.StashKey[list[Row]]()
TABLES = {
    ROWS: "three Cassandra nodes: faults during save, complete and all",
    CLAIM_ROWS: "three Cassandra nodes: faults during claim, heartbeat, complete and fail",
}


@pytest.fixture(scope="module")
def url(three_nodes: ThreeNodes) -> str:
    url = three_nodes.server.url("faults", replication=f"{DATA_CENTRE}:3", timeout=TIMEOUT_S)
    three_nodes.restore()
    with TaskStore(url) as store:
        store.setup()
    return url


@pytest.fixture
def trial(cluster: ThreeNodes, url: str, request: pytest.FixtureRequest) -> Trial:
    return Trial(cluster, url, request.node.name, request.config.stash.setdefault(ROWS, []))


@pytest.fixture
def claim_trial(cluster: ThreeNodes, url: str, request: pytest.FixtureRequest) -> ClaimTrial:
    return ClaimTrial(cluster, url, request.node.name, request.config.stash.setdefault(CLAIM_ROWS, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what was measured."""
    for key, title in TABLES.items():
        rows = config.stash.get(key, [])
        if rows:
            terminalreporter.section(title)
            for line in lines(rows):
                terminalreporter.line(line)
