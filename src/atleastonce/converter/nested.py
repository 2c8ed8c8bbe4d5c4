"""Wire form of nested attrs classes and dataclasses: an object with a key per constructor field."""

from __future__ import annotations

from typing import Any

from ..exceptions import InvalidTask
from .annotations import nested_fields
from .construct import call_checked
from .containers import Hooks, HooksOf
from .generate import PLAIN, Field, make_decode, make_encode
from .scalars import wrong


def nested_hooks(cls: type, hooks_of: HooksOf) -> Hooks:
    """An object with a key per field. An unknown key is refused: dropped it would be lost at the next save."""
    specs = nested_fields(cls)
    fields = [Field(spec.name, spec.type, *hooks_of(spec.type)) for spec in specs]
    encode_fields = make_encode(fields, PLAIN)
    decoders = {field.name: make_decode([field]) for field in fields}
    init_names = {spec.name: spec.init for spec in specs}
    required = [spec.name for spec in specs if spec.required]

    def encode(value: Any) -> dict[str, Any]:
        if type(value) is not cls:
            wrong(cls.__name__, value)
        encoded: dict[str, Any] = encode_fields(value)
        return encoded

    def decode(value: Any, _: Any = None) -> Any:
        if type(value) is not dict:
            wrong(f"an object for {cls.__name__}", value)
        if unknown := value.keys() - decoders.keys():
            raise InvalidTask(f"has {len(unknown)} key(s) that {cls.__name__} has no field for")
        if missing := [name for name in required if name not in value]:
            raise InvalidTask(f"{missing[0]}: is missing")
        arguments = {init_names[name]: decoders[name](value)[name] for name in value}
        return call_checked(cls, arguments)

    return encode, decode
