"""The SQLite backend of atleastonce: ``sqlite:///tasks.db``."""

from __future__ import annotations

from .store import SqliteStore

__all__ = ["SqliteStore"]
