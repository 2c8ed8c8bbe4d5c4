"""`save`, `find`, `all`, `complete` and `delivery` of a task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from atleastonce import Delivery, Task, TaskRecord, TaskStore, configure, default_store, defaults
from atleastonce.codec import task_of
from atleastonce.testing import TestClock


@pytest.fixture
def item_class():
    class Item(Task):
        item_id: str = "a"

    return Item


def test_save_goes_to_the_default_store(item_class, store):
    item_class(task_list="l", id="one").save()
    assert store.find("l", "one") is not None


def test_save_and_complete_go_to_the_store_that_the_task_was_saved_to(item_class, store):
    other = TaskStore("memory://")
    task = item_class(task_list="l", id="one")
    other.save(task)
    task.item_id = "b"
    task.save()
    assert other.find("l", "one").item_id == "b"
    assert store.count("l") == 0
    task.complete()
    assert other.count("l") == 0


@pytest.mark.parametrize("read", [lambda s: s.find("l", "one"), lambda s: next(s.all("l"))], ids=["find", "all"])
def test_a_task_that_was_read_goes_back_to_the_store_that_it_came_from(item_class, store, read):
    other = TaskStore("memory://")
    other.save(item_class(task_list="l", id="one"))
    item_class(task_list="l", id="one").save()
    task = read(other)
    task.complete()
    assert (other.count("l"), store.count("l")) == (0, 1)


def test_save_all_binds_as_well(item_class, store):
    other = TaskStore("memory://")
    task = item_class(task_list="l", id="one")
    other.save_all([task])
    task.complete()
    assert other.count("l") == 0


def test_a_task_saved_elsewhere_is_bound_there_from_then_on(item_class, store):
    other = TaskStore("memory://")
    task = item_class.create(task_list="l", id="one")
    other.save(task)
    task.complete()
    assert (store.count("l"), other.count("l")) == (1, 0)


def test_save_replaces_type_and_all(item_class, store):
    class Other(Task):
        pass

    item_class.create(task_list="l", id="one")
    Other.create(task_list="l", id="one")
    assert type(store.find("l", "one")) is Other
    assert store.count("l") == 1


def test_find_gives_what_was_saved_or_none(item_class, store):
    task = item_class.create(task_list="l", id="one", item_id="ß\0\n")
    assert Task.find("l", "one") == item_class.find("l", "one") == task
    assert Task.find("l", "two") is None
    assert Task.find("other", "one") is None


def test_find_and_all_of_a_subclass_give_only_its_instances(item_class, store):
    class Other(Task):
        pass

    class Special(item_class):
        pass

    Other.create(task_list="l", id="1")
    item_class.create(task_list="l", id="2")
    Special.create(task_list="l", id="3")
    assert [type(t) for t in Task.all("l")] == [Other, item_class, Special]
    assert [t.id for t in item_class.all("l")] == ["2", "3"]
    assert [t.id for t in Special.all("l")] == ["3"]
    assert item_class.find("l", "1") is None
    assert item_class.find("l", "3").id == "3"
    assert Special.find("l", "2") is None


def test_all_is_lazy_and_in_id_order(item_class, store):
    ids = [item_class.create(task_list="l").id for _ in range(5)]
    reader = Task.all("l")
    assert iter(reader) is reader
    assert next(reader).id == ids[0]
    store.find("l", ids[1]).complete()
    assert [t.id for t in reader] == ids[2:]


def test_all_older_than(item_class):
    clock = TestClock()
    with defaults.using(TaskStore("memory://", clock=clock)):
        item_class.create(task_list="l", id="old")
        clock.advance(timedelta(hours=1))
        item_class.create(task_list="l", id="new")
        assert [t.id for t in Task.all("l", older_than=timedelta(minutes=30))] == ["old"]
        assert [t.id for t in item_class.all("l", older_than=timedelta(0))] == ["old"]
        assert [t.id for t in Task.all("l", older_than=timedelta(days=10**6))] == []


def test_complete_removes_may_be_repeated_and_gives_none(item_class, store):
    task = item_class.create(task_list="l")
    assert task.complete() is None
    assert task.complete() is None
    assert store.count("l") == 0


def test_complete_does_not_remove_a_version_saved_since(item_class, store):
    task = item_class.create(task_list="l", id="one")
    item_class.create(task_list="l", id="one", item_id="newer")
    task.complete()
    assert Task.find("l", "one").item_id == "newer"


def test_a_task_that_never_saw_the_store_removes_what_is_there(item_class, store):
    item_class.create(task_list="l", id="one")
    item_class(task_list="l", id="one").complete()
    assert store.count("l") == 0


def test_delivery_is_none_until_saved_or_read(item_class, store):
    task = item_class(task_list="l", id="one")
    assert task.delivery is None
    task.save()
    read = Task.find("l", "one")
    assert read.delivery == task.delivery
    assert read.delivery.attempts == 0
    assert read.delivery.last_error is None


def test_saved_at_is_the_version_to_the_microsecond(item_class):
    moment = datetime(2025, 6, 7, 8, 9, 10, 123_457, tzinfo=UTC)
    with defaults.using(TaskStore("memory://", clock=TestClock(moment))):
        task = item_class.create(task_list="l", id="one")
        assert task.delivery == Delivery(saved_at=moment)
        assert task.as_hash()["saved_at"] == 1_749_283_750_123_457
        task.save()
        assert task.delivery.saved_at == moment + timedelta(microseconds=1)


def test_delivery_is_frozen(item_class, store):
    task = item_class.create(task_list="l")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        task.delivery.attempts = 3
    with pytest.raises(AttributeError):
        task.delivery = None


def test_attempts_are_those_of_the_record(item_class):
    """As a store that counts attempts will give it."""
    record = TaskRecord("l", "1", "Item", b'{"item_id":"a"}', saved_at=5, attempts=3, last_error="E: it broke")
    moment = datetime(1970, 1, 1, microsecond=5, tzinfo=UTC)
    assert task_of(record).delivery == Delivery(saved_at=moment, attempts=3, last_error="E: it broke")


def test_saving_starts_anew_without_attempts(item_class, store):
    task = item_class.create(task_list="l", id="one")
    task.__dict__.update(_attempts=3, _last_error="E: it broke")  # as a store that counts attempts will give it
    assert task.delivery.attempts == 3
    task.save()
    assert (task.delivery.attempts, task.delivery.last_error) == (0, None)


def test_configure_closes_nothing_and_takes_urls_backends_and_stores(item_class, monkeypatch, store):
    def close(self):
        pytest.fail("a store was closed that the caller may still use")

    monkeypatch.setattr(TaskStore, "close", close)
    other = TaskStore("memory://")
    configure(other)
    assert default_store() is other
    configure(other._backend)
    item_class.create(task_list="l")
    assert other.count("l") == 1
    configure("memory://")
    item_class.create(task_list="l")
    assert other.count("l") == 1


def test_what_a_failed_configure_leaves_is_what_was_there(store):
    with pytest.raises(Exception, match="nosuchscheme"):
        configure("nosuchscheme://")
    assert default_store() is store
