"""Writes, per class, the two functions that turn its fields into plain JSON values and back.

The common types are checked in line, without a call; the rest go through the hooks of their type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args, get_origin

import attrs

from ..exceptions import InvalidTask
from .annotations import bare, members
from .plain import INT_MAX, INT_MIN
from .scalars import Decode, Encode

Missing = Callable[[dict[str, Any]], Any]

_OUT = {  # the condition under which a value needs its hook, going out
    str: "type({v}) is not str or not {v}.isascii()",
    int: f"type({{v}}) is not int or not {INT_MIN} <= {{v}} <= {INT_MAX}",
    bool: "{v} is not True and {v} is not False",
    float: "type({v}) is not float or {v} - {v} != 0.0",  # not 0.0 for NaN and the infinities
}
_IN = {**_OUT, str: "type({v}) is not str"}  # a str that was read from JSON is valid UTF-8


@attrs.frozen
class Field:
    """One field to convert: its attribute (also its key on the wire), its type and that type's hooks."""

    name: str
    type: Any
    encode: Encode
    decode: Decode


def make_encode(fields: Sequence[Field]) -> Encode:
    """``encode(obj) -> dict``: every field checked, in plain JSON values."""
    lines = ["def encode(obj):"]
    hooks: dict[str, Any] = {}
    for i, field in enumerate(fields):
        hooks[f"h{i}"] = _labelled(field.name, field.encode)
        lines.append(f"    v{i} = obj.{field.name}")
        lines += _convert(_OUT, field.type, i)
    lines.append("    return {" + ", ".join(f"{f.name!r}: v{i}" for i, f in enumerate(fields)) + "}")
    encode: Encode = _compile(lines, hooks, "encode")
    return encode


def make_decode(fields: Sequence[Field]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """``decode(data) -> dict`` of attribute values. Raises KeyError where a field is not in `data`.

    Keys of `data` beyond the fields are left to the caller.
    """
    lines = ["def decode(data):"]
    hooks: dict[str, Any] = {}
    for i, field in enumerate(fields):
        hooks[f"h{i}"] = _labelled(field.name, field.decode)
        lines.append(f"    v{i} = data[{field.name!r}]")
        lines += _convert(_IN, field.type, i)
    lines.append("    return {" + ", ".join(f"{f.name!r}: v{i}" for i, f in enumerate(fields)) + "}")
    decode: Callable[[dict[str, Any]], dict[str, Any]] = _compile(lines, hooks, "decode")
    return decode


def _convert(conditions: dict[type, str], tp: Any, i: int) -> list[str]:
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


def _compile(lines: list[str], names: dict[str, Any], function: str) -> Any:
    exec("\n".join(lines), names)  # noqa: S102 - the text is made of field names, which are Python identifiers
    return names[function]
