"""Every test here defines task classes of its own, which are forgotten again."""

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
    """A private store that is the default one during the test."""
    with defaults.using(TaskStore("memory://")) as store:
        yield store
