"""Values that are not of a field's type, though they look like it: as Python values, and as JSON values."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from .accepted import ACCEPTED
from .kit import Access, Bits, Cat, Colour, Data, Dog, FrozenData, Level, Mixed, Node, Point, Truth, Word


class Text(str):
    """A str, and yet not exactly one: what else it holds would be lost."""

    __slots__ = ()


class Number(int):
    pass


class Moment(datetime):
    pass


class Listing(list):
    pass


class Sub(Point):
    pass


def nested_list(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def nested_dict(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def holding_itself(kind: type) -> Any:
    if kind is list:
        items: list[Any] = [1]
        items.append(items)
        return items
    table: dict[str, Any] = {"a": 1}
    table["b"] = table
    return table


def node_holding_itself() -> Node:
    node = Node(1)
    node.children.append(node)
    return node


NAN, INF = float("nan"), float("inf")
EVERYTHING = int | float | bool | None | str | list[int] | dict[str, int]

PYTHON: dict[str, tuple[Any, Any]] = {
    # name: (annotation, value that must be refused)
    "str-int": (str, 5),
    "str-none": (str, None),
    "str-bytes": (str, b"a"),
    "str-subclass": (str, Text("a")),
    "str-enum": (str, Word.HELLO),
    "str-lone-surrogate": (str, "a\ud800"),
    "str-surrogate-pair-in-two": (str, "\ud83d\ude42"),
    "int-str": (int, "5"),
    "int-bool": (int, True),
    "int-float": (int, 5.0),
    "int-fraction": (int, 5.9),
    "int-none": (int, None),
    "int-subclass": (int, Number(5)),
    "int-enum": (int, Level.LOW),
    "int-too-big": (int, 2**63),
    "int-too-small": (int, -(2**63) - 1),
    "int-huge": (int, 10**5000),
    "float-bool": (float, True),
    "float-str": (float, "5.0"),
    "float-nan": (float, NAN),
    "float-inf": (float, INF),
    "float-minus-inf": (float, -INF),
    "float-int-inexact": (float, 2**53 + 1),
    "float-int-inexact-negative": (float, -(2**53) - 1),
    "float-int-huge": (float, 10**400),
    "float-decimal": (float, Decimal(5)),
    "bool-int": (bool, 1),
    "bool-zero": (bool, 0),
    "bool-str": (bool, "true"),
    "bool-none": (bool, None),
    "none-false": (None, False),
    "none-str": (None, "None"),
    "none-zero": (None, 0),
    "datetime-naive": (datetime, datetime(2024, 1, 1)),  # noqa: DTZ001 - that is the point
    "datetime-date": (datetime, date(2024, 1, 1)),
    "datetime-str": (datetime, "2024-01-01T00:00:00+00:00"),
    "datetime-number": (datetime, 0),
    "datetime-subclass": (datetime, Moment(2024, 1, 1, tzinfo=UTC)),
    "date-datetime": (date, datetime(2024, 1, 1, tzinfo=UTC)),
    "date-str": (date, "2024-01-01"),
    "time-str": (time, "10:00:00"),
    "time-datetime": (time, datetime(2024, 1, 1, tzinfo=UTC)),
    "time-of-a-zone-that-needs-a-date": (time, time(10, tzinfo=ZoneInfo("Europe/Berlin"))),
    "timedelta-int": (timedelta, 5),
    "timedelta-too-long": (timedelta, timedelta.max),
    "timedelta-just-too-long": (timedelta, timedelta(microseconds=2**63 - 1) + timedelta(microseconds=1)),
    "uuid-str": (UUID, "12345678-1234-5678-9abc-def012345678"),
    "uuid-int": (UUID, 5),
    "decimal-str": (Decimal, "1"),
    "decimal-int": (Decimal, 1),
    "decimal-float": (Decimal, 1.5),
    "decimal-nan": (Decimal, Decimal("NaN")),
    "decimal-signalling-nan": (Decimal, Decimal("sNaN")),
    "decimal-infinity": (Decimal, Decimal("-Infinity")),
    "bytes-str": (bytes, "YQ=="),
    "bytes-bytearray": (bytes, bytearray(b"a")),
    "bytes-memoryview": (bytes, memoryview(b"a")),
    "list-str": (list[str], "abc"),
    "list-tuple": (list[int], (1, 2)),
    "list-set": (list[int], {1}),
    "list-subclass": (list[int], Listing([1])),
    "list-generator": (list[int], (n for n in (1, 2))),
    "list-none": (list[int], None),
    "list-item": (list[int], [1, "2"]),
    "list-item-bool": (list[int], [1, True]),
    "list-item-last": (list[str], ["a", "b", 5]),
    "list-item-surrogate": (list[str], ["a", "\udfff"]),
    "list-item-too-big": (list[int], [1, 2**63]),
    "list-item-nan": (list[float], [1.0, NAN]),
    "list-item-naive": (list[datetime], [datetime(2024, 1, 1)]),  # noqa: DTZ001 - that is the point
    "list-bare-set": (list, [{1}]),
    "tuple-list": (tuple[int, ...], [1]),
    "tuple-too-short": (tuple[int, str], (1,)),
    "tuple-too-long": (tuple[int, str], (1, "a", 2)),
    "tuple-item": (tuple[int, str], ("a", 1)),
    "tuple-not-empty": (tuple[()], (1,)),
    "set-list": (set[int], [1]),
    "set-frozenset": (set[int], frozenset({1})),
    "set-item": (set[int], {"1"}),
    "set-bool": (set[int], {True}),
    "set-any-tuple": (set, {(1, 2)}),
    "frozenset-set": (frozenset[int], {1}),
    "dict-list": (dict[str, int], [("a", 1)]),
    "dict-subclass": (dict[str, int], OrderedDict(a=1)),
    "dict-int-key": (dict[str, int], {1: 1}),
    "dict-none-key": (dict[str, int], {None: 1}),
    "dict-str-subclass-key": (dict[str, int], {Text("a"): 1}),
    "dict-surrogate-key": (dict[str, int], {"\ud800": 1}),
    "dict-value": (dict[str, int], {"a": "1"}),
    "dict-bare-int-key": (dict, {1: 1}),
    "any-set": (Any, {1}),
    "any-tuple": (Any, [(1,)]),
    "any-bytes": (Any, {"a": b""}),
    "any-datetime": (Any, datetime(2024, 1, 1, tzinfo=UTC)),
    "any-uuid": (Any, UUID(int=1)),
    "any-enum": (Any, Word.HELLO),
    "any-int-enum": (Any, [Level.LOW]),
    "any-nested": (Any, Point(1)),
    "any-dataclass": (Any, Data(1)),
    "any-object": (Any, object()),
    "any-nan": (Any, [[NAN]]),
    "any-inf": (Any, {"a": -INF}),
    "any-too-big": (Any, {"a": [2**63]}),
    "any-beyond-unsigned": (Any, 2**64),
    "any-too-small": (Any, -(2**63) - 1),
    "any-surrogate": (Any, ["\ud800"]),
    "any-surrogate-key": (Any, {"\udfff": 1}),
    "any-int-key": (Any, {5: 1}),
    "any-str-subclass": (Any, Text("a")),
    "any-list-subclass": (Any, Listing()),
    "any-too-deep-list": (Any, nested_list(201)),
    "any-too-deep-dict": (Any, nested_dict(201)),
    "any-far-too-deep": (Any, nested_list(100_000)),
    "any-list-in-itself": (Any, holding_itself(list)),
    "any-dict-in-itself": (Any, holding_itself(dict)),
    "dict-any-in-itself": (dict[str, Any], holding_itself(dict)),
    "enum-value": (Colour, "red"),
    "enum-name": (Colour, "RED"),
    "enum-other": (Colour, Word.HELLO),
    "enum-int-value": (Level, 1),
    "enum-str-value": (Word, "hello"),
    "flag-int": (Access, 1),
    "literal-other": (Literal["a", 1], "b"),
    "literal-bool-for-int": (Literal["a", 1], True),
    "literal-int-for-bool": (Literal[True], 1),
    "literal-float-for-int": (Literal[1], 1.0),
    "literal-str-subclass": (Literal["a"], Text("a")),
    "literal-unhashable": (Literal["a"], ["a"]),
    "optional-other": (int | None, "5"),
    "optional-bool": (int | None, False),
    "optional-list-item": (list[int] | None, ["1"]),
    "union-none": (int | str, None),
    "union-bool": (int | str, True),
    "union-subclass": (EVERYTHING, Text("a")),
    "union-bytes": (EVERYTHING, b"a"),
    "union-tuple": (EVERYTHING, (1,)),
    "union-item": (EVERYTHING, ["a"]),
    "union-nested-subclass": (Point | None, Sub(1)),
    "union-nested-wrong-mark": (Cat | Dog, Cat("dog")),  # type: ignore[arg-type]  # that is the point
    "nested-dict": (Point, {"x": 1}),
    "nested-subclass": (Point, Sub(1)),
    "nested-field": (Point, Point("1")),  # type: ignore[arg-type]  # likewise
    "nested-field-bool": (Data, Data(True)),
    "nested-field-deep": (Node, Node(1, [Node(2, [Node(3.5)])])),  # type: ignore[arg-type]  # likewise
    "nested-list-item": (Data, Data(1, ["a", 5])),  # type: ignore[list-item]  # likewise
    "nested-in-itself": (Node, node_holding_itself()),
    "nested-other-class": (FrozenData, Data(1)),
}

WIRE: dict[str, tuple[Any, Any]] = {
    # name: (annotation, JSON value that must be refused)
    "str-int": (str, 5),
    "str-null": (str, None),
    "str-list": (str, ["a"]),
    "int-str": (int, "5"),
    "int-fraction": (int, 5.9),
    "int-whole-float": (int, 5.0),
    "int-bool": (int, True),
    "int-null": (int, None),
    "float-str": (float, "5"),
    "float-bool": (float, False),
    "float-int-inexact": (float, 2**53 + 1),
    "bool-int": (bool, 1),
    "bool-str": (bool, "false"),
    "bool-null": (bool, None),
    "none-false": (None, False),
    "none-str": (None, "null"),
    "datetime-naive": (datetime, "2024-01-01T00:00:00"),
    "datetime-date": (datetime, "2024-01-01"),
    "datetime-number": (datetime, 1_700_000_000),
    "datetime-no-such-day": (datetime, "2023-02-29T00:00:00+00:00"),
    "datetime-nanoseconds": (datetime, "2024-01-01T00:00:00.1234567+00:00"),
    "datetime-comma": (datetime, "2024-01-01T00:00:00,5+00:00"),
    "datetime-comma-in-our-length": (datetime, "2024-01-01T00:00:00,123456+00:00"),
    "datetime-picoseconds-in-our-length": (datetime, "2024-01-01T00:00:00.123456789012"),
    "datetime-no-such-day-in-our-form": (datetime, "2023-02-29T00:00:00.000001+00:00"),
    "datetime-basic": (datetime, "20240101T000000Z"),
    "datetime-week": (datetime, "2024-W01-1T00:00:00+00:00"),
    "datetime-offset-of-a-day": (datetime, "2024-01-01T00:00:00+24:00"),
    "datetime-newline": (datetime, "2024-01-01T00:00:00+00:00\n"),
    "datetime-arabic-digits": (datetime, "\u0662\u0660\u0662\u0664-01-01T00:00:00+00:00"),
    "date-datetime": (date, "2024-01-01T00:00:00"),
    "date-basic": (date, "20240101"),
    "date-week": (date, "2024-W01-1"),
    "date-no-such-day": (date, "2024-02-30"),
    "date-empty": (date, ""),
    "time-hour-only": (time, "10"),
    "time-t": (time, "T10:00:00"),
    "time-no-such": (time, "24:00:01"),
    "time-tenth-of-a-microsecond": (time, "10:00:00.1234567"),
    "time-nanoseconds": (time, "10:00:00.123456789"),
    "timedelta-fraction": (timedelta, 1.5),
    "timedelta-str": (timedelta, "1"),
    "timedelta-bool": (timedelta, True),
    "uuid-braces": (UUID, "{12345678-1234-5678-9abc-def012345678}"),
    "uuid-urn": (UUID, "urn:uuid:12345678-1234-5678-9abc-def012345678"),
    "uuid-no-dashes": (UUID, "12345678123456789abcdef012345678"),
    "uuid-short": (UUID, "12345678-1234-5678-9abc-def01234567"),
    "uuid-g-first": (UUID, "g2345678-1234-5678-9abc-def012345678"),
    "uuid-g-between": (UUID, "12345678-1234-567g-9abc-def012345678"),
    "uuid-g-last": (UUID, "12345678-1234-5678-9abc-def01234567g"),
    "uuid-int": (UUID, 5),
    "decimal-number": (Decimal, 1.5),
    "decimal-int": (Decimal, 1),
    "decimal-nan": (Decimal, "NaN"),
    "decimal-infinity": (Decimal, "Infinity"),
    "decimal-spaces": (Decimal, " 1"),
    "decimal-underscore": (Decimal, "1_000"),
    "decimal-arabic-digits": (Decimal, "\u0661"),
    "decimal-empty": (Decimal, ""),
    "decimal-exponent-too-big": (Decimal, "1E+9999999999999999999"),
    "decimal-ends-in-a-point": (Decimal, "1."),
    "decimal-begins-with-a-point": (Decimal, ".1"),
    "decimal-plus": (Decimal, "+1"),
    "decimal-word": (Decimal, "one"),
    "bytes-no-padding": (bytes, "YQ"),
    "bytes-too-much-padding": (bytes, "YQ==="),
    "bytes-urlsafe": (bytes, "AP_-"),
    "bytes-newline": (bytes, "YQ==\n"),
    "bytes-unused-bits": (bytes, "YR=="),
    "bytes-two-texts": (bytes, "YQ==YQ=="),
    "bytes-not-ascii": (bytes, "é==="),
    "bytes-list": (bytes, [97]),
    "list-str": (list[str], "abc"),
    "list-dict": (list[str], {"a": 1}),
    "list-null": (list[str], None),
    "list-item": (list[int], [1, "2"]),
    "list-item-null": (list[str], ["a", None]),
    "tuple-too-short": (tuple[int, str], [1]),
    "tuple-too-long": (tuple[int, str], [1, "a", None]),
    "tuple-str": (tuple[str, ...], "ab"),
    "set-twice": (set[int], [1, 1]),
    "set-any-twice": (set, [1, True]),
    "set-decimal-twice": (set[Decimal], ["1.0", "1.00"]),
    "set-any-list": (set, [[1]]),
    "set-any-object": (frozenset, [{}]),
    "dict-list": (dict[str, int], [["a", 1]]),
    "dict-value": (dict[str, int], {"a": "1"}),
    "dict-value-null": (dict[str, int], {"a": None}),
    "enum-name": (Colour, "RED"),
    "enum-none": (Colour, None),
    "enum-list": (Colour, ["red"]),
    "enum-other-kind": (Mixed, True),
    "enum-float-for-int": (Level, 1.0),
    "enum-bool-for-int": (Level, True),
    "enum-int-for-bool": (Truth, 1),
    "enum-int-for-str": (Mixed, 2),
    "flag-unknown-bit": (Access, 4),
    "flag-negative": (Access, -1),
    "flag-int-negative": (Bits, -2),
    "flag-bool": (Access, True),
    "flag-str": (Access, "READ"),
    "literal-other": (Literal["a"], "b"),
    "literal-bool-for-int": (Literal[1], True),
    "literal-float-for-int": (Literal[1], 1.0),
    "literal-list": (Literal["a"], ["a"]),
    "optional-other": (int | None, "5"),
    "union-null": (int | str, None),
    "union-object": (int | str, {}),
    "union-number": (int | str, 1.5),
    "nested-list": (Point, [1, 2]),
    "nested-null": (Point, None),
    "nested-missing": (Point, {"y": 1}),
    "nested-unknown-key": (Point, {"x": 1, "z": 1}),
    "nested-field": (Point, {"x": "1"}),
    "nested-by-parameter-name": (Data, {"n": 1, "Words": []}),
    "nested-deep": (Node, {"value": 1, "children": [{"value": 2, "children": [{"value": "3"}]}]}),
    "union-nested-no-mark": (Cat | Dog, {"lives": 1}),
    "union-nested-other-mark": (Cat | Dog, {"kind": "cow"}),
    "union-nested-mark-list": (Cat | Dog, {"kind": ["cat"]}),
    "union-nested-mark-null": (Cat | Dog, {"kind": None}),
    "union-nested-wrong-field": (Cat | Dog, {"kind": "cat", "name": "Rex"}),
}


def good_value(annotation: Any) -> Any:
    """A value that a field of the annotation takes: one from the table of accepted ones, or built here."""
    for known, value, _ in ACCEPTED.values():
        if known == annotation:
            return value
    return GOOD[annotation]


GOOD: dict[Any, Any] = {
    list[datetime]: [],
    tuple[str, ...]: (),
    set[Decimal]: set(),
    frozenset: frozenset(),
    list[float]: [],
    list[str]: [],
    frozenset[int]: frozenset(),
    EVERYTHING: 1,
    Literal["a", 1]: "a",
    Literal[True]: True,
    Literal[1]: 1,
    Literal["a"]: "a",
    int | str: 1,
    Point | None: None,
    FrozenData: FrozenData(1),
}
