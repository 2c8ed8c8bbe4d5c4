"""The tasks that are claimed, and the dead letters, as simulated servers have them: one partition, which a data centre may see late."""

from __future__ import annotations

from typing import Any

from atleastonce_cassandra.protocol.steps import (
    Bury,
    Delete,
    Found,
    ReadPage,
    ReadRows,
    ReadVersions,
    RegisterDead,
    Report,
    Wait,
)
from atleastonce_cassandra.protocol.versions import deletion_timestamp

from .chance import Chance

Row = tuple[int, tuple[int, bytes]]
"""Version, and failure: attempts and error."""


class TaskRows:
    """See the module.

    Args:
        chance: the source of all that is left to chance.

    Attributes:
        rows: by id.
        lagging: those before the last save, where that is not seen yet.
        dead: id to version and attempts.
        copied: id and version of what is among the dead, and not moved yet.
        deleted: id and version to when it was.
    """

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._newest = self._oldest = 1_000_000_000
        self.rows: dict[bytes, Row] = {}
        self.lagging: dict[bytes, Row] = {}
        self.dead: dict[bytes, tuple[int, int]] = {}
        self.copied: set[tuple[bytes, int]] = set()
        self.deleted: dict[tuple[bytes, int], int] = {}

    def version(self, id: bytes) -> int:
        """Which is there; 0: none."""
        return self.rows[id][0] if id in self.rows else 0

    def save(self, id: bytes) -> int:
        """A new version; it is acknowledged."""
        if id not in self.rows and self._chance.percent(30):  # long after its completion, by a clock that was set back
            self._oldest -= 4
            version = self._oldest
            self.lagging.pop(id, None)  # that completion has come everywhere
        else:
            self._newest += 4
            version = self._newest
        if id in self.rows:
            self.lagging[id] = self.rows[id]
        self.rows[id] = (version, (0, b""))
        return version

    def perform(self, step: Any, now: int, *, lagging: bool) -> Any:
        """Do it; the answer. Where it is `lagging`, the last save may not be seen yet."""
        rows = self.rows
        if isinstance(step, ReadPage):
            rows = self._local(lagging)
            return [_found(id, rows[id]) for id in sorted(rows) if id > step.after][: step.limit]
        if isinstance(step, ReadRows):
            return {id: _found(id, rows[id]) for id in step.ids if id in rows}
        if isinstance(step, ReadVersions):
            rows = self._local(lagging and not step.everywhere)
            return {id: rows[id][0] for id in step.ids if id in rows}
        if isinstance(step, Delete):
            for id, timestamp in step.keys:
                self._delete(id, timestamp, now)
        elif isinstance(step, Report):
            for one in step.failures:
                if self.version(one.id) == one.version:
                    rows[one.id] = (one.version, max(rows[one.id][1], (one.attempts, one.error)))
        elif isinstance(step, Bury):
            self._bury(step, now)
        else:
            assert isinstance(step, (RegisterDead, Wait)), step
        return None

    def _bury(self, step: Bury, now: int) -> None:
        found = step.found
        if self.dead.get(found.id, (0, 0)) < (found.version, step.attempts):
            self.dead[found.id] = (found.version, step.attempts)
        if step.only_copy:
            self.copied.add((found.id, found.version))
        else:
            self.copied.discard((found.id, found.version))
            self._delete(found.id, deletion_timestamp(found.version), now)

    def _delete(self, id: bytes, timestamp: int, now: int) -> None:
        if id in self.lagging and deletion_timestamp(self.lagging[id][0]) == timestamp:
            del self.lagging[id]
        if id in self.rows and self.rows[id][0] <= timestamp:
            self.deleted[id, self.rows[id][0]] = now
            del self.rows[id]

    def _local(self, lagging: bool) -> dict[bytes, Row]:
        """The rows as one data centre has them."""
        return {**self.rows, **self.lagging} if lagging else self.rows


def _found(id: bytes, row: Row) -> Found:
    version, failure = row
    return Found(id, (b"T", b"{}", b""), failure, version)
