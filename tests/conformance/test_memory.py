"""The memory backend keeps the contract, both private and shared by name."""

from __future__ import annotations

import uuid
from typing import ClassVar

import pytest

from atleastonce.testing import BackendConformance
from atleastonce.testing.clauses.base import OpenBackend
from atleastonce_memory import MemoryStore


class TestPrivateMemory(BackendConformance):
    """``memory://``: the tasks live with the object."""

    persistent = False

    @pytest.fixture
    def open_backend(self) -> OpenBackend:
        """A new store, every time."""
        return lambda clock: MemoryStore(clock=clock)


class TestNamedMemory(BackendConformance):
    """``memory://name``: the tasks live with the process."""

    waivers: ClassVar = {
        "test_a_child_goes_on": "a forked child has a copy of its own",
        "test_a_killed_process_loses_nothing": "the tasks die with the process",
        "test_two_processes_never_get_one_task": "each has a copy of its own",
    }

    @pytest.fixture
    def open_backend(self) -> OpenBackend:
        """A store by one name of the test's own."""
        name = str(uuid.uuid4())
        return lambda clock: MemoryStore(name, clock=clock)
