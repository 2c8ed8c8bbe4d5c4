"""`Task(...)`, `build` and `create`: what a task can be made of."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import attrs
import pytest

from atleastonce import InvalidTask, Task
from atleastonce.ids import segment


@pytest.fixture
def item_class():
    class Item(Task):
        item_id: str
        size: int = 1
        when: datetime | None = None

    return Item


def test_the_constructor_takes_typed_keywords(item_class):
    task = item_class(task_list="photos", id="one", item_id="a", size=3)
    assert (task.task_list, task.id, task.item_id, task.size) == ("photos", "one", "a", 3)


def test_an_id_is_drawn_where_none_is_given(item_class):
    first, second = (item_class(task_list="photos", item_id="a") for _ in range(2))
    assert first.id < second.id
    assert segment(first.id) is not None


def test_there_are_no_positional_arguments(item_class):
    with pytest.raises(TypeError):
        item_class("photos", "one", "a")


@pytest.mark.parametrize("make", ["__call__", "build"])
def test_a_keyword_that_the_class_does_not_know_is_a_type_error(item_class, make):
    with pytest.raises(TypeError, match="itm_id"):
        (item_class if make == "__call__" else item_class.build)(task_list="photos", itm_id="a")


def test_an_unknown_keyword_beside_data_is_a_type_error_too(item_class):
    with pytest.raises(TypeError, match="colour"):
        item_class.build(task_list="photos", data={"item_id": "a"}, colour="red")


def test_a_missing_keyword_is_a_type_error(item_class):
    with pytest.raises(TypeError, match="item_id"):
        item_class(task_list="photos")


@pytest.mark.parametrize("key", ["task_list", "item_id"])
def test_what_neither_data_nor_keywords_give_is_named(item_class, key):
    given = {"task_list": "photos", "data": {"item_id": "a"}}
    if key == "task_list":
        del given["task_list"]
    else:
        given["data"] = {}
    with pytest.raises((InvalidTask, TypeError), match=key):
        item_class.build(**given)


def test_build_takes_wire_values(item_class):
    task = item_class.build(task_list="photos", data={"item_id": "a", "when": "2025-01-02T03:04:05+00:00"})
    assert task == item_class(
        task_list="photos", id=task.id, item_id="a", when=datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    )


def test_build_takes_data_and_keywords_together(item_class):
    task = item_class.build(task_list="photos", id="one", data={"item_id": "a"}, size=7)
    assert (task.id, task.item_id, task.size) == ("one", "a", 7)


def test_a_field_given_twice_is_a_type_error(item_class):
    with pytest.raises(TypeError, match="item_id"):
        item_class.build(task_list="photos", data={"item_id": "a"}, item_id="a")


@pytest.mark.parametrize("key", ["task_list", "id", "type", "saved_at"])
def test_keys_inside_data_are_extra_and_touch_nothing(item_class, key):
    task = item_class.build(task_list="photos", id="one", data={"item_id": "a", key: "other"})
    assert (task.task_list, task.id, task.type) == ("photos", "one", "Item")
    assert task.extra == {key: "other"}
    assert task.delivery is None


def test_build_without_data_is_the_constructor(item_class):
    assert item_class.build(task_list="photos", id="one", item_id="a") == item_class(
        task_list="photos", id="one", item_id="a"
    )


def test_the_arguments_are_neither_changed_nor_shared(item_class):
    data = {"item_id": "a", "later": {"deep": [1, {"x": 2}]}}
    before = copy.deepcopy(data)
    task = item_class.build(task_list="photos", data=data)
    task.extra["later"]["deep"].append("mine")
    task.extra["more"] = 1
    assert data == before
    data["later"]["deep"][1]["x"] = "theirs"
    assert task.extra["later"]["deep"][1] == {"x": 2}


@pytest.mark.parametrize("data", [[("item_id", "a")], "item_id", 5, b"{}"])
def test_data_that_is_no_mapping_is_refused(item_class, data):
    with pytest.raises(InvalidTask, match="data"):
        item_class.build(task_list="photos", data=data)


@pytest.mark.parametrize(
    ("field", "value"),
    [("item_id", 5), ("item_id", None), ("size", "5"), ("size", True), ("size", 5.0), ("when", "2025-01-02")],
)
def test_nothing_is_coerced(item_class, field, value):
    with pytest.raises(InvalidTask, match=field):
        item_class(**{"task_list": "photos", "item_id": "a", field: value})


@pytest.mark.parametrize(
    ("field", "value"), [("item_id", 5), ("size", "5"), ("size", None), ("when", "yesterday"), ("when", 5)]
)
def test_nothing_is_coerced_from_the_wire(item_class, field, value):
    with pytest.raises(InvalidTask, match=field):
        item_class.build(task_list="photos", data={"item_id": "a", field: value})


BAD_KEYS = [None, 5, "", "a\0b", "\ud800", "x" * 1025, "é" * 513, b"photos"]


@pytest.mark.parametrize("key", BAD_KEYS, ids=repr)
@pytest.mark.parametrize("name", ["task_list", "id"])
def test_a_bad_key_is_refused(item_class, store, name, key):
    with pytest.raises(InvalidTask, match=name):
        item_class.create(**{"task_list": "photos", "item_id": "a", name: key})
    assert list(store.task_lists()) == []


@pytest.mark.parametrize("key", ["x" * 1024, "é" * 512, "with / : @ ? spaces", "\n"])
def test_the_longest_and_the_strangest_keys_are_taken(item_class, store, key):
    item_class.create(task_list=key, id=key, item_id="a")
    assert item_class.find(key, key).id == key


def test_create_builds_and_saves(item_class, store):
    task = item_class.create(task_list="photos", id="my_id", item_id="123")
    assert store.find("photos", "my_id") == task
    assert task.delivery is not None


def test_create_takes_data(item_class, store):
    item_class.create(task_list="photos", id="my_id", data={"item_id": "123", "new": [1]})
    assert store.find("photos", "my_id").extra == {"new": [1]}


def test_a_subclass_may_give_its_list_a_default():
    class Listed(Task):
        task_list: str = "photos-delete"
        item_id: str

    assert Listed(item_id="a").task_list == "photos-delete"
    assert Listed(item_id="a", task_list="other").task_list == "other"
    assert segment(Listed(item_id="a").id) is not None


def test_validators_and_converters_of_fields_run():
    class Checked(Task):
        size: int = attrs.field(validator=attrs.validators.gt(0))
        name: str = attrs.field(converter=str.strip, default=" a ")

    task = Checked(task_list="l", size=1)
    assert task.name == "a"
    with pytest.raises(ValueError):
        Checked(task_list="l", size=0)
    with pytest.raises(InvalidTask):
        Checked.build(task_list="l", data={"size": 0})


def test_fields_are_checked_again_before_a_write(item_class, store):
    task = item_class.create(task_list="photos", id="one", item_id="a")
    task.size = "five"
    with pytest.raises(InvalidTask, match="size"):
        task.save()
    assert store.find("photos", "one").size == 1


def test_inheritance_and_super_work(store):
    class Base(Task):
        name: str

        def execute(self, **options):
            return [self.name]

    class Derived(Base):
        size: int = 0

        def execute(self, **options):
            return [*super().execute(**options), self.size]

    task = Derived.create(task_list="l", name="a", size=4)
    assert Task.find("l", task.id).execute() == ["a", 4]
    assert Derived.find("l", task.id) == Base.find("l", task.id) == task


def test_task_itself_is_not_made():
    with pytest.raises(TypeError, match="subclass"):
        Task(task_list="l")
