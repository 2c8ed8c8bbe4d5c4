"""`SqliteStore`: tasks in one SQLite file, for any number of processes and threads of one machine."""

from __future__ import annotations

import math
import os
import sqlite3
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from atleastonce.claims import ClaimPage, Failure, Held
from atleastonce.clock import Clock, system_clock
from atleastonce.interface import Capabilities
from atleastonce.record import Claim, TaskKey, TaskRecord
from atleastonce.urls import StoreURL

from . import fork, schema
from .claims import ClaimDue, ClaimVersions, Release, Renew, SaveClaimed, Start
from .connections import Connections
from .dead import Discard, Fail
from .errors import translate
from .leases import Leases
from .location import absolute_path, path_of, url_of
from .reader import Reader
from .requests import Delete, Save, SaveOne
from .writer import Writer

MAX_DATA_BYTES = 16 * 1024 * 1024
"""Far above any sane task, and far below what one row may hold (1 GB) and a page of `all` should."""

TIMEOUT_SECONDS = 30.0
"""Longer than any transaction of ours, also on a slow disk."""


class SqliteStore:
    """Keeps records in an SQLite file, which is created on the first use; its directory must exist.

    A call that returned is on the disk (write-ahead log, synchronous=FULL). Threads that save at the same time are
    committed together. A call waits for the locks of other processes, no longer than twice `timeout`.

    Args:
        path: the file; made absolute at once.
        clock: gives microseconds since 1970.
        timeout: how long to wait for a lock, in seconds.
        max_data_bytes: the longest data of a task, in bytes.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clock: Clock = system_clock,
        timeout: float = TIMEOUT_SECONDS,
        max_data_bytes: int = MAX_DATA_BYTES,
    ) -> None:
        self._path = absolute_path(path)
        self._timeout = timeout
        params: dict[str, str] = {}
        if timeout != TIMEOUT_SECONDS:
            params["timeout"] = f"{timeout:g}"
        if max_data_bytes != MAX_DATA_BYTES:
            params["max_data_bytes"] = str(max_data_bytes)
        self._capabilities = Capabilities(
            name="sqlite", max_data_bytes=max_data_bytes, url=url_of(self._path, params), claims=True
        )
        self._leases = Leases(clock)
        self._connections = Connections(self._path, timeout)
        self._reader = Reader(self._connections, timeout)
        self._writer = Writer(self._connections, clock, timeout)
        weakref.finalize(self, self._connections.close)
        fork.remember(self)

    @classmethod
    def from_url(cls, url: StoreURL, *, clock: Clock = system_clock) -> SqliteStore:
        """The store for ``sqlite:///relative.db`` or ``sqlite:////absolute.db``, with ``?timeout=&max_data_bytes=``."""
        path = path_of(url)
        params: dict[str, Any] = url.parse_params({"timeout": _seconds, "max_data_bytes": _bytes})
        return cls(path, clock=clock, **params)

    def __repr__(self) -> str:
        return f"SqliteStore({self._path!r})"

    @property
    def capabilities(self) -> Capabilities:
        """See `DataInterface.capabilities`."""
        return self._capabilities

    def store(self, records: Sequence[TaskRecord]) -> Sequence[int]:
        """See `DataInterface.store`. All of a batch or nothing of it is stored."""
        if not records:
            return ()
        request = SaveOne(records[0]) if len(records) == 1 else Save(records)
        self._writer.take(request)
        return request.versions

    def find(self, task_list: str, id: str) -> TaskRecord | None:
        """See `DataInterface.find`."""
        return self._reader.find(task_list, id)

    def all(self, task_list: str, *, saved_before: int | None = None) -> Iterator[TaskRecord]:
        """See `DataInterface.all`."""
        return self._reader.all(task_list, saved_before, self)

    def delete(self, keys: Sequence[TaskKey]) -> None:
        """See `DataInterface.delete`. All of a batch or nothing of it is deleted."""
        if keys:
            self._writer.take(Delete(keys))

    def count(self, task_list: str) -> int:
        """See `DataInterface.count`."""
        return self._reader.count(task_list)

    def task_lists(self) -> Iterator[str]:
        """See `DataInterface.task_lists`."""
        return self._reader.task_lists(self)

    def claim(
        self,
        task_list: str,
        *,
        lease: int,
        limit: int,
        due_by: int | None = None,
        saved_before: int | None = None,
        cursor: Any = None,
    ) -> ClaimPage:
        """See `ClaimsInterface.claim`. A page is one transaction; it may be shorter where its data is large."""
        request = ClaimDue(self._leases, task_list, lease, limit, due_by, saved_before, cursor)
        self._writer.take(request)
        return request.page

    def claim_saved(self, keys: Sequence[TaskKey], *, lease: int) -> Sequence[Claim | None]:
        """See `ClaimsInterface.claim_saved`."""
        if not keys:
            return ()
        request = ClaimVersions(self._leases, keys, lease)
        self._writer.take(request)
        return request.claims

    def store_claimed(
        self, records: Sequence[TaskRecord], *, lease: int
    ) -> tuple[Sequence[int], Sequence[Claim | None]]:
        """See `ClaimsInterface.store_claimed`. All in one transaction."""
        if not records:
            return (), ()
        request = SaveClaimed(self._leases, records, lease)
        self._writer.take(request)
        return request.versions, request.claims

    def start(self, held: Held, *, done: TaskKey | None = None) -> Claim | None:
        """See `ClaimsInterface.start`."""
        request = Start(self._leases, held, done)
        self._writer.take(request)
        return request.claim

    def heartbeat(self, held: Sequence[Held]) -> Sequence[Claim | None]:
        """See `ClaimsInterface.heartbeat`."""
        if not held:
            return ()
        request = Renew(self._leases, held)
        self._writer.take(request)
        return request.claims

    def release(self, held: Sequence[Held], *, due_at: int | None = None, unstarted: bool = False) -> Sequence[bool]:
        """See `ClaimsInterface.release`."""
        if not held:
            return ()
        request = Release(held, due_at, unstarted=unstarted)
        self._writer.take(request)
        return request.released

    def fail(self, failure: Failure) -> bool:
        """See `ClaimsInterface.fail`."""
        request = Fail(failure, self._leases.wall)
        self._writer.take(request)
        return request.applied

    def flush(self) -> None:
        """See `ClaimsInterface.flush`."""
        self._writer.flush()

    def dead(self, task_list: str) -> Iterator[TaskRecord]:
        """See `ClaimsInterface.dead`."""
        return self._reader.dead(task_list, self)

    def discard(self, keys: Sequence[TaskKey]) -> None:
        """See `ClaimsInterface.discard`. All of a batch or nothing of it is removed."""
        if keys:
            self._writer.take(Discard(keys))

    def setup(self, *, dry_run: bool = False) -> list[str]:
        """See `DataInterface.setup`. The first use does the same."""
        try:
            return self._connections.patiently(self._setup, dry_run)
        except sqlite3.Error as error:
            raise translate(error, self._path, self._timeout) from error

    def _setup(self, dry_run: bool) -> list[str]:  # noqa: FBT001 (`patiently` passes it on)
        if dry_run and not Path(self._path).exists():
            return schema.statements(None, self._path)
        with closing(self._connections.open(prepare=False)) as connection:
            if dry_run:
                return schema.statements(connection, self._path)
            return schema.create(connection, self._path)

    def close(self) -> None:
        """See `DataInterface.close`. What other threads are doing is finished first."""
        self._writer.close()
        self._connections.close_readers()

    def forget(self) -> None:
        """Start afresh in a child. For `fork` alone."""
        self._connections.forget()
        self._writer.forget()


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise ValueError("must be a positive number of seconds")
    return number


def _bytes(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise ValueError("must be a positive number of bytes")
    return number
