"""persist-queue: put an item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from persistqueue import SQLiteQueue

from ..durability import durability


class Peer:
    """``queue.put(data)`` with auto_commit; the log is its own, and FULL is what `sqlite3` has by itself."""

    name = "persist-queue"
    distribution = "persist-queue"

    def open(self, folder: Path) -> None:
        self._queue = SQLiteQueue(str(folder), auto_commit=True)
        connection = self._queue._putter  # noqa: SLF001 - there is no other way to ask it
        connection.execute("PRAGMA synchronous = FULL")
        self.durability = durability(lambda sql: connection.execute(sql).fetchone()[0])

    def save(self, datas: list[dict[str, Any]]) -> None:
        put = self._queue.put
        for data in datas:
            put(data)

    def close(self) -> None:
        self._queue.close()
