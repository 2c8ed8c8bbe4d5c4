"""Equality, hashing, keys, `repr`, `replace`, copies and pickles."""

from __future__ import annotations

import copy
import pickle

import pytest

from atleastonce import InvalidTask, Task, TaskStore


class PickledItem(Task, tag="tests.task.pickled"):
    """At module level: a pickle names its class."""

    item_id: str
    parts: list[int] = []  # noqa: RUF012 - a default that must not be shared between tasks


class PickledByVersion(Task, tag="tests.task.pickled_by_version", version=2):
    name: str

    @classmethod
    def upcast(cls, data, version):
        return {"name": data["first"]}


@pytest.fixture
def task():
    task = PickledItem(task_list="l", id="one", item_id="sesame", parts=[1])
    task.extra["deep"] = ["sesame"]
    return task


def test_equality_covers_keys_type_fields_and_extra(task):
    def changed(**changes):
        other = PickledItem(**{"task_list": "l", "id": "one", "item_id": "sesame", "parts": [1], **changes})
        other.extra["deep"] = ["sesame"]
        return other

    assert task == changed()
    assert task != changed(task_list="m")
    assert task != changed(id="two")
    assert task != changed(item_id="b")
    assert task != changed(parts=[])
    other = changed()
    other.extra["deep"] = []
    assert task != other
    del other.extra["deep"]
    assert task != other
    assert task != "one"


def test_equality_covers_the_type():
    class One(Task):
        pass

    class Two(One):
        pass

    assert One(task_list="l", id="1") != Two(task_list="l", id="1")
    assert Two(task_list="l", id="1") != One(task_list="l", id="1")


def test_an_extra_that_was_only_looked_at_changes_nothing():
    one, other = (PickledItem(task_list="l", id="one", item_id="a") for _ in range(2))
    assert one.extra == {}
    assert one == other


def test_equality_does_not_cover_delivery(task, store):
    other = copy.copy(task)
    store.save(other)
    assert other.delivery is not None
    assert task == other


def test_tasks_are_unhashable(task):
    with pytest.raises(TypeError, match="unhashable"):
        hash(task)
    with pytest.raises(TypeError, match="unhashable"):
        {task}  # noqa: B018 - making the set is what is tested


@pytest.mark.parametrize("key", ["task_list", "id"])
def test_keys_are_not_reassigned(task, key):
    with pytest.raises(AttributeError):
        setattr(task, key, "other")
    assert getattr(task, key) != "other"


def test_fields_are_mutable(task):
    task.item_id = "b"
    assert task.data["item_id"] == "b"


def test_repr_shows_type_list_and_id_and_never_the_payload(task):
    assert repr(task) == "<PickledItem type='tests.task.pickled' task_list='l' id='one'>"
    assert "sesame" not in f"{task} {task!r}"


def test_replace_changes_a_copy(task):
    copied = task.replace(item_id="b")
    assert (copied.item_id, task.item_id) == ("b", "sesame")
    assert copied.extra == task.extra
    copied.extra["more"] = 1
    assert "more" not in task.extra


def test_replace_keeps_delivery_and_store_unless_the_key_changes(task):
    store = TaskStore("memory://")
    store.save(task)
    same = task.replace(item_id="b")
    assert same.delivery == task.delivery
    same.complete()
    assert store.count("l") == 0
    for changes in ({"id": "two"}, {"task_list": "m"}):
        other = task.replace(**changes)
        assert other.delivery is None
        assert other._store is None
        assert "saved_at" not in other.as_hash()
    assert task.replace(id="one", task_list="l").delivery == task.delivery


def test_replace_keeps_meta_and_run_at():
    task = Task.from_hash(
        {
            "task_list": "l",
            "id": "one",
            "type": "tests.task.pickled",
            "data": {"item_id": "a"},
            "run_at": 5,
            "meta": {"trace": "t"},
        }
    )
    for other in (task.replace(item_id="b"), task.replace(id="two")):
        assert (other.as_hash()["run_at"], other.as_hash()["meta"]) == (5, {"trace": "t"})


def test_replace_refuses_what_is_unknown_or_wrong(task):
    with pytest.raises(TypeError, match="colour"):
        task.replace(colour="red")
    with pytest.raises(InvalidTask, match="item_id"):
        task.replace(item_id=5)
    with pytest.raises(InvalidTask, match="id"):
        task.replace(id="")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_the_hash(task, protocol):
    made = pickle.loads(pickle.dumps(task, protocol))
    assert made == task
    assert made is not task
    assert made.delivery is None


def test_a_pickle_carries_the_version_and_no_store(task):
    store = TaskStore("memory://")
    store.save(task)
    made = pickle.loads(pickle.dumps(task))
    assert made.delivery == task.delivery
    assert made._store is None


def test_a_task_that_breaks_a_rule_does_not_pickle(task):
    task.item_id = 5
    with pytest.raises(InvalidTask):
        pickle.dumps(task)


def test_a_pickle_of_an_older_version_is_brought_up():
    task_hash = {"task_list": "l", "id": "1", "type": "tests.task.pickled_by_version", "data": {"first": "a"}}
    rebuild, (cls, _) = PickledByVersion(task_list="l", id="1", name="x").__reduce__()
    assert rebuild(cls, task_hash) == PickledByVersion(task_list="l", id="1", name="a")


def test_copies_share_as_copies_do(task):
    shallow, deep = copy.copy(task), copy.deepcopy(task)
    assert task == shallow == deep
    task.parts.append(2)
    assert shallow.parts == [1, 2]
    assert deep.parts == [1]
    task.extra["deep"].append("more")
    assert deep.extra == {"deep": ["sesame"]}


def test_copies_keep_delivery_and_store(task):
    store = TaskStore("memory://")
    store.save(task)
    for copied in (copy.copy(task), copy.deepcopy(task)):
        assert copied.delivery == task.delivery
        assert copied._store is store
