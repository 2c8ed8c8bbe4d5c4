"""Plain JSON values: which ones are allowed, and their bytes. Everything else becomes plain JSON first."""

from __future__ import annotations

import json
import math
from typing import Any

import orjson

from ..exceptions import InvalidTask

INT_MIN = -(2**63)
INT_MAX = 2**63 - 1
MAX_DEPTH = 254
"""How deep lists and objects may nest in a task's data: orjson refuses to write more. All that was written can be read."""

MAX_ANY_DEPTH = 200
"""The same for a value of no declared type, which typed lists and nested classes may stand around."""

MAX_RECURSIVE_DEPTH = 100
"""The same where a nested class may hold itself. Reading takes up to six frames of Python's stack for each level; the
default limit of 1,000 leaves the application 400."""

_TOO_DEEP = f"lists and objects nest too deeply (a value of type Any: over {MAX_ANY_DEPTH} levels), or hold themselves"
_BIGGEST_EXACT = 2.0**63  # a float from here up may have been an integer of over 64 bits in the JSON text


def check_str(text: str) -> None:
    """Raise `InvalidTask` for a str that UTF-8 cannot hold."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidTask("a str holds a lone surrogate, which UTF-8 cannot hold") from None


def check_int(number: int) -> None:
    """Raise `InvalidTask` for an int of over 64 bits."""
    if not INT_MIN <= number <= INT_MAX:
        raise InvalidTask("an int does not fit into signed 64 bits; store it as a str or a Decimal")


def check_float(number: float) -> None:
    """Raise `InvalidTask` for NaN and the infinities, which JSON cannot hold."""
    if not math.isfinite(number):
        raise InvalidTask("a float is NaN or infinite, which JSON cannot hold")


def check_plain(value: Any, depth: int = MAX_DEPTH) -> None:
    """Raise `InvalidTask` unless `value` is plain JSON: str, int, float, bool, None, list, dict with str keys."""
    kind = type(value)
    if kind is str:
        if not value.isascii():
            check_str(value)
    elif kind is int:
        check_int(value)
    elif kind is float:
        check_float(value)
    elif kind is list:
        if not depth:
            raise InvalidTask(_TOO_DEEP)
        for item in value:
            check_plain(item, depth - 1)
    elif kind is dict:
        if not depth:
            raise InvalidTask(_TOO_DEEP)
        for key, item in value.items():
            if type(key) is not str:
                raise InvalidTask(f"an object's key must be a str, not {type(key).__name__}")
            check_str(key)
            check_plain(item, depth - 1)
    elif value is not None and kind is not bool:
        raise InvalidTask(f"{kind.__name__} is not plain JSON (str, int, float, bool, None, list, dict with str keys)")


def dumps(value: Any) -> bytes:
    """The compact JSON bytes of a value that was checked. Raises `InvalidTask` where it nests too deeply."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise InvalidTask(f"cannot be written as JSON: {error}") from None


def loads(data: bytes) -> Any:
    """The value of JSON bytes, every number exact. Raises `InvalidTask` for what is no JSON, or not exact.

    A typed field checks its own numbers; `check_loaded` does it for values of no type.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        raise InvalidTask(f"data is not JSON ({len(data):,} bytes)") from None


def check_loaded(value: Any, data: bytes) -> None:
    """Raise `InvalidTask` unless `value`, as loaded from `data`, is what `check_plain` allows.

    The JSON library reads an integer of over 64 bits as a float; such a float is looked up in the text itself.
    """
    check_plain(value)
    if _holds_big_float(value):
        json.loads(data, parse_int=_check_digits)


def copy_plain(value: Any) -> Any:
    """A deep copy of a value that was checked."""
    return loads(dumps(value))


def _holds_big_float(value: Any) -> bool:
    kind = type(value)
    if kind is float:
        return bool(abs(value) >= _BIGGEST_EXACT)
    if kind is list:
        return any(map(_holds_big_float, value))
    return kind is dict and any(map(_holds_big_float, value.values()))


def _check_digits(text: str) -> None:
    too_long = len(text.lstrip("-")) > len(str(INT_MAX))  # int() refuses over 4,300 digits with its own error
    check_int(INT_MAX + 1 if too_long else int(text))
