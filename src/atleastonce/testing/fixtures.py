"""Pytest fixtures for an application's tests: ``pytest_plugins = ["atleastonce.testing.fixtures"]`` in its conftest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from atleastonce.clock import system_clock
from atleastonce.defaults import using
from atleastonce.registry import registry
from atleastonce.store import TaskStore

from .clock import TestClock


@pytest.fixture
def test_clock() -> TestClock:
    """A clock that the test moves by hand; a `task_store` of the same test goes by it."""
    return TestClock()


@pytest.fixture
def task_store(request: pytest.FixtureRequest) -> Iterator[TaskStore]:
    """An empty store in memory, of this test alone and the default while it runs; then the previous default is back.

    It goes by the `test_clock` where the test (or a fixture of it) asks for one, else by the system's.
    """
    asked = "test_clock" in request.fixturenames
    clock = request.getfixturevalue("test_clock") if asked else system_clock
    with TaskStore("memory://", clock=clock) as store, using(store):
        yield store


@pytest.fixture
def task_types() -> Iterator[None]:
    """Task classes that the test defines are forgotten at its end, so that another test may use their names."""
    with registry.isolated():
        yield
