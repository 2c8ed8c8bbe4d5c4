"""What holds of every value: it comes back exactly, changes nothing, is shared with nobody, and is never quoted."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from atleastonce import InvalidTask, Task, TaskRecord, TaskStore, UnknownTaskType, UnreadableTask
from atleastonce.codec import record_of
from atleastonce.converter.plain import dumps
from atleastonce.task_class import plan_of

from .accepted import ACCEPTED
from .kit import attempt, everything_said, same, task_class
from .strategies import CLASSES, FIELDS, JSON, WILD, Nested, Scalars, extras, keywords

every_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
quiet = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def attributes(task: Any) -> dict[str, Any]:
    return {name: task.__dict__[name] for name in plan_names(type(task))}


def plan_names(cls: Any) -> list[str]:
    return [{"other_name": "aliased"}.get(keyword, keyword) for keyword in FIELDS[cls]]


@every_class
@quiet
@given(data=st.data())
def test_what_went_out_comes_back_exactly(cls: Any, data: st.DataObject) -> None:
    task = cls(task_list="l", **data.draw(keywords(cls)))
    task.extra.update(data.draw(extras(cls)))
    task_hash = task.as_hash()
    store = TaskStore("memory://")
    store.save(task)
    for again in (
        cls.from_hash(task_hash),
        Task.from_hash(json.loads(json.dumps(task_hash, allow_nan=False))),
        cls.build(task_list="l", id=task.id, data=task.data),
        store.find("l", task.id),
        pickle.loads(pickle.dumps(task)),
        copy.deepcopy(task),
    ):
        assert again == task
        assert same(attributes(again), attributes(task))
        assert same(again.extra, task.extra)
        assert same(again.data, task.data)


@every_class
@quiet
@given(data=st.data())
def test_the_hash_is_plain_json_and_the_stored_bytes_say_the_same(cls: Any, data: st.DataObject) -> None:
    task = cls(task_list="l", **data.draw(keywords(cls)))
    task_hash = task.as_hash()
    assert same(json.loads(json.dumps(task_hash, allow_nan=False)), task_hash)
    assert same(json.loads(record_of(task).data), task_hash["data"])
    assert record_of(task).data == dumps(plan_of(cls).data_of(task))  # orjson's own forms are ours
    assert list(task_hash["data"]) == plan_names(cls)


@every_class
@quiet
@given(data=st.data())
def test_arguments_are_neither_changed_nor_shared(cls: Any, data: st.DataObject) -> None:
    arguments = data.draw(keywords(cls))
    before = copy.deepcopy(arguments)
    task = cls(task_list="l", **arguments)
    TaskStore("memory://").save(task)
    task_hash = task.as_hash()
    assert same(task.data, task_hash["data"])
    assert same(arguments, before)

    frozen = copy.deepcopy(task_hash)
    for again in (cls.from_hash(task_hash), cls.build(task_list="l", data=task_hash["data"])):
        assert same(task_hash, frozen)
        spoil([again.as_hash(), again.data, attributes(again), again.extra])
        assert same(task_hash, frozen)
    assert same(task.as_hash(), frozen)
    spoil(task_hash)
    assert same(task.as_hash(), frozen)
    assert same(attributes(task), attributes(cls.from_hash(frozen)))


def spoil(value: Any) -> None:
    """Change everything inside that can be changed."""
    if isinstance(value, dict):
        for item in value.values():
            spoil(item)
        value["spoilt"] = True
    elif isinstance(value, list):
        for item in value:
            spoil(item)
        value.append("spoilt")
    elif isinstance(value, set):
        value.clear()
    elif isinstance(value, tuple):
        for item in value:
            spoil(item)
    elif attrs.has(type(value)) or dataclasses.is_dataclass(value):
        for name in [f.name for f in (attrs.fields if attrs.has(type(value)) else dataclasses.fields)(type(value))]:
            spoil(getattr(value, name))


MADE = {name: task_class(case[0], tag=f"tests.values.made.{name}") for name, case in ACCEPTED.items()}


def reads_alike(wire: Any, again: Any) -> bool:
    """Whether two JSON values are one value: equal, an int for the same float, or another spelling of a text.

    Fields of nested classes that were left out are there, by their defaults, in the second.
    """
    if isinstance(wire, dict) and isinstance(again, dict):
        return wire.keys() <= again.keys() and all(reads_alike(wire[key], again[key]) for key in wire)
    if isinstance(wire, list) and isinstance(again, list):
        if len(wire) != len(again):
            return False
        left = list(again)
        for item in wire:  # a set may come in another order
            match = next((n for n, other in enumerate(left) if reads_alike(item, other)), None)
            if match is None:
                return False
            del left[match]
        return True
    if isinstance(wire, str) and isinstance(again, str):
        return wire == again or wire.casefold().replace("z", "+00:00").replace("e5", "e+5") in (
            again.casefold(),
            again.casefold().replace("t", " "),
        )
    if isinstance(wire, bool) or isinstance(again, bool):
        return wire is again
    return bool(wire == again)


@pytest.mark.parametrize("cls", MADE.values(), ids=MADE)
@settings(max_examples=20)
@given(wire=WILD)
@example(wire=[[[]]])
@example(wire={"": {"": []}})
@example(wire="\ud800")
@example(wire=math.nan)
def test_any_json_value_is_taken_as_it_is_or_refused(cls: Any, wire: Any) -> None:
    before = copy.deepcopy(wire)
    data = {"x": wire, "more": 1}
    task_hash = {"task_list": "l", "id": "a", "type": cls._type, "data": data}
    task, error = attempt(lambda: cls.build(task_list="l", id="a", data=data))
    if error is not None:
        assert type(error) is type(attempt(lambda: cls.from_hash(task_hash))[1]) is InvalidTask
        assert error.__cause__ is None
    else:
        assert reads_alike(wire, task.data["x"])
        assert task.extra == {"more": 1}
        assert cls.from_hash(task_hash) == task
        assert cls.from_hash(task.as_hash()) == task
        store = TaskStore("memory://")
        store.save(task)
        assert store.find("l", "a") == task
    assert repr(wire) == repr(before)


@every_class
@quiet
@given(data=st.data())
def test_one_field_of_any_json_in_a_wide_class(cls: Any, data: st.DataObject) -> None:
    good = cls(task_list="l", **data.draw(keywords(cls))).data
    name = data.draw(st.sampled_from(list(good)))
    wire = data.draw(WILD)
    changed = good | {name: wire}
    task, error = attempt(lambda: cls.build(task_list="l", data=changed))
    if error is not None:
        assert type(error) is InvalidTask
        assert name in str(error) or "surrogate" in str(error) or "64 bits" in str(error) or "NaN" in str(error)
    else:
        assert reads_alike(wire, task.data[name])
        assert {k: v for k, v in task.data.items() if k != name} == {k: v for k, v in good.items() if k != name}


@given(whole=WILD)
def test_any_json_value_as_a_whole_hash(whole: Any) -> None:
    for call in (Task.from_hash, Scalars.from_hash, lambda value: Nested.build(task_list="l", data=value or 0)):
        with pytest.raises((InvalidTask, UnknownTaskType)):
            call(whole)


@given(
    key=st.sampled_from(["task_list", "id", "type", "data", "saved_at", "run_at", "meta", "whatever"]),
    value=WILD | st.binary(max_size=2) | st.sets(st.integers(), max_size=2),
)
def test_any_value_under_a_key_of_the_hash(key: str, value: Any) -> None:
    task_hash = {"task_list": "l", "id": "a", "type": "tests.values.strategies.empty", "data": {}}
    type("Sample", (Task,), {"__module__": __name__}, tag=task_hash["type"])
    task, error = attempt(lambda: Task.from_hash(task_hash | {key: value}))
    if error is not None:
        assert key != "whatever"
        assert key in str(error) or type(error) is UnknownTaskType or key in {"data", "meta"}
    else:
        again = task.as_hash()
        if key != "whatever" and value is not None and value != {}:
            assert same(again[key], value)
        assert Task.from_hash(again) == task


BYTES = (
    st.binary(max_size=40)
    | WILD.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    | WILD.map(lambda value: json.dumps({"x": value}).encode())
    | st.tuples(JSON.map(json.dumps), st.integers(0, 40), st.binary(max_size=2)).map(
        lambda parts: b'{"x":' + parts[0].encode()[: parts[1]] + parts[2] + b"}"
    )
)
SOME = ["any", "str", "int", "float", "optional-list", "union-of-many", "set", "nested-recursive", "decimal", "bytes"]


@pytest.mark.parametrize("name", SOME)
@settings(max_examples=50)
@given(rows=st.lists(BYTES, min_size=1, max_size=4))
def test_any_bytes_in_the_storage_hide_no_neighbour(name: str, rows: list[bytes]) -> None:
    cls, value = MADE[name], ACCEPTED[name][1]
    store = TaskStore("memory://")
    for n, row in enumerate(rows):
        store._backend.store([TaskRecord("l", f"{n}-stored", cls._type, row)])
        store.save(cls(task_list="l", id=f"{n}-x", x=value))
    read = list(store.all("l"))
    assert [task.id for task in read] == [f"{n}-{kind}" for n in range(len(rows)) for kind in ("stored", "x")]
    for task, row in zip(read[::2], rows, strict=True):
        if type(task) is UnreadableTask:
            assert type(task.reason) is InvalidTask
        else:
            assert reads_alike(json.loads(row), task.data)
        store.save(task)
    assert [same(task.x, value) for task in read[1::2]] == [True] * len(rows)
    for n, row in enumerate(rows):
        if type(read[2 * n]) is UnreadableTask:
            assert store._backend.find("l", f"{n}-stored").data == row


SECRET = "s3cret"


@quiet
@given(data=st.data(), cls=st.sampled_from(CLASSES))
def test_no_error_quotes_a_value(data: st.DataObject, cls: Any) -> None:
    good = cls(task_list="l", **data.draw(keywords(cls))).data
    name = data.draw(st.sampled_from(list(good)))
    bad = data.draw(
        st.sampled_from(
            [SECRET, [SECRET], {SECRET: SECRET}, {"x": SECRET, "kind": SECRET}, [[SECRET]], {"value": 1, SECRET: 1}]
        )
    )
    store = TaskStore("memory://")
    said = []
    for call in (
        lambda: cls.build(task_list="l", data=good | {name: bad}),
        lambda: cls.from_hash({"task_list": "l", "id": "a", "type": cls._type, "data": good | {name: bad}}),
        lambda: cls(task_list="l", **dict.fromkeys(FIELDS[cls], bad)),
    ):
        try:
            call()
        except InvalidTask as error:
            said.append(everything_said(error))
    store._backend.store([TaskRecord("l", "a", cls._type, json.dumps(good | {name: bad}).encode())])
    task = store.find("l", "a")
    said.append(repr(task))
    if type(task) is UnreadableTask:
        said.append(everything_said(task.reason))
    assert not [text for text in said if SECRET in text]


@pytest.mark.parametrize(
    "data",
    [f'{{"x":"{SECRET}"', f'["{SECRET}"]', f'"{SECRET}"', f'{{"{SECRET}":1}}', f'{{"x":"{SECRET}","y":1e999}}'],
)
def test_no_reason_of_an_unreadable_record_quotes_it(data: str, store: TaskStore, caplog: Any) -> None:
    cls = task_class(int)
    store._backend.store([TaskRecord("l", "a", "Sample", data.encode())])
    (task,) = store.all("l")
    assert type(task) is UnreadableTask
    said = [repr(task), str(task), everything_said(task.reason), repr(list(store.all("l", cls=cls))), caplog.text]
    for call in (task.execute, task.replace, lambda: task.data, lambda: pickle.dumps(task), lambda: copy.copy(task)):
        try:
            said.append(repr(type(call())))
        except Exception as error:
            said.append(everything_said(error))
    assert not [text for text in said if SECRET in text]
    assert caplog.records


def test_no_error_quotes_what_a_validator_or_converter_said(store: TaskStore) -> None:
    def refuse(*arguments: Any) -> Any:
        raise ValueError(f"{arguments[-1]} is no good")

    for options in ({"validator": refuse}, {"converter": refuse}):
        cls = task_class(str, x=attrs.field(**options))
        for call in (
            lambda cls=cls: cls.build(task_list="l", data={"x": SECRET}),
            lambda cls=cls: cls.from_hash({"task_list": "l", "id": "a", "type": "Sample", "data": {"x": SECRET}}),
        ):
            with pytest.raises(InvalidTask, match=r"Sample.*ValueError") as caught:
                call()
            assert SECRET not in everything_said(caught.value)


def test_no_repr_shows_a_value() -> None:
    task = task_class(str)(task_list="l", id="a", x=SECRET)
    task.extra[SECRET] = SECRET
    assert repr(task) == str(task) == f"{task}" == "<Sample type='Sample' task_list='l' id='a'>"


@every_class
def test_every_field_of_the_wide_classes_has_its_strategy(cls: Any) -> None:
    assert plan_names(cls) == [a.name for a in attrs.fields(cls)][2:]
