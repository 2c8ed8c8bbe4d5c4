"""Who removes and replaces what: a stale complete never hurts a newer save, an explicit save always wins (I7)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from atleastonce import Task, TaskStore
from atleastonce.store import FUTURE_US
from atleastonce_memory import MemoryStore


class Numbered(Task, tag="tests.store.numbered"):
    number: int = 0


def make(number=0, **fields):
    return Numbered(**{"task_list": "l", "id": "one", "number": number, **fields})


def number_of(store):
    task = store.find("l", "one")
    return None if task is None else task.number


def test_a_stale_complete_leaves_the_newer_save(store):
    old = make(1)
    store.save(old)
    store.save(make(2))
    store.complete(old)
    assert number_of(store) == 2


def test_a_complete_of_the_newest_version_removes(store):
    store.save(make(1))
    newest = make(2)
    store.save(newest)
    store.complete(newest)
    assert number_of(store) is None


def test_a_complete_of_a_newer_version_removes_the_older_one_that_is_there(store):
    """The version says: this, and whatever was before it, is done."""
    task = make(1)
    store.save(task)
    ahead = Numbered.from_hash({**task.as_hash(), "saved_at": task.as_hash()["saved_at"] + 1_000})
    store.complete(ahead)
    assert number_of(store) is None


def test_an_unversioned_complete_removes_what_is_there(store):
    store.save(make(1))
    store.complete(make(7))
    assert number_of(store) is None


def test_a_complete_through_the_wire_is_versioned(store):
    old = make(1)
    store.save(old)
    sent = old.as_hash()
    store.save(make(2))
    store.complete(Numbered.from_hash(sent))
    assert number_of(store) == 2


def test_a_task_that_was_read_has_the_version_that_it_was_read_at(store):
    store.save(make(1))
    read = store.find("l", "one")
    store.save(make(2))
    store.complete(read)
    assert number_of(store) == 2


@pytest.mark.parametrize("make_stale", ["read", "never_saved"])
def test_an_explicit_save_always_wins(store, make_stale):
    store.save(make(1))
    stale = store.find("l", "one") if make_stale == "read" else make()
    newer = make(2)
    store.save(newer)
    stale.number = 3
    store.save(stale)
    assert number_of(store) == 3
    store.complete(newer)
    assert number_of(store) == 3


def test_a_save_after_a_complete_is_pending_again(store):
    task = make(1)
    store.save(task)
    store.complete(task)
    store.save(task)
    assert number_of(store) == 1
    store.complete(task)
    assert number_of(store) is None


def test_a_late_complete_does_not_remove_what_was_saved_after_a_complete(store):
    task = make(1)
    store.save(task)
    late = Numbered.from_hash(task.as_hash())
    store.complete(task)
    store.save(make(2))
    store.complete(late)
    assert number_of(store) == 2


def test_versions_grow_while_the_clock_steps_back(store, clock):
    task = make(1)
    store.save(task)
    clock.advance(timedelta(days=-1))
    again = make(2)
    store.save(again)
    assert again.delivery.saved_at > task.delivery.saved_at
    store.complete(task)
    assert number_of(store) == 2


def with_version(task, version):
    return Numbered.from_hash({**task.as_hash(), "saved_at": version})


class Watched(MemoryStore):
    """Notes the order of its calls."""

    def __init__(self, clock):
        super().__init__(clock=clock)
        self.calls = []

    def find(self, task_list, id):
        self.calls.append("find")
        return super().find(task_list, id)

    def delete(self, keys):
        self.calls.append([key.saved_at for key in keys])
        super().delete(keys)


def test_a_complete_from_the_far_future_removes_nothing_but_that_very_version(store, clock):
    """Its sender's clock was wrong, or it was made up: taken at its word it would remove every save of years to come."""
    store.save(make(1))
    store.complete(with_version(make(), clock() + FUTURE_US + 1))
    assert number_of(store) == 1
    store.complete(with_version(make(), 2**53 - 1))
    assert number_of(store) == 1


def test_a_complete_from_the_far_future_removes_that_very_version(store, clock):
    ahead = with_version(make(1), clock() + 2 * FUTURE_US)
    store.save(ahead)  # its new version is above its own
    assert ahead.as_hash()["saved_at"] > clock() + FUTURE_US
    store.complete(with_version(make(), ahead.as_hash()["saved_at"] - 1))
    store.complete(with_version(make(), ahead.as_hash()["saved_at"] + 1))
    assert number_of(store) == 1
    store.complete(ahead)
    assert number_of(store) is None


def test_complete_all_looks_as_well(store, clock):
    store.save(make(1))
    store.save(make(1, id="two"))
    assert store.complete_all([with_version(make(), 2**53 - 1), make(id="two")]) == 2
    assert number_of(store) == 1
    assert store.count("l") == 1


def test_it_reads_only_for_versions_over_five_minutes_ahead(clock):
    backend = Watched(clock)
    store = TaskStore(backend, clock=clock)
    five_minutes = clock() + 5 * 60 * 1_000_000
    store.complete(with_version(make(), five_minutes))
    assert backend.calls == [[five_minutes]]
    backend.calls.clear()
    store.complete(with_version(make(), five_minutes + 1))
    assert backend.calls == ["find"]
    backend.calls.clear()
    store.complete(make())
    assert backend.calls == [[None]]


def test_saving_one_object_twice_in_a_batch_keeps_it_completable(store):
    task = make(1)
    assert store.save_all([task, task]) == 2
    assert store.count("l") == 1
    store.complete(task)
    assert store.count("l") == 0


def test_of_one_key_twice_in_a_batch_the_last_wins(store):
    first, last = make(1), make(2)
    store.save_all([first, last])
    assert number_of(store) == 2
    store.complete(first)
    assert number_of(store) == 2
    store.complete(last)
    assert number_of(store) is None


def test_a_forged_version_does_not_drag_the_later_ones_along(store, clock):
    forged = with_version(make(), 2**53 - 2)
    store.save(forged)
    later = make()
    store.save(later)
    assert forged.as_hash()["saved_at"] <= clock() + FUTURE_US
    assert later.as_hash()["saved_at"] <= clock() + FUTURE_US
