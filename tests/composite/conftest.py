"""Every test here defines task classes of its own, and has a store of its own, set as the default one."""

from __future__ import annotations

import pytest

from atleastonce import TaskStore, defaults
from atleastonce.registry import registry


@pytest.fixture(autouse=True)
def own_types():
    with registry.isolated():
        yield


@pytest.fixture
def store():
    with defaults.using(TaskStore("memory://")) as store:
        yield store
