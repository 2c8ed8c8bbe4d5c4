"""`TaskRecord.drawn`: only for the first attempt to save an id that this very object drew, and that nobody else can have."""

from __future__ import annotations

import copy
import pickle

import pytest

from atleastonce import StoreUnavailable, Task, TaskStore
from atleastonce_memory import MemoryStore


class DrawnItem(Task):
    task_list: str = "list"
    n: int = 0


class Noting(MemoryStore):
    """Notes what it is given, and fails when told to."""

    def __init__(self):
        super().__init__()
        self.drawn = []
        self.fails = False

    def store(self, records):
        self.drawn += [record.drawn for record in records]
        if self.fails:
            raise StoreUnavailable("no answer")
        return super().store(records)


@pytest.fixture
def backend():
    return Noting()


@pytest.fixture
def store(backend):
    return TaskStore(backend)


def test_the_first_save_of_a_drawn_id(store, backend):
    task = DrawnItem()
    store.save(task)
    store.save(task)
    store.save_all([DrawnItem(), DrawnItem()])
    assert backend.drawn == [True, False, True, True]


def test_a_save_that_failed_may_have_been_applied(store, backend):
    task = DrawnItem()
    backend.fails = True
    with pytest.raises(StoreUnavailable):
        store.save(task)
    backend.fails = False
    store.save(task)
    assert backend.drawn == [True, False]


@pytest.mark.parametrize(
    "other",
    [
        lambda task: DrawnItem(id=task.id),
        lambda task: DrawnItem.build(data={}, id=task.id),
        lambda task: DrawnItem.from_hash(task.as_hash()),
        lambda task: task.replace(n=1),
        copy.copy,
        copy.deepcopy,
        lambda task: pickle.loads(pickle.dumps(task)),
    ],
)
def test_another_object_with_that_id(store, backend, other):
    store.save(other(DrawnItem()))
    assert backend.drawn == [False]


def test_a_hash_that_was_given_away_may_be_saved_by_others(store, backend):
    task = DrawnItem()
    task.as_hash()
    store.save(task)
    assert backend.drawn == [False]


def test_a_task_that_was_read(store, backend):
    store.save(DrawnItem(id="a"))
    store.save(store.find("list", "a"))
    assert backend.drawn == [False, False]


def test_it_is_neither_compared_nor_shown():
    assert DrawnItem()._record_to_save().drawn
    record = DrawnItem()._record_to_save()
    assert "drawn" not in repr(record)
    again = type(record)(record.task_list, record.id, record.type, record.data)
    assert record == again
    assert not again.drawn
