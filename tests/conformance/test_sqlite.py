"""The SQLite backend keeps the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from atleastonce.testing import BackendConformance
from atleastonce.testing.clauses.base import OpenBackend
from atleastonce_sqlite import SqliteStore


class TestSqlite(BackendConformance):
    """``sqlite:///file``."""

    @pytest.fixture
    def open_backend(self, tmp_path: Path) -> OpenBackend:
        """A store on one file of the test's own."""
        return lambda clock: SqliteStore(tmp_path / "tasks.db", clock=clock)
