"""Wire forms of single values. Nothing is coerced: each pair checks exactly, on the way out and on the way in.

Permanent: a form listed here is never changed, since tasks of every earlier release must stay readable.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn
from uuid import UUID

from ..exceptions import InvalidTask
from .plain import MAX_ANY_DEPTH, check_float, check_int, check_plain, check_str

Encode = Callable[[Any], Any]
Decode = Callable[..., Any]
"""Takes the wire value; cattrs adds the type, which is not needed."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([Ee][+-]?[0-9]+)?")
_DATE_TEXT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME_TEXT = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(?P<zone>Z|[+-][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{6})?)?)?"
_DATE, _TIME, _DATETIME = map(re.compile, (_DATE_TEXT, _TIME_TEXT, f"{_DATE_TEXT}[T ]{_TIME_TEXT}"))
"""Narrower than `fromisoformat`, which cuts off what is finer than a microsecond and takes more with each Python."""
_BIGGEST_EXACT_INT = 2**53
_MICROSECOND = timedelta(microseconds=1)
_NAN = Decimal("NaN")


def wrong(expected: str, value: Any) -> NoReturn:
    """Raise `InvalidTask`: names the kinds, never the value."""
    raise InvalidTask(f"must be {expected}, not {type(value).__name__}")


def _str(value: Any, _: Any = None) -> str:
    if type(value) is not str:
        wrong("str", value)
    check_str(value)
    return value


def _int(value: Any, _: Any = None) -> int:
    if type(value) is not int:
        wrong("int", value)
    check_int(value)
    return value


def _bool(value: Any, _: Any = None) -> bool:
    if type(value) is not bool:
        wrong("bool", value)
    return value


def _none(value: Any, _: Any = None) -> None:
    if value is not None:
        wrong("None", value)


def _any(value: Any) -> Any:
    check_plain(value, MAX_ANY_DEPTH)
    return value


def _float(value: Any, _: Any = None) -> float:
    if type(value) is int:  # typing has it that an int will do, and other JSON writers drop the fraction of 5.0
        if abs(value) > _BIGGEST_EXACT_INT:
            raise InvalidTask("an int for a float field must be exact as a float: at most 2**53")
        return float(value)
    if type(value) is not float:
        wrong("float", value)
    check_float(value)
    return value


def _encode_datetime(value: Any) -> str:
    if type(value) is not datetime:
        wrong("datetime", value)
    if value.utcoffset() is None:
        raise InvalidTask("must be an aware datetime: a naive one means another moment on another machine")
    return value.isoformat()


def _decode_datetime(value: Any, _: Any = None) -> datetime:
    # As we write most of them, 2025-03-14T15:09:26.535897+00:00: `fromisoformat` takes nothing else of that shape.
    if type(value) is str and len(value) == 32 and value[4:20:3] == "--T::." and value.endswith("+00:00"):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass  # what is wrong is said below
    moment: datetime = _parse(datetime.fromisoformat, _DATETIME, value, "datetime")
    if moment.utcoffset() is None:
        raise InvalidTask("must be a datetime with its offset from UTC")
    return moment


def _encode_date(value: Any) -> str:
    if type(value) is not date:
        wrong("date", value)
    return value.isoformat()


def _encode_time(value: Any) -> str:
    if type(value) is not time:
        wrong("time", value)
    if value.tzinfo is not None and value.utcoffset() is None:
        raise InvalidTask("must be a time without a zone, or with a fixed offset: its zone has none without a date")
    return value.isoformat()


def _encode_timedelta(value: Any) -> int:
    if type(value) is not timedelta:
        wrong("timedelta", value)
    microseconds = value // _MICROSECOND
    check_int(microseconds)
    return microseconds


def _decode_timedelta(value: Any, _: Any = None) -> timedelta:
    return timedelta(microseconds=_int(value))


def _encode_uuid(value: Any) -> str:
    if type(value) is not UUID:
        wrong("UUID", value)
    return str(value)


def _decode_uuid(value: Any, _: Any = None) -> UUID:
    if type(value) is not str or not _UUID.fullmatch(value.lower()):
        wrong("a UUID's text", value)
    return UUID(value)


def _encode_decimal(value: Any) -> str:
    if type(value) is not Decimal:
        wrong("Decimal", value)
    if not value.is_finite():
        raise InvalidTask("must be a finite Decimal")
    return str(value).upper()  # a Decimal context may ask for a small e


def _decode_decimal(value: Any, _: Any = None) -> Decimal:
    if type(value) is not str or not _DECIMAL.fullmatch(value):
        wrong("a Decimal's text", value)
    try:
        number = Decimal(value)
    except InvalidOperation:  # an exponent beyond what Decimal can hold
        number = _NAN
    if number.is_nan():  # what a context that traps nothing makes of it
        raise InvalidTask("must be a Decimal's text with an exponent that Decimal can hold")
    return number


def _encode_bytes(value: Any) -> str:
    if type(value) is not bytes:
        wrong("bytes", value)
    return base64.b64encode(value).decode()


def _decode_bytes(value: Any, _: Any = None) -> bytes:
    if type(value) is not str:
        wrong("base64 text", value)
    try:
        content = base64.b64decode(value, validate=True)
    except ValueError:  # binascii's own error too
        raise InvalidTask("must be standard base64 with padding") from None
    if base64.b64encode(content).decode() != value:
        raise InvalidTask("must be standard base64 with padding, its unused bits zero")
    return content


def _parse(parser: Callable[[str], Any], form: re.Pattern[str], value: Any, what: str) -> Any:
    if type(value) is not str:
        wrong(f"a {what}'s text", value)
    match = form.fullmatch(value)
    if match is None:
        raise InvalidTask(f"is no {what} in ISO 8601 form, to the microsecond at most")
    try:
        parsed = parser(value)
        zone = match["zone"] if form.groups else None
        if zone and "." in zone:  # CPython's parser takes an offset of under a second for UTC
            offset = datetime.fromisoformat(f"1970-01-01T{zone[1:]}") - datetime(1970, 1, 1)  # noqa: DTZ001 - only their difference is wanted
            parsed = parsed.replace(tzinfo=timezone(-offset if zone[0] == "-" else offset))
        return parsed
    except ValueError:
        raise InvalidTask(f"is no {what} in ISO 8601 form") from None


SCALARS: dict[Any, tuple[Encode, Decode]] = {
    str: (_str, _str),
    int: (_int, _int),
    bool: (_bool, _bool),
    float: (_float, _float),
    type(None): (_none, _none),
    Any: (_any, lambda value, _=None: value),  # checked as a whole when loaded, see `plain.check_loaded`
    datetime: (_encode_datetime, _decode_datetime),
    date: (_encode_date, lambda value, _=None: _parse(date.fromisoformat, _DATE, value, "date")),
    time: (_encode_time, lambda value, _=None: _parse(time.fromisoformat, _TIME, value, "time")),
    timedelta: (_encode_timedelta, _decode_timedelta),
    UUID: (_encode_uuid, _decode_uuid),
    Decimal: (_encode_decimal, _decode_decimal),
    bytes: (_encode_bytes, _decode_bytes),
}
"""Type -> (to the wire, from the wire)."""
