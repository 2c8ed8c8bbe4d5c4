"""A store of each kind, so that behaviour that is the store's own is seen to be the same on all of them."""

from __future__ import annotations

import pytest

from atleastonce import TaskStore
from atleastonce.registry import registry
from atleastonce.testing import TestClock


@pytest.fixture(autouse=True)
def own_types():
    with registry.isolated():
        yield


@pytest.fixture
def clock():
    return TestClock()


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path, clock):
    """An empty store, on the test's clock."""
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/tasks.db"
    with TaskStore(url, clock=clock) as store:
        yield store


@pytest.fixture
def other_store(tmp_path):
    """A second store, of another kind and on the real clock."""
    with TaskStore(f"sqlite:///{tmp_path}/other.db") as store:
        yield store
