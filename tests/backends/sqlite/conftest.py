"""A file and a store on it, for each test."""

from __future__ import annotations

import pytest

from atleastonce_sqlite import SqliteStore


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tasks.db"


@pytest.fixture
def store(path):
    store = SqliteStore(path)
    yield store
    store.close()
