"""Classes whose tasks could not be stored are refused when they are made, with a message that says what to change."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import typing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypedDict, TypeVar
from uuid import UUID

import attrs
import pytest

from atleastonce import InvalidTask, Task
from atleastonce.registry import registry

from .kit import Access, Cat, Colour, Dog, Level, Mixed, Point, refusal, task_class

RESERVED = (
    *("type", "data", "extra", "delivery", "build", "create", "save", "complete", "execute"),
    *("as_hash", "from_hash", "find", "all", "replace", "upcast", "run_at"),
)
T = TypeVar("T")


class Pair(NamedTuple):
    a: int


class Table(TypedDict):
    a: int


class Marked(Task, tag="tests.values.marked"):
    x: int


@attrs.define
class Box(Generic[T]):
    content: T


@attrs.define
class HoldsTask:
    task: Marked


@attrs.define
class HoldsObject:
    point: Point
    thing: object


@dataclasses.dataclass
class WithInitVar:
    a: int
    b: dataclasses.InitVar[int] = 1


@attrs.define
class NoMark:
    kind: str


@attrs.define
class SameMark:
    kind: Literal["cat", "lion"]


@attrs.define
class HiddenMark:
    kind: Literal["hidden"] = attrs.field(default="hidden", init=False)


class OddEnum(enum.Enum):
    A = (1, 2)


class NoneEnum(enum.Enum):
    A = None


class BytesEnum(enum.Enum):
    A = "a"
    B = b"b"


class BigEnum(enum.Enum):
    A = 2**63


class NanEnum(enum.Enum):
    A = float("nan")


class SurrogateEnum(enum.StrEnum):
    A = "\ud800"


class StrSubclass(str):
    __slots__ = ()


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_names(name: str) -> None:
    error = refusal(
        lambda: type("Sample", (Task,), {"__annotations__": {name: int}, "__module__": __name__, "ok": "kept"})
    )
    assert f"Sample.{name}" in str(error)
    assert "reserved" in str(error)


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_names_stay_reserved_with_a_default(name: str) -> None:
    namespace = {"__annotations__": {name: int}, "__module__": __name__, name: attrs.field(default=1)}
    assert f"Sample.{name}" in str(refusal(lambda: type("Sample", (Task,), namespace)))


@pytest.mark.parametrize("name", ["_x", "__x", "_", "_saved_at", "__x__"])
def test_leading_underscores(name: str) -> None:
    error = refusal(lambda: type("Sample", (Task,), {"__annotations__": {name: int}, "__module__": __name__}))
    assert f"Sample.{name}" in str(error)
    assert "underscore" in str(error)


@pytest.mark.parametrize("name", ["type", "run_at", "_private"])
def test_reserved_names_in_a_mixin(name: str) -> None:
    mixin = attrs.define(slots=False)(
        type("Mixin", (), {"__annotations__": {name: int}, name: 1, "__module__": __name__})
    )
    assert name in str(refusal(lambda: type("Sample", (Task, mixin), {"__module__": __name__})))


@pytest.mark.parametrize("name", ["saved_at", "meta", "version", "tag", "attempts", "store", "date", "v0", "obj", "h0"])
def test_other_names_are_free(name: str) -> None:
    cls = type("Sample", (Task,), {"__annotations__": {name: int, "x": int}, "__module__": __name__})
    task = cls(task_list="l", x=1, **{name: 5})
    assert cls.from_hash(task.as_hash()) == task
    assert task.data == {name: 5, "x": 1}


UNFIT: dict[str, tuple[Any, str]] = {
    "object": (object, "object"),
    "complex": (complex, "complex"),
    "bytearray": (bytearray, "bytearray"),
    "range": (range, "range"),
    "type": (type, "type"),
    "type-of": (type[int], "type"),
    "callable": (collections.abc.Callable[[], int], "Callable"),
    "sequence": (collections.abc.Sequence[int], "Sequence"),
    "mapping": (collections.abc.Mapping[str, int], "Mapping"),
    "iterable": (typing.Iterable[int], "Iterable"),
    "namedtuple": (Pair, "Pair"),
    "typeddict": (Table, "Table"),
    "str-subclass": (StrSubclass, "StrSubclass"),
    "ordered-dict": (collections.OrderedDict[str, int], "OrderedDict"),
    "deque": (collections.deque[int], "deque"),
    "inside-a-list": (list[object], "object"),
    "inside-a-dict": (dict[str, list[complex]], "complex"),
    "inside-a-tuple": (tuple[int, object], "object"),
    "inside-a-dict-as-of-a-tuple": (dict[str, ...], "ellipsis|Ellipsis"),  # type: ignore[misc]  # that is the point
    "inside-a-union": (int | complex, "complex"),
    "inside-annotated": (Annotated[complex, "notes"], "complex"),
    "inside-a-newtype": (NewType("Name", complex), "complex"),
    "inside-a-nested-class": (HoldsObject, r"HoldsObject\.thing is the type object"),
    "inside-a-list-of-nested": (list[HoldsObject | None], r"HoldsObject\.thing"),
    "typevar": (T, "type variable T"),
    "typevar-in-a-list": (list[T], "type variable T"),
    "generic-class": (Box, "generic class Box"),
    "generic-class-filled": (Box[int], "Box"),
    "int-keys": (dict[int, str], "dict with int keys"),
    "enum-keys": (dict[Colour, str], "dict with Colour keys"),
    "uuid-keys": (dict[UUID, str], "dict with UUID keys"),
    "any-keys": (dict[Any, str], "dict with .*Any keys"),
    "optional-keys": (dict[str | None, str], "dict with .* keys"),
    "enum-of-tuples": (OddEnum, "Enum OddEnum has a value of tuple"),
    "enum-of-none": (NoneEnum, "Enum NoneEnum has a value of NoneType"),
    "enum-of-bytes": (BytesEnum, "Enum BytesEnum has a value of bytes"),
    "enum-of-big-ints": (BigEnum, "Enum BigEnum with a value"),
    "enum-of-nan": (NanEnum, "Enum NanEnum with a value"),
    "enum-of-surrogates": (SurrogateEnum, "Enum SurrogateEnum with a value"),
    "literal-of-bytes": (Literal[b"a"], "Literal of bytes"),
    "literal-of-enum": (Literal[Colour.RED], "Literal of Colour"),
    "literal-of-int-enum": (Literal[Level.LOW], "Literal of Level"),
    "literal-of-big-int": (Literal[2**63], "is a Literal with a value"),
    "literal-of-surrogate": (Literal["\ud800"], "Literal with a value"),
    "literal-of-list": (Literal[[1]], "no type"),
    "unpacked-tuple": (tuple[int, *tuple[str, ...]], "tuple"),
    "task": (Marked, "task class Marked"),
    "task-itself": (Task, "task class Task"),
    "list-of-tasks": (list[Marked | None], "task class Marked"),
    "task-in-nested-class": (HoldsTask, "task class Marked"),
    "initvar": (WithInitVar, "InitVar b"),
    "no-type": (5, "5"),
    "no-type-in-a-list": ([int], "no type"),
    "text-no-type": ("list[", "no type"),
    "text-no-union": ("int | 5", "no type"),
}


@pytest.mark.parametrize(("annotation", "message"), UNFIT.values(), ids=UNFIT)
def test_types_without_a_wire_form(annotation: Any, message: str) -> None:
    with pytest.raises(InvalidTask, match=message) as caught:
        task_class(annotation)
    assert "Sample" in str(caught.value)
    with pytest.raises(Exception, match="Sample"):
        registry.find("Sample")


ALIKE: dict[str, Any] = {
    "str-uuid": str | UUID,
    "str-decimal": Decimal | str,
    "str-bytes": str | bytes,
    "str-datetime": datetime | str,
    "date-datetime": date | datetime,
    "str-time": str | time,
    "str-literal": str | Literal["a"],  # noqa: PYI051 - that is the point
    "str-enum": str | Colour,
    "enum-enum": Colour | Mixed,
    "int-timedelta": int | timedelta,
    "int-enum": Level | int,
    "int-flag": Access | int,
    "int-literal": int | Literal[1],  # noqa: PYI051 - that is the point
    "int-mixed-enum": int | Mixed,
    "float-mixed-enum": float | Mixed,
    "bool-literal": bool | Literal[True],  # noqa: PYI051 - that is the point
    "none-literal": None | Literal["a", None],  # noqa: PYI061 - that is the point
    "literal-literal": Literal["a"] | Literal["b"],  # noqa: PYI030 - likewise
    "list-list": list[int] | list[str],
    "list-tuple": list[int] | tuple[int, ...],
    "set-list": set[int] | list[int],
    "set-frozenset": set[int] | frozenset[int],
    "dict-dict": dict[str, int] | dict[str, str],
    "dict-nested": dict[str, int] | Point,
    "any-int": Any | int,
    "int-any": int | Any,
    "any-nested": Point | Any,
    "inside-an-optional": (str | UUID) | None,
    "inside-a-list": list[str | UUID],
    "through-a-newtype": NewType("Name", str) | UUID,
    "through-annotated": Annotated[str | None, "notes"] | UUID,
}
NESTED_ALIKE: dict[str, Any] = {
    "no-literal": Point | NoMark,
    "one-without": Cat | NoMark,
    "same-value": Cat | SameMark,
    "not-written": Cat | HiddenMark,
    "third-of-three": Cat | Dog | Point,
}


@pytest.mark.parametrize("annotation", ALIKE.values(), ids=ALIKE)
def test_unions_that_cannot_be_told_apart(annotation: Any) -> None:
    assert "cannot be told apart when read: both are a JSON" in str(refusal(lambda: task_class(annotation)))


@pytest.mark.parametrize("annotation", NESTED_ALIKE.values(), ids=NESTED_ALIKE)
def test_unions_of_nested_classes_that_cannot_be_told_apart(annotation: Any) -> None:
    message = str(refusal(lambda: task_class(annotation)))
    assert "give each class a field with a Literal of its own" in message
    assert f"the union {' | '.join(cls.__name__ for cls in typing.get_args(annotation))}, which" in message


KINDS: dict[str, Any] = {
    "string": str | UUID,
    "integer": int | timedelta,
    "number": float | Mixed,
    "boolean": bool | Literal[True],  # noqa: PYI051 - as above
    "null": None | Literal["a", None],  # noqa: PYI061 - likewise
    "array": list[int] | tuple[int, ...],
    "object": dict[str, int] | Point,
}


@pytest.mark.parametrize(("kind", "annotation"), KINDS.items(), ids=KINDS)
def test_the_kind_that_two_members_of_a_union_share_is_named(kind: str, annotation: Any) -> None:
    assert str(refusal(lambda: task_class(annotation))).endswith(f"both are a JSON {kind}")


def test_a_field_without_annotation() -> None:
    error = refusal(lambda: type("Sample", (Task,), {"x": attrs.field(), "__module__": __name__}))
    assert "Sample.x has no annotation" in str(error)


def test_a_generic_task_class() -> None:
    error = refusal(lambda: type("Sample", (Task, Box), {"__annotations__": {"content": T}, "__module__": __name__}))
    assert "Sample.content is the type variable T" in str(error)


@pytest.mark.parametrize("slots", [True, False])
@pytest.mark.parametrize("decorator", [attrs.define, attrs.mutable], ids=["define", "mutable"])
def test_a_second_attrs_decorator(decorator: Any, slots: bool) -> None:
    cls = task_class(int)
    with pytest.raises(InvalidTask, match="take the decorator off"):
        decorator(slots=slots)(cls)


@pytest.mark.parametrize("slots", [True, False])
def test_a_second_attrs_decorator_that_freezes(slots: bool) -> None:
    cls = task_class(int)
    with pytest.raises(ValueError, match="on_setattr"):  # by attrs itself, before we are asked
        attrs.frozen(slots=slots)(cls)


@pytest.mark.parametrize("slots", [True, False])
def test_a_dataclass_decorator(slots: bool) -> None:
    def use() -> None:
        cls = task_class(int)
        dataclasses.dataclass(slots=slots)(cls)(task_list="l", x=1)

    assert "take the decorator off" in str(refusal(use))


def test_a_refused_class_leaves_no_trace() -> None:
    good = task_class(int)
    refusal(lambda: task_class(object))
    assert registry.find("Sample") == (good, 1)


@pytest.mark.parametrize(
    "namespace", [{"x": "1"}, {"x": attrs.field(default=True)}, {"x": attrs.field(factory=str)}], ids=repr
)
def test_a_default_of_the_wrong_type_is_refused_when_it_is_used(namespace: dict[str, Any]) -> None:
    cls = task_class(int, **namespace)
    assert str(refusal(lambda: cls(task_list="l"))).startswith("x: must be int")
    assert cls(task_list="l", x=1).x == 1
