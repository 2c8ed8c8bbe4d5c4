"""Writes, per class, the functions that turn its fields into plain JSON values and back.

The common types are checked in line, without a call; the rest go through the hooks of their type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, get_args, get_origin
from uuid import UUID

import attrs

from ..exceptions import InvalidTask
from .annotations import bare, members
from .plain import INT_MAX, INT_MIN
from .scalars import Decode, Encode

Conditions = Mapping[Any, str]
"""For a type: when a value of a field of that type must go through its hook."""

PLAIN: Conditions = {
    str: "type({v}) is not str or not {v}.isascii()",
    int: f"type({{v}}) is not int or not {INT_MIN} <= {{v}} <= {INT_MAX}",
    bool: "{v} is not True and {v} is not False",
    float: "type({v}) is not float or {v} - {v} != 0.0",  # not 0.0 for NaN and the infinities
}
"""Going out, to plain JSON values."""

SOUND: Conditions = {
    **PLAIN,
    datetime: "type({v}) is not datetime or {v}.tzinfo is not UTC",
    date: "type({v}) is not date",
    UUID: "type({v}) is not UUID",
}
"""Going out, only to see whether all is well; what comes out need not be plain."""

DUMPABLE: Conditions = {**SOUND, str: "type({v}) is not str"}
"""Going out, to what orjson takes: it writes these in their wire forms, and refuses a str that UTF-8 cannot hold."""

READ: Conditions = {**PLAIN, str: "type({v}) is not str"}
"""Coming in: a str that was read from JSON is valid UTF-8."""

_NAMES = {"UTC": UTC, "UUID": UUID, "date": date, "datetime": datetime}  # in the conditions


@attrs.frozen
class Field:
    """One field to convert: its attribute (also its key on the wire), its type and that type's hooks."""

    name: str
    type: Any
    encode: Encode
    decode: Decode


def make_encode(fields: Sequence[Field], conditions: Conditions) -> Encode:
    """``encode(obj) -> dict``: every field checked, and converted as the conditions say."""
    lines, names = _conversions(fields, conditions, "obj.{name}", lambda field: field.encode)
    encode: Encode = _compile(["def encode(obj):", *lines, f"    return {{{_items(fields)}}}"], names)
    return encode


def make_decode(fields: Sequence[Field]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """``decode(data) -> dict`` of attribute values. Raises KeyError where a field is not in `data`.

    Keys of `data` beyond the fields are left to the caller.
    """
    lines, names = _conversions(fields, READ, "data[{name!r}]", lambda field: field.decode)
    decode: Callable[[dict[str, Any]], dict[str, Any]]
    decode = _compile(["def decode(data):", *lines, f"    return {{{_items(fields)}}}"], names)
    return decode


def make_read(cls: type, fields: Sequence[Field]) -> Callable[..., Any]:
    """``read(data, task_list, id, saved_at, store) -> task``: as `decode`, into a new object, without its constructor.

    Its `InvalidTask` does not name the field: `decode` does.
    """
    lines, names = _conversions(fields, READ, "data[{name!r}]", lambda field: field.decode, label=False)
    keys = "'task_list': task_list, 'id': id, '_saved_at': saved_at, '_store': store"
    lines = [
        "def read(data, task_list, id, saved_at, store):",
        *lines,
        "    task = new(cls)",
        f"    set(task, '__dict__', {{{keys}, {_items(fields)}}})",
        "    return task",
    ]
    read: Callable[..., Any] = _compile(lines, names | {"cls": cls, "new": object.__new__, "set": object.__setattr__})
    return read


def _conversions(
    fields: Sequence[Field],
    conditions: Conditions,
    source: str,
    hook_of: Callable[[Field], Callable[[Any], Any]],
    *,
    label: bool = True,
) -> tuple[list[str], dict[str, Any]]:
    """The lines that give each field's converted value a name (``v0``, ``v1``, ...), and what they refer to."""
    lines: list[str] = []
    names: dict[str, Any] = dict(_NAMES)
    for i, field in enumerate(fields):
        hook = hook_of(field)
        names[f"h{i}"] = _labelled(field.name, hook) if label else hook
        lines.append(f"    v{i} = {source.format(name=field.name)}")
        lines += _convert(conditions, field.type, i)
    return lines, names


def _items(fields: Sequence[Field]) -> str:
    return ", ".join(f"{field.name!r}: v{i}" for i, field in enumerate(fields))


def _convert(conditions: Conditions, tp: Any, i: int) -> list[str]:
    """The lines that put ``v{i}`` through its hook: always, or for the common types only where a look says so."""
    value, call = f"v{i}", f"v{i} = h{i}(v{i})"
    parts = [part for part in members(tp) if part is not type(None)]
    if len(parts) != 1:
        return [f"    {call}"]
    unless_none = f"{value} is not None and " if type(None) in members(tp) else ""
    if parts[0] in conditions:
        return [f"    if {unless_none}({conditions[parts[0]].format(v=value)}): {call}"]
    item = bare(get_args(parts[0])[0]) if get_origin(parts[0]) is list else None
    if item not in conditions:
        return [f"    {call}"]
    return [
        f"    if type({value}) is list:",
        f"        for item in {value}:",
        f"            if {conditions[item].format(v='item')}: {call}; break",
        f"    elif {unless_none}True: {call}",
    ]


def _labelled(name: str, hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def labelled(value: Any) -> Any:
        try:
            return hook(value)
        except InvalidTask as error:
            raise InvalidTask(f"{name}: {error}") from None

    return labelled


def _compile(lines: list[str], names: dict[str, Any]) -> Any:
    """The function that the lines define."""
    defined: dict[str, Any] = {}
    exec("\n".join(lines), names, defined)  # noqa: S102 - the text is made of field names, which are Python identifiers
    (function,) = defined.values()
    return function
