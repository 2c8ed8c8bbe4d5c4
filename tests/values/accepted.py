"""One or more values of every type that a field may have, each with its wire form. Golden files freeze the same forms."""

from __future__ import annotations

import typing
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, NewType, Optional, Union
from uuid import UUID
from zoneinfo import ZoneInfo

from .kit import (
    Access,
    Bits,
    Cat,
    Colour,
    Data,
    Dog,
    FrozenData,
    Level,
    Mixed,
    Names,
    Node,
    Point,
    Positive,
    Tagged,
    Truth,
    UserId,
    Word,
)

KATHMANDU = timezone(timedelta(hours=5, minutes=45))
LOCAL_MEAN_TIME = timezone(timedelta(minutes=53, seconds=28))
NINES_OFFSET = timezone(timedelta(hours=19, minutes=59, seconds=59, microseconds=999999))
ODD_OFFSET = timezone(-timedelta(hours=1, minutes=2, seconds=3, microseconds=4))

ACCEPTED: dict[str, tuple[Any, Any, Any]] = {
    # name: (annotation, value, wire form)
    "str": (str, "text", "text"),
    "str-empty": (str, "", ""),
    "str-nul": (str, "a\0b", "a\0b"),
    "str-unicode": (str, "é漢🙂\u2028", "é漢🙂\u2028"),
    "str-of-digits": (str, "5", "5"),
    "int": (int, 5, 5),
    "int-biggest": (int, 2**63 - 1, 2**63 - 1),
    "int-smallest": (int, -(2**63), -(2**63)),
    "float": (float, 0.1, 0.1),
    "float-whole": (float, 5.0, 5.0),
    "float-negative-zero": (float, -0.0, -0.0),
    "float-biggest": (float, 1.7976931348623157e308, 1.7976931348623157e308),
    "float-smallest": (float, 5e-324, 5e-324),
    "float-beyond-64-bits": (float, 2.0**64, 2.0**64),
    "bool": (bool, True, True),
    "bool-false": (bool, False, False),
    "none": (None, None, None),
    "none-type": (type(None), None, None),
    "datetime": (datetime, datetime(2024, 2, 29, 12, 30, tzinfo=UTC), "2024-02-29T12:30:00+00:00"),
    "datetime-microseconds": (
        datetime,
        datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        "0001-01-01T00:00:00.000001+00:00",
    ),
    "datetime-offset": (datetime, datetime(2024, 1, 1, tzinfo=KATHMANDU), "2024-01-01T00:00:00+05:45"),
    "datetime-odd-offset": (datetime, datetime(2024, 1, 1, tzinfo=ODD_OFFSET), "2024-01-01T00:00:00-01:02:03.000004"),
    "datetime-tiny-offset": (
        datetime,
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(microseconds=5))),
        "2024-01-01T00:00:00+00:00:00.000005",
    ),
    "datetime-tiny-negative-offset": (
        datetime,
        datetime(2024, 1, 1, tzinfo=timezone(-timedelta(microseconds=5))),
        "2024-01-01T00:00:00-00:00:00.000005",
    ),
    "datetime-local-mean-time": (
        datetime,
        datetime(1890, 1, 1, tzinfo=LOCAL_MEAN_TIME),
        "1890-01-01T00:00:00+00:53:28",
    ),
    "datetime-nines": (
        datetime,
        datetime(1999, 9, 29, 19, 59, 59, 999999, tzinfo=NINES_OFFSET),
        "1999-09-29T19:59:59.999999+19:59:59.999999",
    ),
    "date-nines": (date, date(1999, 9, 29), "1999-09-29"),
    "date": (date, date(2024, 2, 29), "2024-02-29"),
    "time": (time, time(23, 59, 59, 999999), "23:59:59.999999"),
    "time-offset": (time, time(1, 2, tzinfo=KATHMANDU), "01:02:00+05:45"),
    "time-local-mean-time": (time, time(1, 2, tzinfo=LOCAL_MEAN_TIME), "01:02:00+00:53:28"),
    "time-nines": (
        time,
        time(19, 59, 59, 999999, tzinfo=NINES_OFFSET),
        "19:59:59.999999+19:59:59.999999",
    ),
    "time-tiny-offset": (
        time,
        time(1, 2, tzinfo=timezone(timedelta(milliseconds=-500))),
        "01:02:00-00:00:00.500000",
    ),
    "timedelta": (timedelta, timedelta(days=1, microseconds=1), 86_400_000_001),
    "timedelta-negative": (timedelta, timedelta(microseconds=-1), -1),
    "timedelta-big": (timedelta, timedelta(microseconds=2**63 - 1), 2**63 - 1),
    "uuid": (
        UUID,
        UUID("12345678-1234-5678-9ABC-DEF012345678"),
        "12345678-1234-5678-9abc-def012345678",
    ),
    "uuid-biggest": (UUID, UUID("f" * 32), "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    "uuid-nines": (UUID, UUID("9" * 32), "99999999-9999-9999-9999-999999999999"),
    "decimal": (Decimal, Decimal("1.10"), "1.10"),
    "decimal-exponent": (Decimal, Decimal("1E+30"), "1E+30"),
    "decimal-negative-zero": (Decimal, Decimal("-0.00"), "-0.00"),
    "decimal-long": (Decimal, Decimal("9" * 60 + ".1"), "9" * 60 + ".1"),
    "decimal-every-digit": (Decimal, Decimal("1.234567890E+1234567890"), "1.234567890E+1234567890"),
    "decimal-tiny": (Decimal, Decimal("1E-400"), "1E-400"),
    "bytes": (bytes, b"\0\xff\xfe", "AP/+"),
    "bytes-padded": (bytes, b"a", "YQ=="),
    "bytes-empty": (bytes, b"", ""),
    "list": (list[int], [3, 1, 2], [3, 1, 2]),
    "list-bare": (list, ["a", {"b": [None]}], ["a", {"b": [None]}]),
    "list-typing": (typing.List[int], [1], [1]),  # noqa: UP006 - what older code writes
    "list-nested": (list[list[bytes]], [[b"a"], []], [["YQ=="], []]),
    "list-of-offsets": (
        list[datetime],
        [
            datetime(2024, 1, 1, tzinfo=KATHMANDU),
            datetime(2024, 1, 2, tzinfo=UTC),
            datetime(2024, 1, 3, tzinfo=KATHMANDU),
        ],
        ["2024-01-01T00:00:00+05:45", "2024-01-02T00:00:00+00:00", "2024-01-03T00:00:00+05:45"],
    ),
    "tuple": (tuple[int, str], (1, "a"), [1, "a"]),
    "tuple-any-length": (tuple[int, ...], (1, 2, 3), [1, 2, 3]),
    "tuple-empty": (tuple[()], (), []),
    "tuple-bare": (tuple, (1, "a"), [1, "a"]),
    "set": (set[int], {10, 9, 1}, [1, 10, 9]),
    "set-str": (set[str], {"é", "b", "a"}, ["a", "b", "é"]),
    "set-bare": (set, {1, "a"}, ["a", 1]),
    "frozenset": (frozenset[UUID], frozenset({UUID(int=2), UUID(int=1)}), [str(UUID(int=1)), str(UUID(int=2))]),
    "set-of-nested": (set[FrozenData], {FrozenData(2), FrozenData(1)}, [{"n": 1}, {"n": 2}]),
    "dict": (dict[str, int], {"b": 1, "a": 2}, {"b": 1, "a": 2}),
    "dict-odd-keys": (dict[str, int], {"": 1, "\0": 2, "é": 3}, {"": 1, "\0": 2, "é": 3}),
    "dict-of-none": (dict[str, None], {"a": None}, {"a": None}),
    "dict-bare": (dict, {"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
    "dict-typing": (typing.Dict[str, bool], {"a": True}, {"a": True}),  # noqa: UP006 - likewise
    "dict-any": (dict[str, Any], {"a": 1.5, "b": []}, {"a": 1.5, "b": []}),
    "dict-of-dates": (dict[str, date], {"a": date(2024, 1, 1)}, {"a": "2024-01-01"}),
    "any": (Any, {"a": [1, 2.5, True, None, "x", {}]}, {"a": [1, 2.5, True, None, "x", {}]}),
    "any-biggest-int": (Any, [2**63 - 1, -(2**63)], [2**63 - 1, -(2**63)]),
    "any-big-float": (Any, [1e300, 2.0**64, -(2.0**63)], [1e300, 2.0**64, -(2.0**63)]),
    "enum": (Colour, Colour.RED, "red"),
    "enum-mixed-text": (Mixed, Mixed.TEXT, "1"),
    "enum-mixed-integer": (Mixed, Mixed.INTEGER, 1),
    "enum-mixed-number": (Mixed, Mixed.NUMBER, 2.5),
    "enum-bool": (Truth, Truth.NO, False),
    "enum-int": (Level, Level.HIGH, 2),
    "enum-str": (Word, Word.HELLO, "hello"),
    "flag": (Access, Access.READ | Access.WRITE, 3),
    "flag-none": (Access, Access(0), 0),
    "flag-int": (Bits, Bits.TWO, 2),
    "literal": (Literal["a", 1, None], "a", "a"),  # noqa: PYI061 - one way to write it
    "literal-int-beside-bool": (Literal[1, True], 1, 1),
    "literal-bool-beside-int": (Literal[1, True], True, True),
    "literal-none": (Literal["a", None], None, None),  # noqa: PYI061 - likewise
    "newtype": (UserId, UserId(7), 7),
    "newtype-list": (Names, ["a"], ["a"]),
    "newtype-annotated": (NewType("Noted", Annotated[int, "notes"]), 5, 5),
    "annotated": (Positive, 5, 5),
    "annotated-inside": (list[Annotated[int, "notes"]], [5], [5]),
    "final": (Final[int], 5, 5),
    "optional": (Optional[int], None, None),  # noqa: UP045 - what older code writes
    "optional-set": (int | None, 5, 5),
    "optional-twice": (Annotated[int | None, "notes"] | None, None, None),
    "optional-list": (list[int] | None, [1], [1]),
    "optional-any": (Any | None, None, None),
    "none-or-any": (None | Any, [1], [1]),
    "union": (Union[int, str], "5", "5"),  # noqa: UP007 - likewise
    "union-number-integer": (int | float, 5.0, 5.0),
    "union-number-integer-int": (int | float, 5, 5),
    "union-number-only": (float | str, 2.5, 2.5),
    "union-of-many": (
        int | float | bool | None | bytes | list[date] | dict[str, int],
        [date(2024, 1, 1)],
        ["2024-01-01"],
    ),
    "union-true": (bool | int, True, True),
    "union-one": (bool | int, 1, 1),
    "union-literal": (Literal["a"] | int, "a", "a"),
    "union-beside-a-literal": (Literal["a"] | int, 5, 5),
    "union-timedelta": (timedelta | str, timedelta(seconds=1), 1_000_000),
    "union-enum": (Level | str, Level.LOW, 1),
    "union-tuple": (tuple[int, ...] | str, (1,), [1]),
    "union-nested": (Cat | Dog, Dog("puppy", "Rex"), {"kind": "puppy", "name": "Rex"}),
    "union-nested-and-none": (Cat | Dog | None | str, Cat("cat"), {"kind": "cat", "lives": 9}),
    "union-beside-nested": (str | Point, "a", "a"),
    "union-nested-in-list": (list[Cat | Dog], [Cat("cat", 1)], [{"kind": "cat", "lives": 1}]),
    "nested-attrs": (Point, Point(1, 2), {"x": 1, "y": 2}),
    "nested-private-name": (Tagged, Tagged("a", shown=2), {"name": "a", "_hidden": 2}),
    "nested-dataclass": (Data, Data(1, ["a"]), {"n": 1, "words": ["a"]}),
    "nested-recursive": (
        Node,
        Node(1, [Node(2)], Node(3)),
        {
            "value": 1,
            "children": [{"value": 2, "children": [], "parent": None}],
            "parent": {"value": 3, "children": [], "parent": None},
        },
    ),
    "deep-mixture": (
        dict[str, list[tuple[Decimal, frozenset[Colour]] | None]],
        {"a": [(Decimal(1), frozenset({Colour.RED, Colour.BLUE})), None]},
        {"a": [["1", ["blue", "red"]], None]},
    ),
}

ZONED = {
    "before-the-change": datetime(2024, 3, 31, 1, 59, tzinfo=ZoneInfo("Europe/Berlin")),
    "summer": datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin")),
}
"""Written with their offset: the zone's name is not kept."""
