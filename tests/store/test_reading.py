"""`find`, `all`, `count` and `task_lists`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from atleastonce import InvalidTask, Task


class Read(Task, tag="tests.store.read"):
    number: int = 0


def save(store, *ids, task_list="l"):
    store.save_all([Read(task_list=task_list, id=id) for id in ids])


def test_all_is_in_the_order_of_the_ids_bytes(store):
    ids = ["b", "a", "é", "\U0001f600", "\uffff", "A", "aa"]
    save(store, *ids)
    assert [t.id for t in store.all("l")] == sorted(ids, key=str.encode)


def test_all_sees_only_its_own_list(store):
    save(store, "1")
    save(store, "2", task_list="l2")
    save(store, "3", task_list="L")
    assert [t.id for t in store.all("l")] == ["1"]
    assert (store.count("l"), store.count("none")) == (1, 0)
    assert sorted(store.task_lists()) == ["L", "l", "l2"]


def test_all_loses_nothing_that_was_there_throughout(store):
    ids = [f"{number:04}" for number in range(3_000)]
    save(store, *ids)
    seen = []
    for number, task in enumerate(store.all("l")):
        seen.append(task.id)
        if number % 500 == 0:
            save(store, f"{number:04}-new", "0000-before")
            store.complete(task)
    assert set(ids) <= set(seen)


def test_a_reader_may_stop_half_way(store):
    save(store, *map(str, range(50)))
    for _ in range(20):
        reader = store.all("l")
        next(reader)
        reader.close()
    store.complete_all(store.all("l"))
    assert store.count("l") == 0


def test_older_than_counts_from_the_save(store, clock):
    save(store, "1")
    clock.advance(timedelta(minutes=10))
    save(store, "2")
    clock.advance(timedelta(minutes=10))
    assert [t.id for t in store.all("l", timedelta(minutes=15))] == ["1"]
    assert [t.id for t in store.all("l", older_than=timedelta(minutes=5))] == ["1", "2"]
    assert [t.id for t in store.all("l", older_than=timedelta(minutes=25))] == []


@pytest.mark.parametrize("older_than", [5, "1h", timedelta(microseconds=-1)])
def test_an_age_that_is_none_is_refused_at_once(store, older_than):
    with pytest.raises(InvalidTask, match="older_than"):
        store.all("l", older_than)


@pytest.mark.parametrize("key", [None, 5, "", "a\0b", "\ud800", "x" * 1_025])
def test_bad_keys_are_refused_at_once(store, key):
    for call in (
        lambda: store.find(key, "1"),
        lambda: store.find("l", key),
        lambda: store.all(key),
        lambda: store.count(key),
    ):
        with pytest.raises(InvalidTask):
            call()


def test_find_and_all_take_a_class(store):
    class Special(Read):
        pass

    save(store, "1")
    store.save(Special(task_list="l", id="2"))
    assert [t.id for t in store.all("l", cls=Special)] == ["2"]
    assert store.find("l", "1", Special) is None
    assert store.find("l", "2", Read).id == "2"
