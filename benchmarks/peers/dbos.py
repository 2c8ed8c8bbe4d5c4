"""DBOS: enqueue a workflow."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOSClient, run_dbos_database_migrations

from ..durability import durability


class Peer:
    """``client.enqueue(options, data)`` on its SQLite system database, which has a rollback journal unless it is given a log."""

    name = "DBOS"
    distribution = "dbos"

    def open(self, folder: Path) -> None:
        logging.getLogger("dbos").setLevel(logging.ERROR)
        url = f"sqlite:///{folder / 'dbos.db'}"
        run_dbos_database_migrations(url)
        self._engine = sa.create_engine(url)
        sa.event.listen(self._engine, "connect", _set_up)
        self._client = DBOSClient(system_database_engine=self._engine)
        with self._engine.connect() as connection:
            self.durability = durability(lambda sql: connection.exec_driver_sql(sql).scalar())

    def save(self, datas: list[dict[str, Any]]) -> None:
        enqueue, options = self._client.enqueue, {"workflow_name": "work", "queue_name": "bench"}
        for data in datas:
            enqueue(options, data)

    def close(self) -> None:
        self._client.destroy()
        self._engine.dispose()


def _set_up(connection: Any, _record: object) -> None:
    connection.isolation_level = "IMMEDIATE"  # as DBOS sets its own
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 30000", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
