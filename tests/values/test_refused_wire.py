"""A JSON value that does not fit its field is refused from a hash and from `data`; stored, it is left as it is."""

from __future__ import annotations

import copy
import enum
import json
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal

import attrs
import pytest

from atleastonce import InvalidTask, Task, TaskRecord, UnreadableTask

from .kit import Cat, Dog, refusal, task_class
from .refused import WIRE, good_value

every_case = pytest.mark.parametrize(
    ("annotation", "wire"), [pytest.param(*case, id=name) for name, case in WIRE.items()]
)


@every_case
def test_in_build_and_from_hash(annotation: Any, wire: Any) -> None:
    cls = task_class(annotation)
    data = {"x": wire, "more": [1]}
    task_hash = {"task_list": "l", "id": "one", "type": "Sample", "data": data}
    before = copy.deepcopy(task_hash)
    for call in (
        lambda: cls.build(task_list="l", data=data),
        lambda: cls.from_hash(task_hash),
        lambda: Task.from_hash(task_hash),
    ):
        assert str(refusal(call)).startswith(("x: ", "x."))
    assert task_hash == before


@every_case
def test_in_stored_bytes(annotation: Any, wire: Any, store: Any) -> None:
    cls = task_class(annotation)
    good = good_value(annotation)
    stored = json.dumps({"x": wire}).encode()
    store.save_all([cls(task_list="l", id=id, x=good) for id in ("1", "3")])
    store._backend.store([TaskRecord("l", "2", "Sample", stored)])
    one, bad, three = store.all("l")
    assert (one.x, three.x) == (good, good)
    for task in (bad, store.find("l", "2")):
        assert type(task) is UnreadableTask
        assert type(task.reason) is InvalidTask
        assert str(task.reason).startswith(("x: ", "x."))
    with pytest.raises(InvalidTask):
        store.find("l", "2", cls)
    store.save(bad)
    assert store._backend.find("l", "2").data == stored
    assert store.count("l") == 3


class Guessing(enum.IntEnum):
    ONE = 1

    @classmethod
    def _missing_(cls, value: object) -> Any:
        pytest.fail("code of the class was run on a value that was read")


def test_an_enum_is_not_called_with_what_was_read() -> None:
    cls = task_class(Guessing)
    assert str(refusal(lambda: cls.build(task_list="l", data={"x": 2}))) == "x: is no value of Guessing"


@attrs.define
class Circle:
    shape: Literal["circle"]
    size: Literal["small", "big"]


@attrs.define
class Square:
    size: Literal["medium"]
    shape: Literal["square"]


MESSAGES: dict[str, tuple[Any, Any, str]] = {
    "datetime": (datetime, "noon", "x: is no datetime in ISO 8601 form, to the microsecond at most"),
    "datetime-no-such": (datetime, "2023-02-29T00:00:00Z", "x: is no datetime in ISO 8601 form"),
    "datetime-number": (datetime, 5, "x: must be a datetime's text, not int"),
    "date": (date, "today", "x: is no date in ISO 8601 form, to the microsecond at most"),
    "date-number": (date, 5, "x: must be a date's text, not int"),
    "time": (time, "noon", "x: is no time in ISO 8601 form, to the microsecond at most"),
    "time-number": (time, 5, "x: must be a time's text, not int"),
    "decimal-without-its-exponent": (Decimal, "1E", "x: must be a Decimal's text, not str"),
    "decimal-exponent-too-big": (
        Decimal,
        "1E+9999999999999999999",
        "x: must be a Decimal's text with an exponent that Decimal can hold",
    ),
    "bytes-newline": (bytes, "YQ==\n", "x: must be standard base64 with padding"),
    "bytes-unused-bits": (bytes, "YR==", "x: must be standard base64 with padding, its unused bits zero"),
    "literal": (Literal["a", 1], "b", "x: must be one of 'a', 1"),
    "union": (int | str | None, 1.5, "x: must be NoneType | int | str, not float"),
    "union-of-classes": (Cat | Dog, {"kind": "cow"}, "x: its 'kind' names none of Cat, Dog"),
    "union-by-the-first-field": (Circle | Square, {}, "x: its 'shape' names none of Circle, Square"),
}


@pytest.mark.parametrize(("annotation", "wire", "message"), MESSAGES.values(), ids=MESSAGES)
def test_what_was_expected_is_said(annotation: Any, wire: Any, message: str) -> None:
    cls = task_class(annotation)
    assert str(refusal(lambda: cls.build(task_list="l", data={"x": wire}))) == message
