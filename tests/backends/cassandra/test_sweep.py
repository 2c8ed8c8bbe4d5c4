"""What `all` and `claim` take out of the registry, and what they never do; by a clock that the test sets."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from atleastonce import Task, TaskStore, dispatch, perform, redrive
from atleastonce.claims import Held
from atleastonce.ids import IdSource
from atleastonce.record import TaskKey
from atleastonce.testing import TestClock
from atleastonce_cassandra import CassandraStore, reader
from atleastonce_cassandra.protocol.steps import Unregister

from .helpers import ids, opened, record, registered, where

SLOT = timedelta(minutes=5)
GRACE = timedelta(hours=1)
MOMENT = timedelta(seconds=1)


class Swept(Task):
    def execute(self):
        """Does nothing."""


@pytest.fixture
def clock():
    """At the begin of a slot."""
    return TestClock()


@pytest.fixture
def store(open_store, clock):
    return open_store(clock=clock)


@pytest.fixture
def draw(clock, task_list):
    """Draws ids by the clock."""
    source = IdSource(clock)
    return lambda: source.new(task_list)


@pytest.fixture
def there(session, cassandra_keyspace, task_list):
    """What the registry has of the list."""
    return lambda: registered(session, cassandra_keyspace, task_list)


@pytest.fixture(params=["all", "claim"])
def read(request, store, task_list):
    """Reads the list, as `all` or as a redrive does; the ids."""

    def claim():
        page = store.claim(task_list, lease=60_000_000, limit=1_000)
        held = [Held(task_list, it.id, it.saved_at, it.claim.token) for it in page.records]
        assert page.cursor is None
        assert all(store.release(held, unstarted=True))
        return sorted(it.id for it in page.records)

    return claim if request.param == "claim" else lambda: ids(store, task_list)


def save_and_complete(store, task_list, id):
    store.store([record(id, task_list)])
    store.delete([TaskKey(task_list, id)])


class TestSweep:
    def test_after_the_grace_and_not_before(self, store, clock, draw, task_list, there, read):
        id = draw()
        save_and_complete(store, task_list, id)
        for wait in (timedelta(0), SLOT, GRACE):
            clock.advance(wait)
            assert read() == []
            assert there() == {where(id)}
        clock.advance(MOMENT)
        assert read() == []
        assert there() == set()
        assert read() == []

    def test_days_later(self, store, clock, draw, task_list, there, read):
        """Then a quorum of every data centre is asked, and not every replica."""
        save_and_complete(store, task_list, draw())
        clock.advance(timedelta(days=2))
        assert read() == []
        assert there() == set()

    def test_what_has_a_task_stays(self, store, clock, draw, task_list, there, read):
        first, second = draw(), draw()
        save_and_complete(store, task_list, first)
        store.store([record(second, task_list)])
        clock.advance(timedelta(days=2))
        for _ in range(2):
            assert read() == [second]
            assert there() == {where(second)}
        assert list(store.all(task_list, saved_before=1)) == []  # none is old enough, but one is there
        assert there() == {where(second)}

    def test_shards_stay(self, store, clock, task_list, there, read):
        save_and_complete(store, task_list, "mine")
        clock.advance(timedelta(days=2))
        assert read() == []
        assert there() == {where("mine")}

    def test_many_at_once(self, store, clock, draw, task_list, there, read):
        kept = []
        for number in range(40):
            id = draw()
            save_and_complete(store, task_list, id)
            if number % 10 == 0:
                kept.append(draw())
                store.store([record(kept[-1], task_list)])
            clock.advance(SLOT)
        clock.advance(GRACE + MOMENT)
        assert len(there()) == 40
        assert read() == kept
        assert there() == {where(id) for id in kept}

    def test_a_place_that_was_swept_is_registered_again(self, store, clock, draw, task_list, there, read):
        """By the same process, which remembers that it registered it once."""
        id = draw()
        save_and_complete(store, task_list, id)
        clock.advance(SLOT + GRACE + MOMENT)
        assert read() == []
        store.store([record(id, task_list)])
        assert there() == {where(id)}
        assert read() == [id]

    def test_a_row_that_comes_after_the_first_read(self, store, open_store, clock, draw, task_list, there, monkeypatch):
        id = draw()
        save_and_complete(store, task_list, id)
        clock.advance(SLOT + GRACE + MOMENT)
        other = open_store(clock=clock)
        tidy = store._reader.tidy
        seen = []

        def late(empty, orphans, seconds):
            seen.extend(empty)
            other.store([record(id, task_list)])
            tidy(empty, orphans, seconds)

        monkeypatch.setattr(store._reader, "tidy", late)
        list(store.all(task_list))
        assert len(seen) == 1
        assert there() == {where(id)}
        assert ids(other, task_list) == [id]

    def test_a_row_that_comes_after_the_last_read(self, store, open_store, clock, draw, task_list, there, monkeypatch):
        """It registers its place again, and that is newer than the sweep."""
        id = draw()
        save_and_complete(store, task_list, id)
        clock.advance(SLOT + GRACE + MOMENT)
        other = open_store(clock=clock)
        sweep, swept = reader.sweep, []

        def late(*arguments):
            steps, answer = sweep(*arguments), None
            while True:
                try:
                    step = steps.send(answer)
                except StopIteration as end:
                    return end.value
                if isinstance(step, Unregister):
                    other.store([record(id, task_list)])
                    swept.append(step)
                answer = yield step

        monkeypatch.setattr(reader, "sweep", late)
        assert ids(store, task_list) == []
        assert len(swept) == 1
        assert there() == {where(id)}
        assert ids(other, task_list) == [id]

    def test_an_iteration_that_is_left_sweeps_nothing(self, store, clock, draw, task_list, there):
        empty, full = draw(), "mine"
        save_and_complete(store, task_list, empty)
        store.store([record(full, task_list)])
        clock.advance(SLOT + GRACE + MOMENT)
        next(store.all(task_list))
        assert there() == {where(empty), where(full)}
        assert ids(store, task_list) == [full]
        assert there() == {where(full)}

    def test_what_others_wrote_weakly_is_not_swept(self, url, clock, draw, task_list, session):
        """A read of all replicas does not see a write that one replica took and another process acknowledged."""
        store = opened(f"{url}&table=weak&consistency=LOCAL_ONE", clock=clock)
        store.setup()
        save_and_complete(store, task_list, draw())
        clock.advance(timedelta(days=2))
        strong = opened(f"{url}&table=weak&consistency=ALL", clock=clock)
        for reading in (store, strong):
            assert ids(reading, task_list) == []
            rows = session.execute("SELECT slot FROM weak_segments WHERE task_list = %s", (task_list,))
            assert len(list(rows)) == 1
            reading.close()


class TestRedriveAlone:
    """Of those who never read a list but by redriving it."""

    def test_its_registry_shrinks(self, store, clock, draw, task_list, there, monkeypatch):
        monkeypatch.setattr(CassandraStore, "all", lambda *_, **__: pytest.fail("redrive reads the list too"))
        tasks = TaskStore(store, clock=clock)
        perform_here = partial(perform, store=tasks)
        for _ in range(5):
            dispatch([Swept(task_list=task_list, id=draw()) for _ in range(3)], perform_here, store=tasks)
            clock.advance(SLOT)
        forgotten = draw()
        dispatch([Swept(task_list=task_list, id=forgotten)], lambda task_hash: None, store=tasks)
        clock.advance(SLOT + GRACE)
        assert len(there()) == 6
        assert redrive(task_list, store=tasks).completed == 1
        assert there() == {where(forgotten)}  # which was not empty then
        clock.advance(MOMENT)
        assert redrive(task_list, store=tasks).left == 0
        assert there() == set()

    def test_what_could_not_be_swept_is_not_tried_with_every_page(
        self, store, clock, draw, task_list, there, monkeypatch
    ):
        save_and_complete(store, task_list, draw())
        clock.advance(SLOT + GRACE + MOMENT)
        tried = []
        monkeypatch.setattr(store._claimer, "_tidy", lambda empty, *_: tried.append(empty))
        for _ in range(3):
            assert store.claim(task_list, lease=60_000_000, limit=1).records == []
        assert len(tried) == 1
        assert len(there()) == 1


class TestReportsAlone:
    """A row with a failure report and no task: the report came so late that the deletion was forgotten already."""

    @pytest.fixture
    def report(self, session, clock, task_list):
        """Writes one by the clock; answers whether it is there."""

        def there(id):
            slot, origin = where(id)
            key = f"task_list = '{task_list}' AND slot = {slot} AND origin = {origin} AND id = '{id}'"
            return session.execute(f"SELECT failure FROM tasks WHERE {key}").one() is not None

        def write(id):
            slot, origin = where(id)
            session.execute(
                f"UPDATE tasks USING TIMESTAMP {clock()} SET failure = (1, 0x) "
                f"WHERE task_list = '{task_list}' AND slot = {slot} AND origin = {origin} AND id = '{id}'"
            )
            assert there(id)
            return lambda: there(id)

        return write

    @pytest.mark.parametrize("drawn", [True, False])
    def test_it_is_removed_once_it_is_old(self, store, clock, draw, task_list, there, report, drawn, read):
        id, neighbour = (draw(), draw()) if drawn else ("mine", "mine too")
        store.store([record(id, task_list), record(neighbour, task_list)])
        store.delete([TaskKey(task_list, id)])
        clock.advance(MOMENT)
        is_there = report(id)
        clock.advance(GRACE)
        assert read() == [neighbour]
        assert is_there()
        clock.advance(MOMENT)
        assert read() == [neighbour]
        assert not is_there()
        assert where(id) in there()

    def test_a_segment_goes_after_its_last_report(self, store, clock, draw, task_list, there, report, read):
        id = draw()
        save_and_complete(store, task_list, id)
        clock.advance(SLOT + GRACE)
        is_there = report(id)
        clock.advance(MOMENT)
        assert read() == []
        assert there() == {where(id)}
        clock.advance(GRACE)
        assert read() == []
        assert not is_there()
        assert read() == []
        assert there() == set()
