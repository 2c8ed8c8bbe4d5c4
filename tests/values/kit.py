"""Classes made from an annotation, types of the application's own, and a comparison that lets no type pass for another."""

from __future__ import annotations

import dataclasses
import enum
import traceback
from typing import Annotated, Any, Literal, NewType

import attrs
import pytest

from atleastonce import InvalidTask, Task, UnknownTaskType


def task_class(annotation: Any, name: str = "Sample", tag: str | None = None, **namespace: Any) -> Any:
    """A task class with the one field ``x``."""
    namespace = {"__annotations__": {"x": annotation}, "__module__": __name__, "__qualname__": tag or name, **namespace}
    return type(name, (Task,), namespace, tag=tag)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of the same types all the way down; -0.0 is not 0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, set | frozenset):
        return one == other and sorted(map(kind_of, one)) == sorted(map(kind_of, other))
    if attrs.has(type(one)):
        return all(same(getattr(one, a.name), getattr(other, a.name)) for a in attrs.fields(type(one)))
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    return bool(one == other) and repr(one) == repr(other)


def kind_of(value: Any) -> str:
    return f"{type(value).__name__} {value!r}"


def everything_said(error: BaseException) -> str:
    """All text by which an error may reach a log: its message, repr, notes and traceback."""
    return "\n".join([str(error), repr(error), *getattr(error, "__notes__", ()), *traceback.format_exception(error)])


def refusal(call: Any) -> InvalidTask:
    """The `InvalidTask` that a call raises, which must be no other error."""
    with pytest.raises(InvalidTask) as caught:
        call()
    assert type(caught.value) is InvalidTask
    assert str(caught.value)
    return caught.value


def attempt(call: Any) -> tuple[Any, Exception | None]:
    """(result, None), or (None, the typed error); any other error is not caught."""
    try:
        return call(), None
    except (InvalidTask, UnknownTaskType) as error:
        return None, error


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Mixed(enum.Enum):
    TEXT = "1"
    INTEGER = 1
    NUMBER = 2.5


class Truth(enum.Enum):
    YES = True
    NO = False


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Word(enum.StrEnum):
    HELLO = "hello"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Bits(enum.IntFlag):
    ONE = 1
    TWO = 2


@attrs.define
class Point:
    x: int
    y: int = 0


@attrs.frozen
class Tagged:
    name: str
    _hidden: int = attrs.field(default=1, alias="shown")


@dataclasses.dataclass
class Data:
    n: int
    words: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenData:
    n: int


@attrs.define
class Node:
    value: int
    children: list[Node] = attrs.field(factory=list)
    parent: Node | None = None


@attrs.define
class Cat:
    kind: Literal["cat"]
    lives: int = 9


@attrs.define
class Dog:
    kind: Literal["dog", "puppy"]
    name: str


UserId = NewType("UserId", int)
Names = NewType("Names", list[str])
Positive = Annotated[int, "positive", ["notes that cannot be hashed"]]
