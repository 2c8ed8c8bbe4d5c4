"""Records that cannot be read here: they hide nobody, and their bytes are kept (I5)."""

from __future__ import annotations

import copy
import logging
import pickle

import attrs
import pytest

from atleastonce import InvalidTask, Task, TaskRecord, TaskStore, UnknownTaskType, UnreadableTask, defaults
from atleastonce_memory import MemoryStore


class Good(Task, tag="tests.store.good", aliases=("tests.store.formerly",), version=2):
    name: str = ""


class Neighbour(Task, tag="tests.store.neighbour"):
    pass


# id -> (type, data, the reason's type)
BAD = {
    "1-unknown": ("Nobody", b'{"a": 1}', UnknownTaskType),
    "2-newer": ("tests.store.good@3", b'{"name":"x"}', UnknownTaskType),
    "3-not-json": ("tests.store.good@2", b" {not json \n", InvalidTask),
    "4-no-object": ("tests.store.good@2", b"[1, 2]", InvalidTask),
    "5-wrong-field": ("tests.store.good@2", b'{"name": 5}', InvalidTask),
    "6-not-utf8": ("tests.store.good@2", b'{"name": "\xff"}', InvalidTask),
    "7-empty": ("tests.store.good@2", b"", InvalidTask),
    "8-alias": ("tests.store.formerly@2", b'{"name": null}', InvalidTask),
    "9-odd-version": ("tests.store.good@x", b"{}", UnknownTaskType),
}
OWN = [id for id, (type, _, _) in BAD.items() if type.startswith("tests.store")]


def record(id):
    return TaskRecord("l", id, BAD[id][0], BAD[id][1], meta={"trace": "t"})


@pytest.fixture
def full(store):
    """A store with every bad record, and good ones around them."""
    backend = store._backend
    backend.store([record(id) for id in BAD])
    store.save_all(Neighbour(task_list="l", id=id) for id in ("0-first", "5-middle", "zz-last"))
    store.save(Good(task_list="l", id="aa", name="n"))
    return store


def stored(store, id):
    it = store._backend.find("l", id)
    return None if it is None else (it.type, bytes(it.data), dict(it.meta))


def test_neighbours_are_unharmed_and_everything_is_given(full):
    tasks = {t.id: t for t in full.all("l")}
    assert list(tasks) == sorted([*BAD, "0-first", "5-middle", "aa", "zz-last"])
    assert {id for id, t in tasks.items() if isinstance(t, UnreadableTask)} == set(BAD)
    assert full.count("l") == len(tasks)


@pytest.mark.parametrize("id", BAD)
def test_its_reason_and_what_is_known_of_it(full, id):
    type, _, reason = BAD[id]
    task = full.find("l", id)
    assert isinstance(task, UnreadableTask)
    assert (task.task_list, task.id, task.type) == ("l", id, type)
    assert isinstance(task.reason, reason)
    assert task.delivery is not None


@pytest.mark.parametrize("id", BAD)
def test_execute_and_replace_raise_the_reason(full, id):
    task = full.find("l", id)
    for call in (task.execute, lambda: task.execute(1, dry_run=True), lambda: task.replace(id="x")):
        with pytest.raises(BAD[id][2]) as caught:
            call()
        assert caught.value is task.reason


@pytest.mark.parametrize("id", BAD)
def test_it_can_be_completed(full, id):
    full.find("l", id).complete()
    assert stored(full, id) is None
    assert full.count("l") == len(BAD) + 3


def test_completing_it_leaves_a_newer_version(full):
    task = full.find("l", "1-unknown")
    full.save(Neighbour(task_list="l", id="1-unknown"))
    task.complete()
    assert type(full.find("l", "1-unknown")) is Neighbour


@pytest.mark.parametrize("id", BAD)
def test_it_is_saved_back_byte_for_byte(full, id):
    before = stored(full, id)
    task = full.find("l", id)
    version = task.delivery.saved_at
    task.save()
    assert task.delivery.saved_at > version
    assert stored(full, id) == before == (*BAD[id][:2], {"trace": "t"})


@pytest.mark.parametrize("id", BAD)
def test_it_is_saved_to_another_store_byte_for_byte(full, other_store, id):
    task = full.find("l", id)
    other_store.save(task)
    assert stored(other_store, id) == stored(full, id)
    task.complete()  # it is bound to the other one now
    assert stored(other_store, id) is None
    assert stored(full, id) is not None


def test_a_whole_list_moves_with_what_cannot_be_read(full, other_store):
    assert other_store.save_all(full.all("l")) == len(BAD) + 4
    assert [stored(other_store, id) for id in BAD] == [stored(full, id) for id in BAD]


@pytest.mark.parametrize("id", OWN)
def test_find_on_its_own_class_raises_the_reason(full, id):
    with pytest.raises(BAD[id][2]):
        full.find("l", id, Good)
    with defaults.using(full), pytest.raises(BAD[id][2]):
        Good.find("l", id)


def test_find_on_another_class_gives_none(full):
    assert full.find("l", "3-not-json", Neighbour) is None
    assert full.find("l", "1-unknown", Good) is None


def test_all_on_its_own_class_logs_and_leaves_out(full, caplog):
    with caplog.at_level(logging.ERROR, "atleastonce"):
        assert [t.id for t in full.all("l", cls=Good)] == ["aa"]
    assert len(caplog.records) == len(OWN)
    for id, message in zip(OWN, caplog.messages, strict=True):
        assert id in message


def test_all_on_another_class_says_nothing(full, caplog):
    assert [t.id for t in full.all("l", cls=Neighbour)] == ["0-first", "5-middle", "zz-last"]
    assert caplog.records == []


def test_once_the_class_is_there_it_is_read(full):
    class Late(Task, tag="Nobody"):
        a: int

    assert full.find("l", "1-unknown") == Late(task_list="l", id="1-unknown", a=1)


def test_data_and_hash_of_a_sound_record_of_unknown_type(full):
    task = full.find("l", "1-unknown")
    assert task.data == {"a": 1}
    assert {k: v for k, v in task.as_hash().items() if k not in ("saved_at", "meta")} == {
        "task_list": "l",
        "id": "1-unknown",
        "type": "Nobody",
        "data": {"a": 1},
    }


@pytest.mark.parametrize("id", ["3-not-json", "4-no-object", "6-not-utf8", "7-empty"])
def test_data_and_hash_of_a_garbled_one_raise_the_reason(full, id):
    task = full.find("l", id)
    for call in (lambda: task.data, task.as_hash):
        with pytest.raises(InvalidTask) as caught:
            call()
        assert caught.value is task.reason


def test_it_is_compared_by_its_bytes(full):
    assert full.find("l", "1-unknown") == full.find("l", "1-unknown")
    assert full.find("l", "1-unknown") != full.find("l", "2-newer")
    one = full.find("l", "1-unknown")
    full._backend.store([attrs.evolve(record("1-unknown"), data=b'{"a":1}')])
    assert one != full.find("l", "1-unknown")


def test_repr_and_reason_show_no_payload(store):
    for type, data in (
        ("Nobody", b'{"a": "sesame"}'),
        ("tests.store.good@2", b'{"name": ["sesame"]}'),
        ("x", b"{sesame"),
    ):
        store._backend.store([TaskRecord("l", "1", type, data)])
        task = store.find("l", "1")
        assert repr(task) == f"<UnreadableTask type={type!r} task_list='l' id='1'>"
        assert "sesame" not in f"{task!r} {task.reason} {task.reason!r}"


def test_it_is_not_copied_or_pickled(full):
    task = full.find("l", "3-not-json")
    for call in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(InvalidTask):
            call(task)


def test_a_row_that_is_not_all_there_may_be_completed_but_not_saved():
    class Garbled(MemoryStore):
        def find(self, task_list, id):
            found = super().find(task_list, id)
            return None if found is None else attrs.evolve(found, problem="a column is of the wrong kind")

    store = TaskStore(Garbled())
    store.save(Neighbour(task_list="l", id="1"))
    task = store.find("l", "1")
    assert isinstance(task, UnreadableTask)
    assert "wrong kind" in str(task.reason)
    with pytest.raises(InvalidTask) as caught:
        task.save()
    assert caught.value is task.reason
    task.complete()
    assert store.count("l") == 0


def test_data_that_takes_more_memory_than_a_stack_is_no_crash(store):
    """Nested deeper than the JSON library or our own checks go."""
    store._backend.store(
        [TaskRecord("l", "1", "tests.store.neighbour", b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}")]
    )
    assert isinstance(store.find("l", "1").reason, InvalidTask)
