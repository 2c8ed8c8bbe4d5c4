"""A correct backend on a dict, and backends that break one clause each: the suite must tell them apart."""

from __future__ import annotations

import os
import threading
import time
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from atleastonce.clock import Clock
from atleastonce.interface import Capabilities
from atleastonce.record import TaskKey, TaskRecord
from atleastonce.versions import VersionSource

Rows = dict[tuple[str, str], TaskRecord]

_lock = threading.Lock()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


class Disk:
    """Where a test's objects keep their rows: it outlives them."""

    def __init__(self) -> None:
        self.rows: Rows = {}

    def damage(self, task_list: str, id: str) -> None:
        self.rows[task_list, id] = attrs.evolve(self.rows[task_list, id], problem="damaged")


class Correct:
    """Keeps the contract. The mutants change one of its small methods each."""

    lock: Any = _lock
    url: str | None = None

    def __init__(self, disk: Disk, clock: Clock) -> None:
        self.disk = disk
        self.clock = clock
        self.versions = VersionSource(clock)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(name="mutant", max_data_bytes=1 << 20, url=self.url)

    def key(self, task_list: str, id: str) -> tuple[str, str]:
        return task_list, id

    def floor(self, record: TaskRecord, there: TaskRecord | None) -> int:
        return max(record.saved_at or 0, (there and there.saved_at) or 0)

    def next_version(self, floor: int) -> int:
        return self.versions.next(floor)

    def stored(self, record: TaskRecord, version: int, there: TaskRecord | None) -> TaskRecord:
        fresh = attrs.evolve(record, attempts=0, last_error=None, due_at=None, problem=None)
        return attrs.evolve(fresh, saved_at=version, meta=dict(record.meta))

    def store(self, records: Sequence[TaskRecord]) -> Sequence[int]:
        with self.lock:
            new, given = {}, []
            for record in records:
                key = self.key(record.task_list, record.id)
                there = new.get(key) or self.disk.rows.get(key)
                given.append(self.next_version(self.floor(record, there)))
                new[key] = self.stored(record, given[-1], there)
            self.write(new)
            return given

    def write(self, rows: Rows) -> None:
        self.disk.rows.update(rows)

    def find(self, task_list: str, id: str) -> TaskRecord | None:
        with self.lock:
            return self.disk.rows.get(self.key(task_list, id))

    def is_in(self, record: TaskRecord, task_list: str) -> bool:
        return record.task_list == task_list

    def is_before(self, record: TaskRecord, saved_before: int | None) -> bool:
        return saved_before is None or (record.saved_at or 0) < saved_before

    def ids(self, task_list: str) -> list[str]:
        with self.lock:
            ids = [r.id for r in self.disk.rows.values() if self.is_in(r, task_list)]
        return sorted(ids, key=lambda id: id.encode("utf-8", "surrogateescape"))

    def all(self, task_list: str, *, saved_before: int | None = None) -> Iterator[TaskRecord]:
        for id in self.ids(task_list):
            record = self.find(task_list, id)
            if record is not None and self.is_before(record, saved_before):
                yield record

    def is_meant(self, key: TaskKey, there: TaskRecord) -> bool:
        return key.saved_at is None or (there.saved_at or 0) <= key.saved_at

    def delete(self, keys: Sequence[TaskKey]) -> None:
        with self.lock:
            for key in keys:
                there = self.disk.rows.get(self.key(key.task_list, key.id))
                if there is not None and self.is_meant(key, there):
                    self.remove(self.key(key.task_list, key.id))

    def remove(self, key: tuple[str, str]) -> None:
        self.disk.rows.pop(key, None)

    def count(self, task_list: str) -> int:
        return len(self.ids(task_list))

    def task_lists(self) -> Iterator[str]:
        with self.lock:
            return iter({r.task_list for r in self.disk.rows.values()})

    def setup(self, *, dry_run: bool = False) -> list[str]:
        return []

    def close(self) -> None:
        pass


class ForgetsVersions(Correct):
    def stored(self, record: TaskRecord, version: int, there: TaskRecord | None) -> TaskRecord:
        return attrs.evolve(super().stored(record, version, there), saved_at=record.saved_at)


class KeepsTheOldType(Correct):
    def stored(self, record: TaskRecord, version: int, there: TaskRecord | None) -> TaskRecord:
        return attrs.evolve(super().stored(record, version, there), type=there.type if there else record.type)


class KeepsTheOldMeta(Correct):
    def stored(self, record: TaskRecord, version: int, there: TaskRecord | None) -> TaskRecord:
        meta = {**there.meta, **record.meta} if there else record.meta
        return attrs.evolve(super().stored(record, version, there), meta=dict(meta))


class KeepsAttempts(Correct):
    def stored(self, record: TaskRecord, version: int, there: TaskRecord | None) -> TaskRecord:
        return attrs.evolve(super().stored(record, version, there), attempts=record.attempts)


class SharesTheMeta(Correct):
    def stored(self, record: TaskRecord, version: int, there: TaskRecord | None) -> TaskRecord:
        return attrs.evolve(super().stored(record, version, there), meta=record.meta)


class ReadsDataAsText(Correct):
    def stored(self, record: TaskRecord, version: int, there: TaskRecord | None) -> TaskRecord:
        return attrs.evolve(super().stored(record, version, there), data=record.data.decode(errors="replace").encode())


class RepeatsVersions(Correct):
    def next_version(self, floor: int) -> int:
        return max(self.clock(), floor + 1)


class TrustsTheClock(Correct):
    def next_version(self, floor: int) -> int:
        return self.clock()


class IgnoresTheStoredVersion(Correct):
    def floor(self, record: TaskRecord, there: TaskRecord | None) -> int:
        return record.saved_at or 0


class IgnoresTheRecordsVersion(Correct):
    def floor(self, record: TaskRecord, there: TaskRecord | None) -> int:
        return (there and there.saved_at) or 0


class PassesTheLimit(Correct):
    def next_version(self, floor: int) -> int:
        return max(self.clock(), floor + 1, getattr(self, "last", 0) + 1)


class WritesHalfABatch(Correct):
    def store(self, records: Sequence[TaskRecord]) -> Sequence[int]:
        return [version for record in records for version in super(WritesHalfABatch, self).store([record])]


class LetsTheFirstWin(Correct):
    def store(self, records: Sequence[TaskRecord]) -> Sequence[int]:
        versions = dict(zip(records[::-1], super().store(records[::-1]), strict=True))
        return [versions[record] for record in records]


class FoldsCase(Correct):
    def key(self, task_list: str, id: str) -> tuple[str, str]:
        return task_list, id.casefold()


class Normalises(Correct):
    def key(self, task_list: str, id: str) -> tuple[str, str]:
        return task_list, unicodedata.normalize("NFC", id)


class Strips(Correct):
    def key(self, task_list: str, id: str) -> tuple[str, str]:
        return task_list.rstrip(" "), id


class JoinsKeys(Correct):
    def key(self, task_list: str, id: str) -> tuple[str, str]:
        return "", f"{task_list}:{id}"


class RemovesNewer(Correct):
    def is_meant(self, key: TaskKey, there: TaskRecord) -> bool:
        return True


class LeavesItsOwn(Correct):
    def is_meant(self, key: TaskKey, there: TaskRecord) -> bool:
        return key.saved_at is None or (there.saved_at or 0) < key.saved_at


class RemovesTheVeryVersionOnly(Correct):
    def is_meant(self, key: TaskKey, there: TaskRecord) -> bool:
        return key.saved_at is None or there.saved_at == key.saved_at


class RemovesTheListElsewhere(Correct):
    def remove(self, key: tuple[str, str]) -> None:
        for other in [k for k in self.disk.rows if k[1] == key[1]]:
            del self.disk.rows[other]


class RaisesForWhatIsNotThere(Correct):
    def delete(self, keys: Sequence[TaskKey]) -> None:
        if any(self.find(key.task_list, key.id) is None for key in keys):
            raise KeyError("not there")
        super().delete(keys)


class JudgesABatchByItsFirstKey(Correct):
    def delete(self, keys: Sequence[TaskKey]) -> None:
        super().delete([attrs.evolve(key, saved_at=keys[0].saved_at) for key in keys])


class LosesTheOrder(Correct):
    def ids(self, task_list: str) -> list[str]:
        return super().ids(task_list)[::-1]


class SortsByUtf16(Correct):
    def ids(self, task_list: str) -> list[str]:
        return sorted(super().ids(task_list), key=lambda id: id.encode("utf-16-be", "surrogatepass"))


class MixesLists(Correct):
    def is_in(self, record: TaskRecord, task_list: str) -> bool:
        return record.task_list.startswith(task_list)


class IncludesTheCut(Correct):
    def is_before(self, record: TaskRecord, saved_before: int | None) -> bool:
        return saved_before is None or (record.saved_at or 0) <= saved_before


class IgnoresTheCut(Correct):
    def is_before(self, record: TaskRecord, saved_before: int | None) -> bool:
        return True


class GivesAList(Correct):
    def all(self, task_list: str, *, saved_before: int | None = None) -> Any:
        return list(super().all(task_list, saved_before=saved_before))


class HoldsEverything(Correct):
    def all(self, task_list: str, *, saved_before: int | None = None) -> Iterator[TaskRecord]:
        copies = [(r, bytearray(r.data)) for r in super().all(task_list, saved_before=saved_before)]
        return (record for record, _ in copies)


class PagesByOffset(Correct):
    page = 100

    def all(self, task_list: str, *, saved_before: int | None = None) -> Iterator[TaskRecord]:
        offset = 0
        while ids := self.ids(task_list)[offset : offset + self.page]:
            for id in ids:
                record = self.find(task_list, id)
                if record is not None and self.is_before(record, saved_before):
                    yield record
            offset += self.page


class SkipsAtPageEnds(Correct):
    page = 1_000

    def all(self, task_list: str, *, saved_before: int | None = None) -> Iterator[TaskRecord]:
        for n, record in enumerate(super().all(task_list, saved_before=saved_before), 1):
            if n % self.page:
                yield record


class StopsAtAShortPage(Correct):
    """Takes a page that `saved_before` made short for the last one."""

    page = 1_000

    def all(self, task_list: str, *, saved_before: int | None = None) -> Iterator[TaskRecord]:
        ids = self.ids(task_list)
        for start in range(0, len(ids), self.page):
            found = [r for id in ids[start : start + self.page] if (r := self.find(task_list, id)) is not None]
            before = [r for r in found if self.is_before(r, saved_before)]
            yield from before
            if len(before) < self.page:
                return


class HoldsItsLockWhileRead(Correct):
    lock = threading.RLock()

    def all(self, task_list: str, *, saved_before: int | None = None) -> Iterator[TaskRecord]:
        with self.lock:
            yield from super().all(task_list, saved_before=saved_before)


class ReadsWhatWasSavedAnew(Correct):
    def all(self, task_list: str, *, saved_before: int | None = None) -> Iterator[TaskRecord]:
        seen: set[int | None] = set()
        while new := [r for r in super().all(task_list) if r.saved_at not in seen]:
            seen.add(new[0].saved_at)
            if self.is_before(new[0], saved_before):
                yield new[0]


class HidesDamage(Correct):
    def all(self, task_list: str, *, saved_before: int | None = None) -> Iterator[TaskRecord]:
        return (r for r in super().all(task_list, saved_before=saved_before) if not r.problem)


class StopsAtDamage(Correct):
    def all(self, task_list: str, *, saved_before: int | None = None) -> Iterator[TaskRecord]:
        for one in super().all(task_list, saved_before=saved_before):
            yield one
            if one.problem:
                return


class CannotRemoveDamage(Correct):
    def is_meant(self, key: TaskKey, there: TaskRecord) -> bool:
        return super().is_meant(key, there) and not there.problem


class CountsSaves(Correct):
    def count(self, task_list: str) -> int:
        return super().count(task_list) + 1 if super().count(task_list) > 2 else super().count(task_list)


class NamesListsAgain(Correct):
    def task_lists(self) -> Iterator[str]:
        return iter([r.task_list for r in self.disk.rows.values()])


class NamesNoLists(Correct):
    def task_lists(self) -> Iterator[str]:
        return iter([])


class SetsUpAgainAndAgain(Correct):
    def setup(self, *, dry_run: bool = False) -> list[str]:
        return ["CREATE TABLE tasks"]


class SetsUpWhenAskedWhatItWould(Correct):
    done = False

    def setup(self, *, dry_run: bool = False) -> list[str]:
        before, self.done = self.done, True
        return [] if before else ["CREATE TABLE tasks"]


class ShowsThePassword(Correct):
    url = "mutant://user:secret@host/tasks"


class ClosesOnce(Correct):
    closed = False

    def close(self) -> None:
        if self.closed:
            raise RuntimeError("closed twice")
        self.closed = True


class CannotGoOnAfterClose(Correct):
    def close(self) -> None:
        self.disk = None  # type: ignore[assignment]  # that is the defect


class WritesOnClose(Correct):
    """Loses what it did not write when it is not closed."""

    def __init__(self, disk: Disk, clock: Clock) -> None:
        super().__init__(disk, clock)
        self.real, self.disk = disk, Disk()
        self.disk.rows.update(disk.rows)

    def close(self) -> None:
        self.real.rows.update(self.disk.rows)


class NoLock:
    """What lets everyone in, and shows that by waiting a moment."""

    def __enter__(self) -> None:
        time.sleep(0)

    def __exit__(self, *_: object) -> None:
        time.sleep(0)


class SavesWithoutALock(Correct):
    lock = NoLock()

    def next_version(self, floor: int) -> int:
        time.sleep(0.0001)  # what another thread saves in between is not seen
        return floor + 1

    def write(self, rows: Rows) -> None:
        time.sleep(0.0001)
        super().write(rows)


class DeletesWithoutALock(Correct):
    def delete(self, keys: Sequence[TaskKey]) -> None:
        for key in keys:
            there = self.find(key.task_list, key.id)
            if there is not None and self.is_meant(key, there):
                time.sleep(0.001)  # what another thread saves in between is removed
                with self.lock:
                    self.remove(self.key(key.task_list, key.id))


class ForksWithItsLockHeld(Correct):
    lock = threading.Lock()  # no fork handler knows it

    def write(self, rows: Rows) -> None:
        time.sleep(0.001)
        super().write(rows)
