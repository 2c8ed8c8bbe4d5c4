"""`as_hash` and `from_hash`: the wire form."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import pytest

from atleastonce import InvalidTask, Task, UnknownTaskType
from atleastonce.codec import record_of
from atleastonce.record import Claim


@pytest.fixture
def item_class():
    class Item(Task):
        item_id: str
        tags: list[str] = []  # noqa: RUF012 - a default that must not be shared between tasks
        when: datetime | None = None

    return Item


def wire(**changes):
    return {"task_list": "l", "id": "one", "type": "Item", "data": {"item_id": "a"}, **changes}


def test_the_hash_is_these_four_keys_of_plain_json(item_class):
    task = item_class(task_list="l", id="one", item_id="a", tags=["x"], when=datetime(2025, 1, 2, tzinfo=UTC))
    assert task.as_hash() == {
        "task_list": "l",
        "id": "one",
        "type": "Item",
        "data": {"item_id": "a", "tags": ["x"], "when": "2025-01-02T00:00:00+00:00"},
    }
    assert json.loads(json.dumps(task.as_hash())) == task.as_hash()


def test_once_saved_the_hash_has_its_version(item_class, store):
    task = item_class.create(task_list="l", item_id="a")
    assert type(task.as_hash()["saved_at"]) is int
    assert Task.from_hash(task.as_hash()).delivery == task.delivery


def test_from_hash_gives_an_equal_task_that_shares_nothing(item_class):
    task = item_class(task_list="l", id="one", item_id="a", tags=["x"])
    task.extra["deep"] = {"list": [1]}
    task_hash = task.as_hash()
    before = copy.deepcopy(task_hash)
    made = Task.from_hash(task_hash)
    assert made == task
    made.tags.append("y")
    made.extra["deep"]["list"].append(2)
    assert task_hash == before
    assert (task.tags, task.extra) == (["x"], {"deep": {"list": [1]}})
    task_hash["data"]["tags"].append("z")
    assert task.tags == ["x"]


def test_data_is_a_copy(item_class):
    task = item_class(task_list="l", item_id="a", tags=["x"])
    task.extra["deep"] = [1]
    data = task.data
    assert data == {"item_id": "a", "tags": ["x"], "when": None, "deep": [1]}
    data["tags"].append("y")
    data["deep"].append(2)
    assert task.data["tags"] == ["x"]
    assert task.data["deep"] == [1]


def test_defaults_fill_what_an_older_process_did_not_write(item_class):
    assert Task.from_hash(wire()).tags == []


def test_extra_keys_are_kept_and_written_back(item_class, store):
    task = Task.from_hash(wire(data={"item_id": "a", "colour": "red", "deep": {"x": [None, 1.5, "é"]}}))
    assert task.extra == {"colour": "red", "deep": {"x": [None, 1.5, "é"]}}
    task.item_id = "b"
    task.save()
    read = Task.find("l", "one")
    assert read.as_hash()["data"] == {
        "item_id": "b",
        "tags": [],
        "when": None,
        "colour": "red",
        "deep": {"x": [None, 1.5, "é"]},
    }


def test_extra_may_be_changed_but_not_hold_a_field_or_what_is_no_json(item_class, store):
    task = item_class(task_list="l", item_id="a")
    task.extra["item_id"] = "b"
    with pytest.raises(InvalidTask, match="item_id"):
        task.save()
    task.extra.clear()
    task.extra["when"] = object()
    with pytest.raises(InvalidTask):
        task.save()
    task.extra.clear()
    task.extra["moment"] = datetime(2025, 1, 1, tzinfo=UTC)
    with pytest.raises(InvalidTask):
        task.as_hash()
    task.extra.clear()
    task.extra["nan"] = float("nan")
    with pytest.raises(InvalidTask):
        task.save()
    assert store.count("l") == 0


def test_unknown_further_keys_are_ignored(item_class):
    assert Task.from_hash(wire(queue="q", attempts=3)) == Task.from_hash(wire())


def test_run_at_and_meta_are_kept(item_class, store):
    task = Task.from_hash(wire(run_at=5, meta={"trace": "abc"}))
    assert (task.as_hash()["run_at"], task.as_hash()["meta"]) == (5, {"trace": "abc"})
    task.save()
    read = Task.find("l", "one").as_hash()
    assert (read["run_at"], read["meta"]) == (5, {"trace": "abc"})


@pytest.mark.parametrize("key", ["task_list", "id", "type", "data"])
def test_a_missing_key_is_named(item_class, key):
    task_hash = wire()
    del task_hash[key]
    with pytest.raises(InvalidTask, match=key):
        Task.from_hash(task_hash)


@pytest.mark.parametrize("value", [None, [], "text", 5, [("task_list", "l")]])
def test_a_hash_that_is_no_dict_is_refused(value):
    with pytest.raises(InvalidTask):
        Task.from_hash(value)


@pytest.mark.parametrize("value", [True, False, -1, 2**53, 1.5, "5", [1]])
def test_a_saved_at_that_is_no_version_is_refused(item_class, value):
    with pytest.raises(InvalidTask, match="saved_at"):
        Task.from_hash(wire(saved_at=value))


@pytest.mark.parametrize("value", [0, 1, 2**53 - 1])
def test_every_version_is_taken(item_class, value):
    assert Task.from_hash(wire(saved_at=value)).as_hash()["saved_at"] == value


@pytest.mark.parametrize("key", ["task_list", "id", "type"])
@pytest.mark.parametrize("value", [None, 5, "", "a\0", "\udfff", "x" * 1025])
def test_bad_keys_are_refused(item_class, key, value):
    with pytest.raises(InvalidTask, match=key):
        Task.from_hash(wire(**{key: value}))


@pytest.mark.parametrize("data", [None, [], "a", {"item_id": 5}, {}, {"item_id": "a", 5: 6}, {"item_id": "\ud800"}])
def test_data_that_does_not_fit_is_refused(item_class, data):
    with pytest.raises(InvalidTask):
        Task.from_hash(wire(data=data))


def test_a_claim_token_of_up_to_255_characters_is_taken(item_class):
    task = Task.from_hash(wire(saved_at=5, claim_token="a" * 255))
    assert task.as_hash()["claim_token"] == "a" * 255
    assert task._claim == Claim("a" * 255, 0, 0)  # how long it goes, only the store knows


def test_a_hash_that_is_saved_begins_without_attempts(item_class):
    assert record_of(Task.from_hash(wire())).attempts == 0


def test_a_hash_without_meta_is_stored_without(item_class):
    assert record_of(Task.from_hash(wire())).meta == {}


@pytest.mark.parametrize(
    "meta", [[], "a", {"a": 1}, {1: "a"}, {"a": None}, {"a": "b", "c": 1}, {"\ud800": "a"}], ids=ascii
)
def test_meta_that_is_not_str_to_str_is_refused(item_class, meta):
    with pytest.raises(InvalidTask):
        Task.from_hash(wire(meta=meta))


def test_on_a_subclass_another_type_is_refused(item_class):
    class Other(Task):
        pass

    with pytest.raises(InvalidTask, match="Other"):
        Other.from_hash(wire())
    assert type(item_class.from_hash(wire())) is item_class


def test_an_unknown_type_is_a_typed_error():
    with pytest.raises(UnknownTaskType, match="Nobody"):
        Task.from_hash(wire(type="Nobody"))


def test_an_error_never_quotes_the_payload(item_class):
    with pytest.raises(InvalidTask) as caught:
        Task.from_hash(wire(data={"item_id": ["sesame-1"], "tags": "sesame-2", "sesame-3": 1}))
    assert "sesame" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
