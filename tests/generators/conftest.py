"""A store of the test's own, set as the default one."""

from __future__ import annotations

import pytest

from atleastonce import TaskStore, defaults


@pytest.fixture
def store():
    with defaults.using(TaskStore("memory://")) as store:
        yield store
