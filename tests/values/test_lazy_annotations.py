"""Annotations that are text, here all of them: resolved by the names around the class, some only later.

This module must not import `TaskStore`: `Task` has a ClassVar whose annotation names it for type checkers only.
"""

from __future__ import annotations

import enum
import types
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, NewType

import attrs
import pytest

from atleastonce import InvalidTask, Task

if TYPE_CHECKING:
    from decimal import Decimal


class Plain(Task, tag="tests.values.plain"):
    x: int


class Early(Task, tag="tests.values.early"):
    later: Later
    all_of_them: list[Later | None]


@attrs.define
class Later:
    n: int
    inner: Later | None = None


InText = NewType("InText", "Later")


class OnlyForTypeCheckers(Task, tag="tests.values.only_for_type_checkers"):
    x: Decimal


class WithClassVar(Task, tag="tests.values.with_class_var"):
    cache: ClassVar[Decimal | None] = None
    x: int


class InnerName(Task, tag="tests.values.inner_name"):
    class Colour(enum.Enum):
        RED = "red"

    colour: Colour


class DateNamedLikeItsType(Task, tag="tests.values.date_named_like_its_type"):
    date: date


def round_trip(task: Any) -> Any:
    return type(task).from_hash(task.as_hash())


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(Plain(task_list="l", x=1), id="plain"),
        pytest.param(
            Early(task_list="l", later=Later(1, Later(2)), all_of_them=[None, Later(3)]),
            id="defined-later-and-recursive",
        ),
        pytest.param(WithClassVar(task_list="l", x=1), id="classvar-unresolvable"),
        pytest.param(InnerName(task_list="l", colour=InnerName.Colour.RED), id="name-of-the-class-body"),
        pytest.param(DateNamedLikeItsType(task_list="l", date=date(2024, 2, 29)), id="named-like-its-type"),
    ],
)
def test_text_annotations_round_trip(task: Any) -> None:
    assert round_trip(task) == task


def test_a_name_that_never_appears_is_told_at_the_first_use() -> None:
    with pytest.raises(InvalidTask, match=r"OnlyForTypeCheckers.*'Decimal' is not defined"):
        OnlyForTypeCheckers(task_list="l", x=1)


def test_text_that_typing_does_not_resolve_is_told_at_the_first_use() -> None:
    class UsesText(Task):
        x: InText

    with pytest.raises(InvalidTask, match="an annotation cannot be resolved: Later"):
        UsesText(task_list="l", x=Later(1))


def test_names_local_to_a_function() -> None:
    class Colour(enum.Enum):
        RED = "red"

    @attrs.define
    class Point:
        x: int

    class Local(Task):
        colour: Colour
        point: Point | None

    task = Local(task_list="l", colour=Colour.RED, point=Point(1))
    assert round_trip(task) == task
    with pytest.raises(InvalidTask, match="colour: must be Colour, not str"):
        Local(task_list="l", colour="red", point=None)


def test_types_are_checked_when_the_class_is_made_where_they_are_known() -> None:
    with pytest.raises(InvalidTask, match=r"Bad\.x is the type object"):

        class Bad(Task):
            x: object


def test_types_known_later_are_checked_at_the_first_use() -> None:
    class UsesUnfit(Task):
        x: Unfit  # noqa: F821 - defined below, in the module's namespace

    with pytest.raises(InvalidTask, match="'Unfit' is not defined"):
        UsesUnfit(task_list="l", x=None)
    globals()["Unfit"] = complex
    try:
        with pytest.raises(InvalidTask, match=r"UsesUnfit\.x is the type complex"):
            UsesUnfit(task_list="l", x=None)
    finally:
        del globals()["Unfit"]


def test_a_name_in_a_module_that_is_still_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType("half")
    monkeypatch.setitem(globals(), "half", module)

    class UsesHalf(Task):
        x: half.Later  # noqa: F821 - in the module's namespace, see above

    with pytest.raises(InvalidTask, match="'half' has no attribute 'Later'"):
        UsesHalf(task_list="l", x=Later(1))
    module.Later = Later
    task = UsesHalf(task_list="l", x=Later(1))
    assert round_trip(task) == task
