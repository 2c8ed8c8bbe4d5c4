"""Versions of a type, and bringing older data up."""

from __future__ import annotations

from typing import Any

import pytest

from atleastonce import InvalidTask, Task, TaskRecord, UnknownTaskType, UnreadableTask


@pytest.fixture
def person():
    class Person(Task, tag="person", aliases=("human",), version=3):
        first: str
        last: str

        @classmethod
        def upcast(cls, data, version):
            if version == 1:
                data["first"], data["last"] = data.pop("name").split()
            if version == 2:
                data["last"] = data.pop("surname")
            return data

    return Person


def wire(type, **data):
    return {"task_list": "l", "id": "1", "type": type, "data": data}


def test_the_version_is_written_above_1(person):
    class Plain(Task):
        pass

    assert person(task_list="l", first="a", last="b").type == "person@3"
    assert Plain(task_list="l").type == "Plain"


@pytest.mark.parametrize(
    "task_hash",
    [
        wire("person", name="Ada Lovelace"),
        wire("person@1", name="Ada Lovelace"),
        wire("human", name="Ada Lovelace"),
        wire("person@2", first="Ada", surname="Lovelace"),
        wire("human@2", first="Ada", surname="Lovelace"),
        wire("person@3", first="Ada", last="Lovelace"),
    ],
    ids=lambda h: h["type"],
)
def test_older_data_is_brought_up(person, store, task_hash):
    before = {**task_hash["data"]}
    task = Task.from_hash(task_hash)
    assert task == person(task_list="l", id="1", first="Ada", last="Lovelace")
    assert task.extra == {}
    assert task_hash["data"] == before
    store._backend.store([TaskRecord("l", "1", task_hash["type"], _json(task_hash["data"]), meta={"a": "b"})])
    read = store.find("l", "1")
    assert read == task
    assert read.delivery is not None
    read.save()
    stored = store._backend.find("l", "1")
    assert (stored.type, stored.data) == ("person@3", b'{"first":"Ada","last":"Lovelace"}')
    assert stored.meta == {"a": "b"}


def _json(data):
    import json

    return json.dumps(data).encode()


def test_extra_keys_go_through_upcast(person):
    assert Task.from_hash(wire("person", name="Ada Lovelace", new=[1])).extra == {"new": [1]}


@pytest.mark.parametrize("written", ["person@4", "person@999999999", "human@4"])
def test_a_newer_version_is_unknown(person, store, written):
    with pytest.raises(UnknownTaskType, match="newer"):
        Task.from_hash(wire(written, first="a", last="b"))
    store._backend.store([TaskRecord("l", "1", written, b'{"first":"a","last":"b"}')])
    assert isinstance(store.find("l", "1"), UnreadableTask)
    assert [type(t) for t in store.all("l")] == [UnreadableTask]


@pytest.mark.parametrize(
    "written",
    ["person@", "person@0", "person@-1", "person@01", "person@1.0", "person@x", "@1", "person@1@2", "person@\uff11", "person@1\n",
     "person@9999999999"],
)  # a value a line says no more  # fmt: skip
def test_what_is_no_version_is_unknown(person, store, written):
    with pytest.raises(UnknownTaskType, match="no task class here has the type"):
        Task.from_hash(wire(written, name="a b"))
    store._backend.store([TaskRecord("l", "1", written, b"{}")])
    assert isinstance(store.find("l", "1").reason, UnknownTaskType)


def test_an_upcast_that_fails_is_a_typed_error_that_quotes_nothing(person, store):
    with pytest.raises(InvalidTask, match="version 1") as caught:
        Task.from_hash(wire("person", name="sesame"))  # has no blank to split at
    assert "sesame" not in str(caught.value)
    assert caught.value.__suppress_context__
    store._backend.store([TaskRecord("l", "1", "person", b'{"name": "sesame"}')])
    assert isinstance(store.find("l", "1").reason, InvalidTask)
    with pytest.raises(InvalidTask):
        person.find("l", "1")


@pytest.mark.parametrize("error", [InvalidTask, UnknownTaskType])
def test_an_upcast_may_say_itself_why_it_refuses(error, store):
    class Refusing(Task, version=2):
        @classmethod
        def upcast(cls, data, version):
            raise error("no such photo any more")

    with pytest.raises(error, match=r"^no such photo any more$"):
        Task.from_hash(wire("Refusing"))
    store._backend.store([TaskRecord("l", "1", "Refusing", b"{}")])
    reason = store.find("l", "1").reason
    assert type(reason) is error
    assert str(reason) == "no such photo any more"


@pytest.mark.parametrize(
    "returned",
    [
        *(None, [], "text", {"first": "a"}, {"first": "a", "last": 5}, {1: 2}, {"x": object()}),
        *({"first": "a", "last": "b", "more": value} for value in (float("nan"), (1,), 2**63)),
    ],
)
def test_an_upcast_that_returns_what_does_not_fit_is_a_typed_error(returned):
    class Odd(Task, version=2):
        first: str = ""
        last: str

        @classmethod
        def upcast(cls, data, version):
            return returned

    with pytest.raises(InvalidTask):
        Task.from_hash(wire("Odd"))


def test_without_upcast_older_data_is_read_as_it_is():
    class Plain(Task, version=2):
        name: str = "new"

    assert Task.from_hash(wire("Plain", other=1)) == Task.from_hash(wire("Plain@2", other=1))


def test_older_data_with_the_same_keys_is_brought_up_too(store):
    class Warm(Task, version=2):
        tenths: int

        @classmethod
        def upcast(cls, data, version):
            return {"tenths": data["tenths"] * 10}

    assert Task.from_hash(wire("Warm", tenths=5)).tenths == 50
    store._backend.store([TaskRecord("l", "1", "Warm", b'{"tenths":5}')])
    assert store.find("l", "1").tenths == 50


def test_older_data_with_a_number_that_cannot_be_read_exactly_is_left_as_it_is(store):
    class Counted(Task, version=2):
        x: Any

        @classmethod
        def upcast(cls, data, version):
            pytest.fail("given a number that is not the stored one")

    store._backend.store([TaskRecord("l", "1", "Counted", b'{"x":18446744073709551617}')])
    assert type(store.find("l", "1").reason) is InvalidTask


def test_data_of_the_present_version_is_not_given_to_upcast(store):
    class Present(Task, version=2):
        @classmethod
        def upcast(cls, data, version):
            raise ValueError(version)

    assert Task.from_hash(wire("Present@2")) == Present(task_list="l", id="1")
    store._backend.store([TaskRecord("l", "1", "Present@2", b"{}"), TaskRecord("l", "2", "Present@2", b'{"more":1}')])
    assert store.find("l", "1") == Present(task_list="l", id="1")
    assert store.find("l", "2").extra == {"more": 1}


def test_what_upcast_returns_is_not_shared():
    kept = {"parts": [1]}

    class Sharing(Task, version=2):
        parts: list[int]

        @classmethod
        def upcast(cls, data, version):
            return kept

    Task.from_hash(wire("Sharing")).parts.append(2)
    assert kept == {"parts": [1]}
