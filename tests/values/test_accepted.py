"""Every type that a field may have comes back as it went, by every way."""

from __future__ import annotations

import copy
import decimal
import json
import pickle
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, NewType
from uuid import UUID

import pytest

from atleastonce import Task, TaskRecord

from .accepted import ACCEPTED, ZONED
from .kit import Access, same, task_class

CASES = [pytest.param(*case, id=name) for name, case in ACCEPTED.items()]
every_case = pytest.mark.parametrize(("annotation", "value", "wire"), CASES)


@every_case
def test_the_wire_form(annotation: Any, value: Any, wire: Any) -> None:
    task = task_class(annotation)(task_list="l", x=value)
    assert same(task.data, {"x": wire})
    assert same(task.as_hash()["data"], {"x": wire})
    json.dumps(task.as_hash(), allow_nan=False)


@every_case
def test_through_a_store(annotation: Any, value: Any, wire: Any, store: Any) -> None:
    task = task_class(annotation)(task_list="l", id="one", x=value)
    store.save(task)
    for found in (store.find("l", "one"), *store.all("l"), store.find("l", "one", type(task))):
        assert found == task
        assert same(found.x, value)
        assert same(found.data, {"x": wire})


@every_case
def test_through_a_hash(annotation: Any, value: Any, wire: Any) -> None:
    cls = task_class(annotation)
    task_hash = json.loads(json.dumps(cls(task_list="l", x=value).as_hash()))
    for task in (cls.from_hash(task_hash), Task.from_hash(task_hash)):
        assert type(task) is cls
        assert same(task.x, value)
        assert task.as_hash() == task_hash


@every_case
def test_through_build(annotation: Any, value: Any, wire: Any) -> None:
    cls = task_class(annotation)
    assert same(cls.build(task_list="l", data={"x": wire}).x, value)
    assert same(cls.build(task_list="l", x=value).x, value)


@every_case
def test_through_assignment_and_copies(annotation: Any, value: Any, wire: Any, memory: Any) -> None:
    cls = task_class(annotation)
    task = cls(task_list="l", x=value)
    task.x = copy.deepcopy(value)
    memory.save(task)
    for again in (task.replace(), copy.copy(task), copy.deepcopy(task), memory.find("l", task.id)):
        assert again == task
        assert same(again.x, value)


@pytest.mark.parametrize("name", ["decimal", "set", "nested-recursive", "union-nested", "bytes", "any", "flag"])
def test_through_a_pickle(name: str) -> None:
    annotation, value, _ = ACCEPTED[name]
    cls = task_class(annotation)
    globals()["Sample"], cls.__module__, cls.__qualname__ = cls, __name__, "Sample"
    try:
        again = pickle.loads(pickle.dumps(cls(task_list="l", x=value)))
    finally:
        del globals()["Sample"]
    assert same(again.x, value)


@pytest.mark.parametrize("value", ZONED.values(), ids=ZONED)
def test_a_zone_is_written_as_its_offset(value: datetime) -> None:
    cls = task_class(datetime)
    again = cls.from_hash(cls(task_list="l", x=value).as_hash()).x
    assert again == value
    assert again.utcoffset() == value.utcoffset()
    assert type(again.tzinfo) is timezone


# An int does for a float field; it is the one value that is taken for another type, and only where nothing is lost.


@pytest.mark.parametrize("annotation", [float, float | None, float | str], ids=["float", "optional", "union"])
@pytest.mark.parametrize("number", [0, 5, -5, 2**53, -(2**53)])
def test_an_int_for_a_float_field(annotation: Any, number: int, memory: Any) -> None:
    cls = task_class(annotation)
    for task in (
        cls(task_list="l", x=number),
        cls.build(task_list="l", data={"x": number}),
        cls.from_hash({"task_list": "l", "id": "a", "type": "Sample", "data": {"x": number}}),
    ):
        assert same(task.data, {"x": float(number)})
    memory._backend.store([TaskRecord("l", "a", "Sample", b'{"x":%d}' % number)])
    assert same(memory.find("l", "a").x, float(number))


# What other programs write for the same value is read; the next save writes our form.
SPELLINGS: dict[str, tuple[Any, str, Any]] = {
    "datetime-z": (datetime, "2024-01-01T00:00:00Z", datetime(2024, 1, 1, tzinfo=UTC)),
    "datetime-space": (datetime, "2024-01-01 00:00:00+00:00", datetime(2024, 1, 1, tzinfo=UTC)),
    "datetime-milliseconds": (
        datetime,
        "2024-01-01T00:00:00.250Z",
        datetime(2024, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC),
    ),
    "datetime-no-seconds": (
        datetime,
        "2024-01-01T10:20-01:00",
        datetime(2024, 1, 1, 10, 20, tzinfo=timezone(timedelta(hours=-1))),
    ),
    "time-to-the-minute": (time, "10:20", time(10, 20)),
    "time-z": (time, "10:20:30Z", time(10, 20, 30, tzinfo=UTC)),
    "uuid-upper-case": (UUID, "ABCDEF01-0000-0000-0000-000000000000", UUID("abcdef01-0000-0000-0000-000000000000")),
    "decimal-small-e": (Decimal, "1e30", Decimal("1E+30")),
    "decimal-zeros": (Decimal, "007.50", Decimal("7.50")),
}


@pytest.mark.parametrize(("annotation", "text", "value"), SPELLINGS.values(), ids=SPELLINGS)
def test_other_spellings_of_a_value_are_read(annotation: Any, text: str, value: Any) -> None:
    task = task_class(annotation).build(task_list="l", data={"x": text})
    assert same(task.x, value)
    assert same(task.as_hash()["data"], task_class(annotation)(task_list="l", x=value).as_hash()["data"])


@pytest.mark.parametrize("setting", [{"capitals": 0}, {"prec": 2}, {"traps": [decimal.Inexact]}], ids=str)
def test_a_decimal_is_written_alike_in_every_decimal_context(setting: dict[str, Any]) -> None:
    cls = task_class(Decimal)
    with decimal.localcontext(decimal.Context(**setting)):
        task = cls(task_list="l", x=Decimal("1.2345E+30"))
        assert task.data == {"x": "1.2345E+30"}
        assert same(cls.from_hash(task.as_hash()).x, Decimal("1.2345E+30"))


@pytest.mark.parametrize("value", [None, 5])
def test_what_is_optional_by_its_newtype_may_be_made_optional_again(value: int | None) -> None:
    cls = task_class(NewType("Maybe", int | None) | None)
    assert cls.from_hash(cls(task_list="l", x=value).as_hash()).x == value


def test_an_unnamed_combination_of_flags_is_read_again() -> None:
    cls = task_class(Access)
    assert cls.build(task_list="l", data={"x": 3}).x is Access.READ | Access.WRITE
