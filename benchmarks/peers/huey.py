"""huey: enqueue a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huey import SqliteHuey

from ..durability import durability


class Peer:
    """``huey.enqueue(task.s(data))`` for data made beforehand; fsync=True is synchronous=FULL, the log is huey's own."""

    name = "huey"
    distribution = "huey"

    def open(self, folder: Path) -> None:
        self._huey = SqliteHuey("bench", filename=str(folder / "huey.db"), fsync=True)
        self._task = self._huey.task(name="work")(_work)
        self.durability = durability(lambda sql: self._huey.storage.conn.execute(sql).fetchone()[0])

    def save(self, datas: list[dict[str, Any]]) -> None:
        enqueue, task = self._huey.enqueue, self._task
        for data in datas:
            enqueue(task.s(data))

    def close(self) -> None:
        self._huey.storage.close()


def _work(data: dict[str, Any]) -> None:
    pass
