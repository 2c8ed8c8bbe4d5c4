"""`MemoryStore`: tasks in this process's memory, for tests and for work that may be forgotten with the process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType

import attrs

from atleastonce.clock import Clock, system_clock
from atleastonce.exceptions import ConfigurationError, InvalidTask
from atleastonce.interface import Capabilities
from atleastonce.record import NO_META, Claim, TaskKey, TaskRecord
from atleastonce.urls import StoreURL
from atleastonce.versions import VERSION_LIMIT

from .claims import Claims
from .space import Space, lock, named_space, stored

MAX_DATA_BYTES = 16 * 1024 * 1024
"""As the SQLite backend's, so that a test in memory fails where that would."""


class MemoryStore(Claims):
    """Keeps records in memory, as the same bytes as other backends would.

    ``MemoryStore()`` is private to the object; ``MemoryStore("name")`` shares its tasks with every other store of that
    name in the process. Nothing survives the process, and a forked child has a copy of its own.

    Args:
        name: under which the tasks are shared in this process; None: not shared.
        clock: gives microseconds since 1970.
        max_data_bytes: the longest data of a task, in bytes.
    """

    def __init__(
        self, name: str | None = None, *, clock: Clock = system_clock, max_data_bytes: int = MAX_DATA_BYTES
    ) -> None:
        super().__init__(Space() if name is None else named_space(name), clock)
        self._name = name
        self._capabilities = Capabilities(name="memory", max_data_bytes=max_data_bytes, claims=True)

    @classmethod
    def from_url(cls, url: StoreURL, *, clock: Clock = system_clock) -> MemoryStore:
        """The store for ``memory://`` or ``memory://name``, with ``?max_data_bytes=`` where given."""
        if url.path or url.username is not None or len(url.hosts) > 1 or any(port for _, port in url.hosts):
            raise ConfigurationError(f"memory: a URL is memory:// or memory://name, not {url}")
        name = url.hosts[0][0] if url.hosts else None
        return cls(name, clock=clock, **url.parse_params({"max_data_bytes": _positive}))

    def __repr__(self) -> str:
        return f"MemoryStore({'' if self._name is None else repr(self._name)})"

    @property
    def capabilities(self) -> Capabilities:
        """See `DataInterface.capabilities`. No other process can reach these tasks, so there is no URL."""
        return self._capabilities

    def store(self, records: Sequence[TaskRecord]) -> Sequence[int]:
        """See `DataInterface.store`."""
        space = self._space
        lists = space.lists
        lock.acquire()  # `with` takes twice as long, and this is what an application's unit tests do all day
        try:
            # All versions of a space grow, so one above the newest is above whatever is stored under any key of it.
            version, newest = self._clock() - 1, space.newest_version
            if version < newest:  # noqa: PLR1730 (`max` takes twice as long)
                version = newest
            for record in records:
                saved_at = record.saved_at
                if saved_at is not None and saved_at > version:
                    version = saved_at
            first, version = version + 1, version + len(records)
            if version >= VERSION_LIMIT:
                raise InvalidTask("the version of a task is so far in the future that no newer one can be given")
            space.newest_version = version
            version = first
            for record in records:
                if type(record.data) is not bytes or record.meta is not NO_META:
                    record = _unshared(record)  # noqa: PLW2901 (a second name would cost each record of the fast path)
                task_list = record.task_list
                if task_list in lists:
                    lists[task_list][record.id] = version, record
                else:
                    lists[task_list] = {record.id: (version, record)}
                version += 1
        finally:
            lock.release()
        return range(first, version)

    def store_claimed(
        self, records: Sequence[TaskRecord], *, lease: int
    ) -> tuple[Sequence[int], Sequence[Claim | None]]:
        """See `ClaimsInterface.store_claimed`."""
        with lock:
            versions = self.store(records)
            keys = [TaskKey(it.task_list, it.id, at) for it, at in zip(records, versions, strict=True)]
            return versions, self.claim_saved(keys, lease=lease)

    def find(self, task_list: str, id: str) -> TaskRecord | None:
        """See `DataInterface.find`."""
        with lock:
            row, state = self._space.find(task_list, id)
            return None if row is None else stored(row, state)

    def all(self, task_list: str, *, saved_before: int | None = None) -> Iterator[TaskRecord]:
        """See `DataInterface.all`. The ids are those at the first step; each record is looked up when it is reached."""
        for id in self._space.ids(task_list):
            with lock:
                row, state = self._space.find(task_list, id)
                if row is None or (saved_before is not None and row[0] >= saved_before):
                    continue
                found = stored(row, state)
            yield found

    def delete(self, keys: Sequence[TaskKey]) -> None:
        """See `DataInterface.delete`."""
        with lock:
            for key in keys:
                self._space.remove(key)

    def count(self, task_list: str) -> int:
        """See `DataInterface.count`."""
        with lock:
            return len(self._space.lists.get(task_list, ()))

    def task_lists(self) -> Iterator[str]:
        """See `DataInterface.task_lists`."""
        with lock:
            return iter(list(self._space.lists))

    def setup(self, *, dry_run: bool = False) -> list[str]:
        """See `DataInterface.setup`. There is nothing to do."""
        return []

    def close(self) -> None:
        """See `DataInterface.close`. Tasks stay: a store is closed by one user while others still hold it."""


def _unshared(record: TaskRecord) -> TaskRecord:
    """The record with what a caller could still change (a bytearray, a dict) copied."""
    meta = MappingProxyType(dict(record.meta)) if record.meta else NO_META
    return attrs.evolve(record, data=bytes(record.data), meta=meta)


def _positive(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise ValueError("must be a positive number")
    return number
