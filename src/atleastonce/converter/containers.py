"""Wire forms of lists, tuples, sets, dicts, Literals, Enums and unions, made from the forms of their items."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import timedelta
from typing import Any, get_args, get_origin

from ..exceptions import InvalidTask
from .annotations import is_enum, is_nested, literal_field, members, python_types
from .plain import check_str, dumps
from .scalars import Decode, Encode, wrong

Hooks = tuple[Encode, Decode]
HooksOf = Callable[[Any], Hooks]

_JSON_TYPES = (str, int, float, bool, type(None), list, dict)
_WIRE_TYPES: dict[type, type] = {tuple: list, set: list, frozenset: list, timedelta: int}


def list_hooks(tp: Any, hooks_of: HooksOf) -> Hooks:
    """``list[T]``: a list."""
    encode, decode = hooks_of(get_args(tp)[0])
    return (
        lambda value: [encode(item) for item in _exact(list, value)],
        lambda value, _=None: [decode(item) for item in _exact(list, value)],
    )


def tuple_hooks(tp: Any, hooks_of: HooksOf) -> Hooks:
    """``tuple[T, ...]`` and ``tuple[A, B]``: a list."""
    args = get_args(tp)
    if args[1:] == (...,):
        encode, decode = hooks_of(args[0])
        return (
            lambda value: [encode(item) for item in _exact(tuple, value)],
            lambda value, _=None: tuple([decode(item) for item in _exact(list, value)]),
        )
    pairs = [hooks_of(arg) for arg in args]

    def sized(kind: type, value: Any) -> Any:
        if len(_exact(kind, value)) != len(pairs):
            raise InvalidTask(f"must have {len(pairs)} items, not {len(value)}")
        return zip(pairs, value, strict=True)

    return (
        lambda value: [encode(item) for (encode, _), item in sized(tuple, value)],
        lambda value, _=None: tuple([decode(item) for (_encode, decode), item in sized(list, value)]),
    )


def set_hooks(tp: Any, hooks_of: HooksOf) -> Hooks:
    """``set[T]`` and ``frozenset[T]``: a list, sorted by the items' compact JSON text, each once."""
    kind: Any = get_origin(tp)
    encode, decode = hooks_of(get_args(tp)[0])

    def decode_set(value: Any, _: Any = None) -> Any:
        try:
            items = kind([decode(item) for item in _exact(list, value)])
        except TypeError:
            raise InvalidTask("holds an item that no set can hold") from None
        if len(items) != len(value):
            raise InvalidTask("holds an item twice, which a set cannot")
        return items

    return lambda value: sorted((encode(item) for item in _exact(kind, value)), key=dumps), decode_set


def dict_hooks(tp: Any, hooks_of: HooksOf) -> Hooks:
    """``dict[str, T]``: an object."""
    encode, decode = hooks_of(get_args(tp)[1])

    def encode_dict(value: Any) -> dict[str, Any]:
        return {_key(key): encode(item) for key, item in _exact(dict, value).items()}

    return encode_dict, lambda value, _=None: {key: decode(item) for key, item in _exact(dict, value).items()}


def literal_hooks(tp: Any, hooks_of: HooksOf) -> Hooks:
    """``Literal[...]``: the value, which must be one of them in type too."""
    allowed = {(type(value), value) for value in get_args(tp)}
    text = ", ".join(sorted(repr(value) for value in get_args(tp)))

    def check(value: Any, _: Any = None) -> Any:
        if type(value) not in (str, int, bool, type(None)) or (type(value), value) not in allowed:
            raise InvalidTask(f"must be one of {text}")
        return value

    return check, check


def enum_hooks(tp: Any, hooks_of: HooksOf) -> Hooks:
    """An Enum: its member's value. A combined Flag is the int of its bits."""
    by_value = {(type(member.value), member.value): member for member in tp}

    def encode(value: Any) -> Any:
        if type(value) is not tp:
            wrong(tp.__name__, value)
        return hooks_of(type(value.value))[0](value.value)

    def decode(value: Any, _: Any = None) -> Any:
        member = by_value.get((type(value), value)) if isinstance(value, str | int | float) else None
        return _flag(tp, value) if member is None else member

    return encode, decode


def union_hooks(tp: Any, hooks_of: HooksOf) -> Hooks:
    """``A | B``: told apart by the exact type going out, by JSON kind and a Literal field coming in."""
    parts = members(tp)
    if Any in parts:
        return hooks_of(Any)
    nested = [part for part in parts if is_nested(part)]
    encoders = {kind: hooks_of(part)[0] for part in parts for kind in python_types(part)}
    decoders = {kind: hooks_of(part)[1] for part in parts if not is_nested(part) for kind in _wire_types(part)}
    if nested:
        decoders[dict] = _nested_decoder(nested, hooks_of)
    for hooks in (encoders, decoders):
        if float in hooks:
            hooks.setdefault(int, hooks[float])  # as a float field of its own takes an int
    names = " | ".join(sorted(kind.__name__ for kind in encoders))

    def encode(value: Any) -> Any:
        return (encoders.get(type(value)) or wrong(names, value))(value)

    def decode(value: Any, _: Any = None) -> Any:
        return (decoders.get(type(value)) or wrong(names, value))(value)

    return encode, decode


def _nested_decoder(classes: list[type], hooks_of: HooksOf) -> Decode:
    if len(classes) == 1:
        return hooks_of(classes[0])[1]
    found = literal_field(classes)
    assert found is not None, "refused when the class was made"
    name, by_value = found

    def decode(value: Any, _: Any = None) -> Any:
        mark = value.get(name)
        cls = by_value.get((type(mark), mark)) if isinstance(mark, str | int | None) else None
        if cls is None:
            raise InvalidTask(f"its {name!r} names none of {', '.join(c.__name__ for c in classes)}")
        return hooks_of(cls)[1](value)

    return decode


def _wire_types(part: Any) -> set[type]:
    if is_enum(part):
        return {type(member.value) for member in part}
    return {_WIRE_TYPES.get(kind, kind if kind in _JSON_TYPES else str) for kind in python_types(part)}


def _flag(tp: Any, value: Any) -> Any:
    if issubclass(tp, enum.Flag) and type(value) is int:  # any other Enum's call could run code of the class
        try:
            member: Any = tp(value)
        except ValueError:
            member = None
        if type(member) is tp and member.value == value:  # not where the class drops bits that it does not know
            return member
    raise InvalidTask(f"is no value of {tp.__name__}")


def _exact(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        wrong(kind.__name__, value)
    return value


def _key(value: Any) -> str:
    if type(value) is not str:
        raise InvalidTask(f"has a key of {type(value).__name__}; keys must be str")
    check_str(value)
    return value
