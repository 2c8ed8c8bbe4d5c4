"""A Hypothesis state machine: random calls on a backend, beside a model that is a dict.

It looks for breaches of these invariants: a save that returned is pending until it is completed, through reopening
and crashes (I1); a task that is gone was completed (I2); an older version never removes a newer one (I7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count, islice
from typing import Any, cast

import attrs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from atleastonce.interface import DataInterface
from atleastonce.record import TaskKey, TaskRecord

from .clauses.base import Handles, OpenBackend
from .clock import TestClock

Key = tuple[str, str]
"""Task list and id."""

LISTS = ("one", "One", "two%")
IDS = ("a", "A", "a ", "b", "\u00e4", "a\u0308", "z" * 300)
OBJECTS = 2  # on one storage, side by side

_storage_numbers = count()

lists: st.SearchStrategy[str] = st.sampled_from(LISTS)
keys: st.SearchStrategy[tuple[str, str]] = st.tuples(lists, st.sampled_from(IDS))
objects: st.SearchStrategy[int] = st.integers(0, OBJECTS - 1)
contents: st.SearchStrategy[tuple[Any, ...]] = st.tuples(  # type, data, run_at, meta
    st.sampled_from(["A", "a", "B@2"]),
    st.one_of(st.sampled_from([b"{}", b'{"a":1}', b"", b"\0"]), st.binary(max_size=20)),
    st.sampled_from([None, 0, 1_735_689_600_000_000]),
    st.dictionaries(st.sampled_from(["k", "\u00fc"]), st.text(max_size=3), max_size=2),
)
own_versions: st.SearchStrategy[str] = st.sampled_from(["none", "old", "current", "ahead"])


@attrs.define
class Reader:
    """An `all` that was begun, and what it still owes."""

    task_list: str
    saved_before: int | None
    records: Iterator[TaskRecord]
    owed: set[str]
    """Ids that were there when it began and were not touched since: it has to give them."""
    true_since: set[tuple[str, int]]
    """(id, version) of all that was stored at any time since it began: it may give nothing else."""
    last: Any = None


class BackendMachine(RuleBasedStateMachine):
    """Plays on the storage that `open_backend` opens, in task lists of its own, so one storage serves many plays."""

    def __init__(
        self,
        open_backend: OpenBackend,
        *,
        persistent: bool,
        crash: Callable[[DataInterface], None],
        order: Callable[[str], Any],
    ) -> None:
        super().__init__()
        self.crash_backend: Callable[[DataInterface], None] = crash
        self.order: Callable[[str], Any] = order
        self.clock: TestClock = TestClock()
        self.handles: Handles = Handles(open_backend, self.clock, persistent=persistent)
        self.objects: list[DataInterface] = [self.handles.open() for _ in range(OBJECTS)]
        self.objects[0].setup()
        self.persistent: bool = persistent
        self.prefix: str = f"{next(_storage_numbers)}-"
        self.stored: dict[tuple[str, str], TaskRecord] = {}
        self.given: dict[int, int] = {}  # id() of an object that lives until teardown -> its newest version
        self.versions: dict[tuple[str, str], list[int]] = {}
        self.readers: list[Reader] = []

    def teardown(self) -> None:
        """At the end of a play: all that should be there is, also for one who opens the storage only now."""
        try:
            for backend in (self.objects[0], self.handles.open()):
                self.compare_everything(backend)
            self.objects[0].delete([TaskKey(*key) for key in self.stored])  # so that the storage does not grow
        finally:
            self.handles.close()

    # What changes the storage.

    @rule(key=keys, content=contents, own=own_versions, by=objects)
    def save(self, key: tuple[str, str], content: tuple[Any, ...], own: str, by: int) -> None:
        """Save one record, new or anew."""
        self.store([self.record(key, content, own)], by)

    @rule(batch=st.lists(st.tuples(keys, contents, own_versions), max_size=6), by=objects)
    def save_batch(self, batch: list[tuple[tuple[str, str], tuple[Any, ...], str]], by: int) -> None:
        """Save several, a key more than once too."""
        self.store([self.record(*one) for one in batch], by)

    @rule(key=keys, content=contents, by=objects, to=objects)
    def complete_after_another_save(self, key: tuple[str, str], content: tuple[Any, ...], by: int, to: int) -> None:
        """A worker that still holds the version before completes it, perhaps twice."""
        self.store([self.record(key, content, "none")], by)
        stale = self.stored[self.own(key)].saved_at
        self.store([self.record(key, content, "none")], to)
        for _ in range(2):
            self.delete([TaskKey(*self.own(key), stale)], by)
        assert self.objects[by].find(*self.own(key)) is not None, "a stale complete removed a newer save"

    @precondition(lambda self: self.versions)
    @rule(batch=st.lists(st.tuples(st.integers(0, 20), own_versions), min_size=1, max_size=4), by=objects)
    def complete(self, batch: list[tuple[int, str]], by: int) -> None:
        """Complete what is or was there, by an older, the stored, a newer or no version."""
        saved = list(self.versions)
        keys = [(saved[which % len(saved)], own) for which, own in batch]
        self.delete([TaskKey(*key, self.version(key, own)) for key, own in keys], by)

    # What reads it.

    @rule(key=keys, by=objects)
    def find(self, key: tuple[str, str], by: int) -> None:
        """Find one."""
        assert self.objects[by].find(*self.own(key)) == self.stored.get(self.own(key))

    @rule(task_list=lists, by=objects, cut=st.none() | st.integers(0, 50))
    def read_all(self, task_list: str, by: int, cut: int | None) -> None:
        """Read a list, whole or what was saved before one of its versions."""
        name = self.prefix + task_list
        saved_before = self.saved_before(name, cut)
        found = list(self.objects[by].all(name, saved_before=saved_before))
        assert found == self.expected(name, saved_before)

    @rule(task_list=lists, by=objects)
    def count_list(self, task_list: str, by: int) -> None:
        """Count a list."""
        name = self.prefix + task_list
        assert self.objects[by].count(name) == len(self.expected(name))

    @rule(by=objects)
    def name_lists(self, by: int) -> None:
        """Name the lists that are not empty."""
        names = [name for name in self.objects[by].task_lists() if name.startswith(self.prefix)]
        assert len(set(names)) == len(names)
        assert {name for name, _ in self.stored} <= set(names) <= {name for name, _ in self.versions}

    @precondition(lambda self: len(self.readers) < 3)
    @rule(task_list=lists, by=objects, cut=st.none() | st.integers(0, 50))
    def begin_reading(self, task_list: str, by: int, cut: int | None) -> None:
        """Begin to read a list; other calls come in between."""
        name = self.prefix + task_list
        saved_before = self.saved_before(name, cut)
        there = self.expected(name, saved_before)
        self.readers.append(
            Reader(
                task_list=name,
                saved_before=saved_before,
                records=self.objects[by].all(name, saved_before=saved_before),
                owed={r.id for r in there},
                true_since={(r.id, r.saved_at) for r in self.expected(name) if r.saved_at is not None},
            )
        )

    @precondition(lambda self: self.readers)
    @rule(which=st.integers(0, 2), steps=st.sampled_from([1, 2, 1_000]))
    def go_on_reading(self, which: int, steps: int) -> None:
        """Read a few more, or to the end: whatever was there throughout must have been given."""
        reader = self.readers[which % len(self.readers)]
        given = list(islice(reader.records, steps))
        for one in given:
            assert one.task_list == reader.task_list
            assert (one.id, one.saved_at) in reader.true_since, "all() gave what was not stored while it was read"
            assert reader.saved_before is None or (one.saved_at or 0) < reader.saved_before
            place = self.order(one.id)
            assert reader.last is None or place is None or reader.last < place, "all() is out of order"
            reader.last = place
            reader.owed.discard(one.id)
        if len(given) < steps:
            assert not reader.owed, "all() missed what was there throughout"
            self.readers.remove(reader)

    @precondition(lambda self: self.readers)
    @rule(which=st.integers(0, 2))
    def leave_reading(self, which: int) -> None:
        """Leave an `all` half way."""
        self.readers.pop(which % len(self.readers))

    # What happens around it.

    @rule(seconds=st.sampled_from([-3_600, -1, 1, 3_600]))
    def move_clock(self, seconds: int) -> None:
        """The clock steps, back too."""
        self.clock.advance(timedelta(seconds=seconds))

    @rule(by=objects, anew=st.booleans())
    def reopen(self, by: int, anew: bool) -> None:  # noqa: FBT001  # Hypothesis draws it
        """Close one object, and go on with another or with the same, which opens by itself."""
        self.readers.clear()
        self.objects[by].close()
        if anew:
            self.objects[by] = self.handles.open()

    @rule()
    def crash(self) -> None:
        """The process dies, and another one starts."""
        self.readers.clear()
        if self.persistent:
            for backend in self.objects:
                self.crash_backend(backend)
        self.objects = [self.handles.open() for _ in range(OBJECTS)]
        self.compare_everything(self.objects[0])

    # The model.

    def own(self, key: tuple[str, str]) -> tuple[str, str]:
        """The key in this play's own lists."""
        return self.prefix + key[0], key[1]

    def version(self, key: tuple[str, str], own: str) -> int | None:
        """A version for that key: none, an old one, the stored one (0 when there is none), or one ahead."""
        current = self.stored.get(key)
        newest = 0 if current is None or current.saved_at is None else current.saved_at
        if own == "none":
            return None
        if own == "old":
            return min(self.versions.get(key, [0]))
        return newest + (3_000_000 if own == "ahead" else 0)

    def record(self, key: tuple[str, str], content: tuple[Any, ...], own: str) -> TaskRecord:
        """A record to save."""
        type, data, run_at, meta = content
        key = self.own(key)
        return TaskRecord(*key, type, data, self.version(key, own), run_at=run_at, meta=meta)

    def store(self, records: list[TaskRecord], by: int) -> None:
        """Store, judge the versions given, and do the same to the model."""
        backend = self.objects[by]
        versions = backend.store(records)
        assert len(versions) == len(records)
        before = self.given.get(id(backend))  # by earlier calls: among themselves only those of one key are in order
        for one, version in zip(records, versions, strict=True):
            key = (one.task_list, one.id)
            there = self.stored.get(key)
            floors = (one.saved_at, there.saved_at if there else None, before)
            assert all(version > floor for floor in floors if floor is not None), "a version did not grow"
            self.given[id(backend)] = max(version, self.given.get(id(backend), 0))
            self.versions.setdefault(key, []).append(version)
            self.stored[key] = attrs.evolve(one, saved_at=version)
            for reader in self.readers:
                if reader.task_list == one.task_list:
                    reader.owed.discard(one.id)
                    reader.true_since.add((one.id, version))

    def delete(self, delete: list[TaskKey], by: int) -> None:
        """Delete, and do the same to the model."""
        self.objects[by].delete(delete)
        self.deleted(delete)

    def deleted(self, keys: list[TaskKey]) -> None:
        """Done to the model alone."""
        for key in keys:
            there = self.stored.get((key.task_list, key.id))
            if there is None or there.saved_at is None or (key.saved_at is not None and there.saved_at > key.saved_at):
                continue
            del self.stored[key.task_list, key.id]
            for reader in self.readers:
                if reader.task_list == key.task_list:
                    reader.owed.discard(key.id)

    def saved_before(self, task_list: str, cut: int | None) -> int | None:
        """None, or one of the versions in that list."""
        versions = sorted(r.saved_at or 0 for r in self.expected(task_list))
        return None if cut is None or not versions else versions[cut % len(versions)]

    def expected(self, task_list: str, saved_before: int | None = None) -> list[TaskRecord]:
        """What the model has in that list, in order."""
        found = [r for (name, _), r in self.stored.items() if name == task_list]
        found = [r for r in found if saved_before is None or (r.saved_at or 0) < saved_before]
        return sorted(found, key=lambda r: self.order(r.id))

    def compare_everything(self, backend: DataInterface) -> None:
        """All lists, their counts and every key."""
        for name in LISTS:
            expected = self.expected(self.prefix + name)
            assert list(backend.all(self.prefix + name)) == expected, "what all() gives is not what was saved"
            assert backend.count(self.prefix + name) == len(expected)
            for id in IDS:
                assert backend.find(self.prefix + name, id) == self.stored.get((self.prefix + name, id))


def play(
    open_backend: OpenBackend,
    *,
    persistent: bool,
    crash: Callable[[DataInterface], None],
    order: Callable[[str], Any],
    examples: int,
    steps: int,
    machine: Callable[..., BackendMachine] = BackendMachine,
) -> None:
    """Run a machine: `examples` sequences of at most `steps` calls, by the settings profile that is loaded."""

    def make() -> BackendMachine:
        """With its arguments: Hypothesis makes it without any."""
        return machine(open_backend, persistent=persistent, crash=crash, order=order)

    run_state_machine_as_test(
        cast("type[RuleBasedStateMachine]", make),  # any callable that makes one will do
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,  # a storage may pause, for a disk to sync say
            database=None,
            suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType] - its metaclass lists the members
        ),
    )
