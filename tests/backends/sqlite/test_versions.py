"""Versions across stores, processes and clock steps: what was completed never comes to remove what was saved anew (I7)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from atleastonce.exceptions import StoreUnavailable
from atleastonce.record import TaskKey
from atleastonce.store import FUTURE_US
from atleastonce.testing import TestClock
from atleastonce_sqlite import SqliteStore
from atleastonce_sqlite.watermark import FAR_AHEAD_US, SLACK_US

from ..children import in_child, needs_fork
from .helpers import ids, locked, raw, record

SETTINGS = "SELECT version_floor, slack_us, owner FROM atleastonce_settings"


@pytest.fixture
def clock():
    return TestClock()


@pytest.fixture
def open_store(path, clock):
    stores = []

    def open_one(own_clock=clock):
        stores.append(SqliteStore(path, clock=own_clock))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


def settings(path):
    with raw(path) as connection:
        [row] = connection.execute(SETTINGS).fetchall()
    return row


def save(store, id="1", **fields):
    [version] = store.store([record(id, **fields)])
    return version


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(seconds=1), timedelta(milliseconds=50), timedelta()])
@pytest.mark.parametrize("saves", [1, 2, 5])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_late_completion_spares_what_another_store_saved_after_a_clock_step(open_store, clock, step, saves, batch):
    before = open_store()
    for _ in range(saves):
        clock.advance(timedelta(milliseconds=40))
        old = before.store([record(str(number)) for number in range(batch)])
    stale = [TaskKey("list", str(number), version) for number, version in enumerate(old)]
    before.delete(stale)
    clock.advance(-step)
    after = open_store()
    new = after.store([record(str(number)) for number in range(batch)])
    before.delete(stale)
    assert ids(after) == [str(number) for number in range(batch)]
    assert min(new) > max(old)


@needs_fork
@pytest.mark.parametrize("inherited", [False, True])
def test_the_same_in_two_processes(path, clock, inherited):
    store = SqliteStore(path, clock=clock)
    save(store, "other")
    stale = [TaskKey("list", "1", save(store))]
    store.delete(stale)

    def save_in_the_past():
        clock.advance(timedelta(hours=-1))
        save(store if inherited else SqliteStore(path, clock=clock))

    in_child(save_in_the_past)
    store.delete(stale)
    assert ids(store) == ["1", "other"]
    store.close()


def test_two_stores_in_turns_never_give_a_version_twice_nor_run_ahead(open_store, clock):
    one, other = open_store(), open_store()
    given = []
    for number in range(50):
        given.append(save((one, other)[number % 2], str(number)))
        given.append(save((one, other)[number // 2 % 2], str(number)))
        clock.advance(timedelta(milliseconds=number % 3))
    assert given == sorted(set(given))
    assert given[-1] <= clock() + 2 * SLACK_US


def test_with_a_clock_that_runs_versions_are_the_time(open_store, clock):
    one = open_store()
    for number in range(20):
        assert save(one, str(number)) == clock()
        clock.advance(timedelta(milliseconds=30))
    clock.advance(timedelta(milliseconds=100))
    assert save(open_store()) == clock()


@pytest.mark.parametrize("size", [1, 2])
def test_the_mark_stays_above_every_version_and_is_written_seldom(open_store, clock, path, size):
    store = open_store()
    marks = set()
    for number in range(200):
        *_, version = store.store([record(f"{number}-{part}") for part in range(size)])
        floor, slack, _ = settings(path)
        assert version <= floor + slack
        marks.add(floor)
        clock.advance(timedelta(milliseconds=1))
    assert len(marks) <= 5


def test_the_usual_save_reads_no_mark(open_store, clock):
    """One statement each, once the store has the mark: what makes it as fast as a bare INSERT."""
    store = open_store()
    for number in range(3):
        save(store, str(number))
        clock.advance(timedelta(milliseconds=1))
    statements = []
    store._connections.writer().connection.set_trace_callback(statements.append)
    for number in range(3, 10):
        save(store, str(number))
        clock.advance(timedelta(milliseconds=1))
    store.delete([TaskKey("list", "3")])
    assert len(statements) == 8


def test_a_batch_is_below_the_mark_too(open_store, clock, path):
    one, other = open_store(), open_store()
    versions = one.store([record(str(number)) for number in range(150_000 // 100)])
    assert versions[-1] <= sum(settings(path)[:2])
    clock.advance(timedelta(hours=-1))
    assert save(other) > versions[-1]
    again = one.store([record(str(number)) for number in range(1_500)])
    assert again[-1] <= sum(settings(path)[:2])
    assert list(again) == sorted(set(again))


def test_the_clock_is_followed_again_once_it_has_caught_up(open_store, clock):
    first = save(open_store())
    clock.advance(timedelta(hours=-1))
    store = open_store()
    behind = [save(store, str(number)) for number in range(5)]
    assert behind[0] > first
    assert behind[-1] < first + 10
    clock.advance(timedelta(hours=1, seconds=1))
    assert save(store) == clock()


def test_what_another_store_gives_while_this_one_has_a_guess(open_store, clock):
    """The other's clock is ahead by less than the slack."""
    ahead = TestClock(clock() + SLACK_US // 2)
    one, other = open_store(), open_store(ahead)
    for number in range(3):
        save(one, str(number))
        clock.advance(timedelta(milliseconds=1))
    old = save(other, "x")
    other.delete([TaskKey("list", "x", old)])
    assert save(one, "x") > old


def test_a_record_from_the_far_future_does_not_take_the_file_with_it(open_store, clock, path):
    far = clock() + 10 * FAR_AHEAD_US
    store = open_store()
    for batch in ([record("f", saved_at=far)], [record("f", saved_at=far), record("g")]):
        for _ in range(3):
            assert min(store.store(batch)) > far
            assert sum(settings(path)[:2]) < clock() + FAR_AHEAD_US
    clock.advance(timedelta(seconds=1))
    assert save(open_store()) == clock()


def test_every_version_that_complete_trusts_is_below_the_mark(open_store, clock, path):
    """A task's version of up to 5 minutes ahead removes all that are not above it."""
    trusted = save(open_store(), saved_at=clock() + FUTURE_US - 1)
    assert trusted == clock() + FUTURE_US
    assert sum(settings(path)[:2]) >= trusted


def test_a_version_that_complete_does_not_trust_moves_no_mark(open_store, clock, path):
    """The first one that is further ahead than that."""
    far = save(open_store(), saved_at=clock() + FUTURE_US)
    assert far == clock() + FUTURE_US + 1
    assert sum(settings(path)[:2]) < far


@pytest.mark.parametrize("size", [2, 3, 4])
def test_a_batch_takes_as_many_versions_as_it_has_records(open_store, size):
    """And no more: they run no further ahead of the clock than they must."""
    store = open_store()
    versions = []
    for number in range(5):  # the clock stands still
        versions += [*store.store([record(f"{number}-{part}") for part in range(size)]), save(store, f"{number}-last")]
    assert versions == list(range(versions[0], versions[0] + 5 * (size + 1)))


def test_deletes_leave_the_mark_as_it_is(open_store, path):
    save(open_store())
    before = settings(path)
    open_store().delete([TaskKey("list", "x"), TaskKey("list", "y")])
    assert settings(path) == before


def test_a_record_from_the_near_future_is_below_the_mark(open_store, clock):
    near = clock() + FAR_AHEAD_US // 2
    old = save(open_store(), saved_at=near)
    assert old == near + 1
    other = open_store()
    other.delete([TaskKey("list", "1", old)])
    assert save(other) > old


@pytest.mark.parametrize("size", [1, 2])
def test_a_stored_version_is_passed_whatever_the_clock_says(open_store, clock, path, size):
    store = open_store()
    save(store)
    ahead = clock() + 3_600_000_000
    with raw(path) as connection:
        connection.execute("UPDATE atleastonce_tasks SET saved_at = ?", (ahead,))
    first, *_ = store.store([record(str(number + 1)) for number in range(size)])
    assert first == ahead + 1


def test_a_stored_version_that_is_the_time_now_is_passed(open_store, clock, path):
    """Another store gave it in this very microsecond, so it is the one that this store was about to give."""
    store = open_store()
    for _ in range(3):
        save(store)
        clock.advance(timedelta(milliseconds=1))
    with raw(path) as connection:
        connection.execute("UPDATE atleastonce_tasks SET saved_at = ?", (clock(),))
    assert save(store) == clock() + 1


def test_of_one_key_twice_the_last_wins_with_the_higher_version(open_store):
    store = open_store()
    save(store, "2")
    versions = store.store([record("1", type="A"), record("1", type="B"), record("2", type="C"), record("2", type="D")])
    assert list(versions) == sorted(set(versions))
    assert [(it.type, it.saved_at) for it in store.all("list")] == [("B", versions[1]), ("D", versions[3])]


def test_a_batch_with_one_key_that_is_there_saves_every_record(open_store, clock):
    store = open_store()
    old = save(store, "0500")
    clock.advance(timedelta(seconds=1))
    batch = [record(f"{number:04}", data=b"%d" % number) for number in range(1_000)]
    versions = store.store(batch)
    found = list(store.all("list"))
    assert [(it.id, it.data, it.saved_at) for it in found] == [
        (it.id, it.data, version) for it, version in zip(batch, versions, strict=True)
    ]
    assert versions[500] > old


@needs_fork
def test_a_child_does_not_go_on_with_its_parents_mark(path, clock):
    """Each of the two would think that nobody else gives versions below it."""
    store = SqliteStore(path, clock=clock)
    for number in range(3):
        save(store, str(number))
        clock.advance(timedelta(milliseconds=1))
    told = path.with_name("version")

    def save_and_complete():
        clock.advance(timedelta(milliseconds=20))
        version = save(store, "x")
        store.delete([TaskKey("list", "x", version)])
        told.write_text(str(version))

    in_child(save_and_complete)
    old = int(told.read_text())
    assert save(store, "x") > old
    store.close()


def test_a_version_that_happens_to_be_that_of_another_store_is_no_own_one(open_store, path, clock):
    """A batch must not take a row for its own because it carries the version that it was about to give."""
    store = open_store()
    with raw(path) as connection:
        save(store, "other")
        save(store, "other")
        upcoming = clock() + 1_000_000
        connection.execute(
            "INSERT INTO atleastonce_tasks (task_list, id, type, data, saved_at) VALUES ('list', '1', 'T', x'', ?)",
            (upcoming,),
        )
    clock.advance(timedelta(seconds=1))
    [first, _] = store.store([record("1", data=b"new"), record("2")])
    assert first > upcoming
    assert store.find("list", "1").data == b"new"


def test_a_save_that_was_rolled_back_leaves_the_mark_as_it_was(open_store, clock, path):
    store = open_store()
    save(store)
    before = settings(path)
    clock.advance(timedelta(hours=1))
    with pytest.raises(ValueError, match="SQLite"):
        store.store([record("2"), record(None)])
    assert settings(path) == before
    old = save(store, "3")
    assert old <= sum(settings(path)[:2])


def test_each_child_has_a_mark_of_its_own(open_store, path):
    store = open_store()
    save(store)
    _, _, owner = settings(path)
    store.forget()
    save(store)
    assert settings(path)[2] != owner


def test_a_new_save_of_a_key_that_is_there_is_noted_at_its_time(open_store, clock):
    """Though it was first tried as that of a new key."""
    store = open_store()
    for _ in range(30):
        clock.advance(timedelta(milliseconds=10))
        assert save(store) == clock()


@pytest.mark.parametrize("bad", [[record("bad", type=None)], [record("bad", type=None), record("2")]])
def test_a_save_that_failed_leaves_no_old_version_behind(open_store, clock, bad):
    store = open_store()
    for number in range(3):
        save(store, str(number))
        clock.advance(timedelta(milliseconds=1))
    with pytest.raises(ValueError, match="SQLite"):
        store.store(bad)
    clock.advance(timedelta(hours=1))
    assert save(store) == clock()


def test_a_save_that_never_began_leaves_no_old_version_behind(path, clock):
    store = SqliteStore(path, clock=clock, timeout=0.05)
    for number in range(3):
        save(store, str(number))
    clock.advance(timedelta(milliseconds=250))
    with locked(path), pytest.raises(StoreUnavailable):
        save(store)
    clock.advance(timedelta(hours=1))
    assert save(store, "new") == clock()
    store.close()


@pytest.mark.parametrize("later", [timedelta(microseconds=1), timedelta(milliseconds=1)], ids=str)
def test_after_a_failure_the_mark_is_read_anew(open_store, clock, path, later):
    """Another store may have put it where the failed save would have."""
    one, other = open_store(), open_store()
    for number in range(3):
        save(one, str(number))
        clock.advance(timedelta(milliseconds=1))
    clock.advance(timedelta(hours=1))
    with pytest.raises(ValueError, match="SQLite"):
        one.store([record("bad", type=None), record("2")])
    clock.advance(timedelta(microseconds=1))  # the failed batch had two versions
    save(other, "x")
    clock.advance(later)
    assert save(one, "y") <= sum(settings(path)[:2])


def test_after_a_failure_the_other_stores_versions_are_passed(open_store, clock):
    ahead = TestClock(clock() + SLACK_US // 2)
    one, other = open_store(), open_store(ahead)
    for number in range(3):
        save(one, str(number))
        clock.advance(timedelta(milliseconds=1))
    with pytest.raises(ValueError, match="SQLite"):
        one.store([record("bad", type=None), record("2")])
    old = save(other, "x")
    other.delete([TaskKey("list", "x", old)])
    assert save(one, "x") > old
