"""Which types a field may have, and how a union's members are told apart. Reads annotations only; converts nothing."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, cast, get_args, get_origin
from uuid import UUID

import attrs

from ..exceptions import InvalidTask
from .plain import check_plain

_KINDS: dict[Any, str] = {
    str: "string",
    UUID: "string",
    Decimal: "string",
    datetime: "string",
    date: "string",
    time: "string",
    bytes: "string",
    int: "integer",
    timedelta: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
    list: "array",
    tuple: "array",
    set: "array",
    frozenset: "array",
    dict: "object",
}
_UNFILLED: list[tuple[Any, Any]] = [
    (list, list[Any]),
    (typing.List, list[Any]),  # noqa: UP006 - what a user's bare typing.List is
    (set, set[Any]),
    (typing.Set, set[Any]),  # noqa: UP006 - likewise
    (frozenset, frozenset[Any]),
    (typing.FrozenSet, frozenset[Any]),  # noqa: UP006 - likewise
    (tuple, tuple[Any, ...]),
    (typing.Tuple, tuple[Any, ...]),  # noqa: UP006 - likewise
    (dict, dict[str, Any]),
    (typing.Dict, dict[str, Any]),  # noqa: UP006 - likewise
]
SINGLE = frozenset(_KINDS) - {list, tuple, set, frozenset, dict}
_PLAIN_LITERALS = (str, int, bool, type(None))
_ENUM_VALUES = (str, int, float, bool)
_TASK = ("atleastonce.task", "Task")  # by name: this module cannot import it


@attrs.frozen
class NestedField:
    """One field of a nested attrs class or dataclass: `init` is the name of its constructor's parameter."""

    name: str
    init: str
    type: Any
    required: bool


def resolve(cls: type, names: Iterable[str], localns: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The annotations of those attributes of a class and its bases, as types, without ``Annotated``.

    No other annotation is looked at: a ClassVar's may name what only type checkers import. Raises NameError while a name
    is unknown, `InvalidTask` for what is no type.
    """
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        own = inspect.get_annotations(base)
        holder = type("_", (), {"__annotations__": {name: own[name] for name in names if name in own}})
        module = vars(sys.modules[base.__module__]) if base.__module__ in sys.modules else {}
        inside = dict(vars(base)) | {p.__name__: p for p in getattr(base, "__type_params__", ())}
        try:
            hints |= typing.get_type_hints(holder, inside, {**module, **(localns or {})})
        except AttributeError as error:  # a name in a module that is still being imported
            raise NameError(str(error)) from None
        except (SyntaxError, TypeError) as error:
            raise InvalidTask(f"{cls.__qualname__} has an annotation that is no type: {error}") from None
    return hints


def bare(tp: Any) -> Any:
    """The type without Annotated, NewType, Final and ``type X = ...`` around it; bare containers filled with Any."""
    while True:
        if get_origin(tp) in (Annotated, typing.Final):
            tp = get_args(tp)[0]
        elif isinstance(tp, NewType):
            tp = tp.__supertype__
        elif sys.version_info >= (3, 12) and isinstance(tp, typing.TypeAliasType):
            tp = tp.__value__
        else:
            break
    if tp is None:
        return type(None)
    return next((filled for unfilled, filled in _UNFILLED if tp is unfilled), tp)


def is_union(tp: Any) -> bool:
    """Whether the bare type is ``A | B``, ``Union`` or ``Optional``."""
    return get_origin(tp) in (Union, types.UnionType)


def is_nested(tp: Any) -> bool:
    """Whether the bare type is an attrs class or a dataclass."""
    return isinstance(tp, type) and (attrs.has(tp) or dataclasses.is_dataclass(tp))


def is_enum(tp: Any) -> bool:
    """Whether the bare type is an Enum."""
    return isinstance(tp, type) and issubclass(tp, enum.Enum)


def members(tp: Any) -> list[Any]:
    """A union's members, bare, each once, unions inside it opened; the type itself where it is none."""
    tp = bare(tp)
    if not is_union(tp):
        return [tp]
    found: list[Any] = []
    for arg in get_args(tp):
        found += [member for member in members(arg) if member not in found]
    return found


def nested_fields(cls: type) -> list[NestedField]:
    """The fields that the constructor of an attrs class or dataclass takes. Raises NameError, InvalidTask."""
    if attrs.has(cls):
        hints = resolve(cls, [a.name for a in attrs.fields(cls)])
        return [
            NestedField(a.name, a.alias or a.name, hints.get(a.name, a.type), a.default is attrs.NOTHING)
            for a in attrs.fields(cls)
            if a.init
        ]
    fields = dataclasses.fields(cast("Any", cls))
    hints = resolve(cls, [f.name for f in fields])
    return [
        NestedField(
            f.name, f.name, hints[f.name], f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        )
        for f in fields
        if f.init
    ]


def check(tp: Any, seen: frozenset[type] = frozenset()) -> None:
    """Raise `InvalidTask`, saying why, for a type that no field may have. Raises NameError while a name is unknown."""
    tp = bare(tp)
    origin, args = get_origin(tp), get_args(tp)
    try:
        single = tp in SINGLE
    except TypeError:  # not hashable
        raise InvalidTask(f"{_name(tp)}, which is no type") from None
    if single or tp is Any:
        return
    if is_union(tp):
        for member in members(tp):
            check(member, seen)
        _check_apart(members(tp))
    elif origin is Literal:
        if bad := [type(v).__name__ for v in args if type(v) not in _PLAIN_LITERALS]:
            raise InvalidTask(f"a Literal of {bad[0]}: only str, int, bool and None can be stored")
        _check_values("a Literal", args)
    elif origin in (list, set, frozenset) or (origin is tuple and args[1:] == (...,)):
        check(args[0], seen)
    elif origin is tuple:
        for arg in args:
            check(arg, seen)
    elif origin is dict:
        if bare(args[0]) is not str:
            raise InvalidTask(f"a dict with {_name(args[0])} keys: JSON objects have str keys only")
        check(args[1], seen)
    elif is_enum(tp):
        if bad := [type(m.value).__name__ for m in tp if type(m.value) not in _ENUM_VALUES]:
            raise InvalidTask(
                f"the Enum {tp.__name__} has a value of {bad[0]}: only str, int, float and bool can be stored"
            )
        _check_values(f"the Enum {tp.__name__}", [member.value for member in tp])
    elif is_nested(tp):
        _check_nested(tp, seen)
    elif isinstance(tp, TypeVar):
        raise InvalidTask(f"the type variable {tp.__name__}: a field's type must be known when the class is made")
    elif isinstance(tp, str | typing.ForwardRef):
        raise NameError(str(tp))
    else:
        raise InvalidTask(
            f"the type {_name(tp)}, which has no wire form; "
            "use a type from the docs' list of values, a nested attrs class, or Any for plain JSON"
        )


def _check_values(what: str, values: Iterable[Any]) -> None:
    try:
        check_plain(list(values))
    except InvalidTask as error:
        raise InvalidTask(f"{what} with a value that cannot be stored: {error}") from None


def _check_nested(cls: type, seen: frozenset[type]) -> None:
    if cls in seen:
        return
    if any((base.__module__, base.__name__) == _TASK for base in cls.__mro__):
        raise InvalidTask(f"the task class {cls.__name__}: save it as a task of its own and keep its id here")
    if getattr(cls, "__parameters__", ()):
        raise InvalidTask(f"the generic class {cls.__name__}: a field's type must be known when the class is made")
    for pseudo in getattr(cls, "__dataclass_fields__", {}).values():
        if pseudo._field_type.name == "_FIELD_INITVAR":  # noqa: SLF001 - dataclasses show it nowhere else
            raise InvalidTask(f"{cls.__name__}, whose InitVar {pseudo.name} its objects do not keep")
    for field in nested_fields(cls):
        try:
            check(field.type, seen | {cls})
        except InvalidTask as error:
            raise InvalidTask(f"{cls.__name__}.{field.name} is {error}") from None


def kinds(tp: Any) -> frozenset[str]:
    """The JSON kinds that a value of that (checked) type may have on the wire."""
    tp = bare(tp)
    if tp is Any:
        return frozenset(_KINDS.values())
    if is_union(tp):
        return frozenset().union(*map(kinds, members(tp)))
    if get_origin(tp) is Literal:
        return frozenset(_KINDS[type(value)] for value in get_args(tp))
    if is_enum(tp):
        return frozenset(_KINDS[type(member.value)] for member in tp)
    if is_nested(tp):
        return frozenset({"object"})
    return frozenset({_KINDS[get_origin(tp) or tp]})


def python_types(tp: Any) -> Iterator[type]:
    """The exact types that a Python value of that (checked, bare, single) type may have."""
    if get_origin(tp) is Literal:
        yield from {type(value) for value in get_args(tp)}
    else:
        yield get_origin(tp) or tp


def literal_field(classes: list[type]) -> tuple[str, dict[tuple[type, Any], type]] | None:
    """The first field by whose Literal values nested classes can be told apart; (type, value) -> class."""
    fields = [{f.name: bare(f.type) for f in nested_fields(cls)} for cls in classes]
    for name in fields[0]:
        if all(get_origin(own.get(name)) is Literal for own in fields):
            by_value = {
                (type(value), value): cls
                for cls, own in zip(classes, fields, strict=True)
                for value in get_args(own[name])
            }
            if len(by_value) == sum(len(get_args(own[name])) for own in fields):
                return name, by_value
    return None


def holds_any(tp: Any, seen: frozenset[type] = frozenset()) -> bool:
    """Whether values of that (checked) type may hold plain JSON of no declared type.

    So does a union of int and float: the JSON library reads an integer of over 64 bits as a float.
    """
    tp = bare(tp)
    if is_nested(tp):
        return tp not in seen and any(holds_any(f.type, seen | {tp}) for f in nested_fields(tp))
    if is_union(tp) and {"integer", "number"} <= kinds(tp):
        return True
    # What is no type, as in a Literal, holds nothing.
    return tp is Any or any(holds_any(arg, seen) for arg in get_args(tp))


def is_recursive(tp: Any, seen: frozenset[type] = frozenset()) -> bool:
    """Whether a nested class in that (checked) type may hold itself."""
    tp = bare(tp)
    if is_nested(tp):
        return tp in seen or any(is_recursive(f.type, seen | {tp}) for f in nested_fields(tp))
    return any(is_recursive(arg, seen) for arg in get_args(tp))


def _check_apart(parts: list[Any]) -> None:
    classes = [part for part in parts if is_nested(part)]
    if len(classes) > 1 and literal_field(classes) is None:
        names = " | ".join(cls.__name__ for cls in classes)
        raise InvalidTask(
            f"the union {names}, which cannot be told apart when read; give each class a field with a Literal of its own"
        )
    single = [part for part in parts if not is_nested(part)] + classes[:1]
    for i, one in enumerate(single):
        for other in single[:i]:
            if {one, other} == {Any, type(None)}:
                continue
            if both := kinds(one) & kinds(other):
                raise InvalidTask(
                    f"the union {_name(other)} | {_name(one)}, which cannot be told apart when read: "
                    f"both are a JSON {min(both)}"
                )


def _name(tp: Any) -> str:
    return tp.__name__ if isinstance(tp, type) else str(tp)
