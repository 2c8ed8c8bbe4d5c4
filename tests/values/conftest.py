"""Every test here defines task classes of its own, which are forgotten again, and saves to a store of its own."""

from __future__ import annotations

import pytest

from atleastonce import TaskStore
from atleastonce.registry import registry


@pytest.fixture(autouse=True)
def own_types():
    with registry.isolated():
        yield


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/tasks.db"
    with TaskStore(url) as store:
        yield store


@pytest.fixture
def memory():
    with TaskStore("memory://") as store:
        yield store
