"""The SQLite backend keeps the contract."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from atleastonce.testing import BackendConformance
from atleastonce.testing.clauses.base import OpenBackend
from atleastonce.testing.clauses.damage import Damage
from atleastonce_sqlite import SqliteStore


class TestSqlite(BackendConformance):
    """``sqlite:///file``."""

    @pytest.fixture
    def open_backend(self, tmp_path: Path) -> OpenBackend:
        """A store on one file of the test's own."""
        return lambda clock: SqliteStore(tmp_path / "tasks.db", clock=clock)

    @pytest.fixture(
        params=["saved_at = -1", "data = 5", "meta = '['", "run_at = 'soon'", "attempts = 'x'", "due_at = 'y'"]
    )
    def damage(self, tmp_path: Path, request: pytest.FixtureRequest) -> Damage:
        """A value of the wrong kind in one column, as somebody with a shell leaves it."""

        def update(task_list: str, id: str) -> None:
            with closing(sqlite3.connect(tmp_path / "tasks.db", isolation_level=None)) as connection:
                key = (task_list, id)
                connection.execute(f"UPDATE atleastonce_tasks SET {request.param} WHERE (task_list, id) = (?, ?)", key)

        return update
