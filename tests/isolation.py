"""Fixtures that test folders share: task classes that are forgotten after each test, and a store of its own."""

from __future__ import annotations

import pytest

from atleastonce import TaskStore, defaults
from atleastonce.registry import registry


@pytest.fixture(autouse=True)
def own_types():
    """Classes that the test defines are forgotten again."""
    with registry.isolated():
        yield


@pytest.fixture
def store():
    """A private store that is the default one during the test."""
    with defaults.using(TaskStore("memory://")) as store:
        yield store
