"""APScheduler 4: add a job."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from apscheduler import AsyncScheduler
from apscheduler.datastores.sqlalchemy import SQLAlchemyDataStore
from sqlalchemy.ext.asyncio import create_async_engine

from ..durability import PRAGMAS, durability


class Peer:
    """``await scheduler.add_job(task, args=(data,))`` in a running event loop, on its SQLAlchemy store by aiosqlite."""

    name = "APScheduler"
    distribution = "apscheduler"

    def open(self, folder: Path) -> None:
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._runner = asyncio.Runner()
        self._work: asyncio.Queue[list[dict[str, Any]] | None] = asyncio.Queue()
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        self._task = self._runner.get_loop().create_task(self._live(folder))
        self.durability = self._answer()

    def save(self, datas: list[dict[str, Any]]) -> None:
        self._work.put_nowait(datas)
        self._answer()

    def close(self) -> None:
        self._work.put_nowait(None)
        self._runner.get_loop().run_until_complete(self._task)
        self._runner.close()

    def _answer(self) -> str:
        """Let the event loop run until the next answer."""
        return self._runner.run(_first_of(self._answers, self._task))

    async def _live(self, folder: Path) -> None:
        """The scheduler's whole life: it must be left by the asyncio task that entered it."""
        engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'apscheduler.db'}")
        sa.event.listen(engine.sync_engine, "connect", _set_up)
        async with AsyncScheduler(SQLAlchemyDataStore(engine)) as scheduler:
            await scheduler.configure_task("work", func=work)
            async with engine.connect() as connection:
                values = {sql: (await connection.exec_driver_sql(sql)).scalar() for sql in PRAGMAS}
            self._answers.put_nowait(durability(values.__getitem__))
            while (datas := await self._work.get()) is not None:
                for data in datas:
                    await scheduler.add_job("work", args=(data,))
                self._answers.put_nowait("done")
        await engine.dispose()


async def _first_of(answers: asyncio.Queue[str], task: asyncio.Task[None]) -> str:
    answer = asyncio.ensure_future(answers.get())
    await asyncio.wait((answer, task), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        answer.cancel()
        task.result()
    return answer.result()


def work(data: dict[str, Any]) -> None:
    """Named by the jobs; never run."""


def _set_up(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
