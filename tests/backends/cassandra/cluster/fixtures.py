"""Three nodes for all tests that ask for them, started once and whole again before each."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from atleastonce.testing.cassandra.jvm import find_jars
from atleastonce.testing.cassandra.release import chosen_release
from atleastonce.testing.cassandra.unavailable import Unavailable, skip_or_fail

from .three import ThreeNodes


@pytest.fixture(scope="package")
def three_nodes() -> Iterator[ThreeNodes]:
    try:
        if sys.platform != "linux":
            raise Unavailable("three nodes need all of 127/8 on the loopback, as Linux has it")
        lib = find_jars(chosen_release())
    except Unavailable as reason:
        skip_or_fail(reason)
    with ThreeNodes(Path(tempfile.mkdtemp(prefix="atleastonce-cluster-")), lib) as nodes:
        yield nodes


@pytest.fixture
def cluster(three_nodes: ThreeNodes) -> ThreeNodes:
    """All up, and nothing in the way."""
    three_nodes.restore()
    return three_nodes
