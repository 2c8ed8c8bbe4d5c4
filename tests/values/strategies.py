"""Wide task classes that have every type, and strategies for their values and for any JSON."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import attrs
from hypothesis import strategies as st

from atleastonce import Task

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
    Node,
    Point,
    Tagged,
    Truth,
    UserId,
    Word,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
INT = st.integers(-(2**63), 2**63 - 1)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.none() | st.booleans() | INT | FLOAT | TEXT
JSON = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)
OFFSET = st.just(UTC) | st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59)).map(timezone)
DATETIME = st.builds(lambda moment, zone: moment.replace(tzinfo=zone, fold=0), st.datetimes(), OFFSET)
TIME = st.builds(lambda hour, zone: hour.replace(tzinfo=zone, fold=0), st.times(), st.none() | OFFSET)
DECIMAL = st.builds(lambda number, exponent: Decimal(number).scaleb(exponent), INT, st.integers(-40, 40)) | st.just(
    Decimal("-0.00")
)
DELTA = INT.map(lambda n: timedelta(microseconds=n))
POINT = st.builds(Point, INT, INT)
NODE = st.recursive(
    st.builds(Node, INT),
    lambda inner: st.builds(Node, INT, st.lists(inner, max_size=2), st.none() | inner),
    max_leaves=4,
)
PET = st.builds(Cat, st.just("cat"), INT) | st.builds(Dog, st.sampled_from(["dog", "puppy"]), TEXT)


@attrs.define
class Everything:
    """A nested class that holds most types itself."""

    when: datetime | None
    amounts: dict[str, Decimal]
    anything: Any
    flags: tuple[Access, ...]
    raw: frozenset[bytes] = frozenset()


class Scalars(Task, tag="tests.values.scalars"):
    text: str
    whole: int
    number: float
    yes: bool
    nothing: None
    moment: datetime
    day: date
    hour: time
    span: timedelta
    key: UUID
    amount: Decimal
    raw: bytes
    anything: Any
    colour: Colour
    mixed: Mixed
    truth: Truth
    level: Level
    word: Word
    access: Access
    bits: Bits
    choice: Literal["a", 1, True, None]  # noqa: PYI061 - one way to write it
    user: UserId
    noted: Annotated[int, ["notes"]]


class Containers(Task, tag="tests.values.containers"):
    plain: list
    ints: list[int]
    texts: list[str | None]
    days: list[date]
    bare_tuple: tuple
    pair: tuple[int, str]
    many: tuple[float, ...]
    set_of_texts: set[str]
    set_of_moments: frozenset[datetime]
    set_of_decimals: set[Decimal]
    set_of_nested: set[FrozenData]
    table: dict[str, int]
    free: dict[str, Any]
    deep: dict[str, list[tuple[Colour, timedelta | None]]]


class Unions(Task, tag="tests.values.unions"):
    maybe: int | None
    maybe_text: str | None
    maybe_items: list[int] | None
    maybe_anything: Any | None
    either: int | str
    numbers: int | float | bool
    wide: float | bool | bytes | list[date] | dict[str, UUID] | None
    pet: Cat | Dog | None
    pets: list[Cat | Dog | str]
    level_or_text: Level | str


class Nested(Task, tag="tests.values.nested"):
    point: Point
    tagged: Tagged
    aliased: list[Point] = attrs.field(alias="other_name")
    words: Data
    node: Node
    everything: Everything


FIELDS: dict[Any, dict[str, st.SearchStrategy[Any]]] = {
    Scalars: {
        "text": TEXT,
        "whole": INT,
        "number": FLOAT,
        "yes": st.booleans(),
        "nothing": st.none(),
        "moment": DATETIME,
        "day": st.dates(),
        "hour": TIME,
        "span": DELTA,
        "key": st.uuids(),
        "amount": DECIMAL,
        "raw": st.binary(max_size=8),
        "anything": JSON,
        "colour": st.sampled_from(Colour),
        "mixed": st.sampled_from(Mixed),
        "truth": st.sampled_from(Truth),
        "level": st.sampled_from(Level),
        "word": st.sampled_from(Word),
        "access": st.integers(0, 3).map(Access),
        "bits": st.integers(0, 3).map(Bits),
        "choice": st.sampled_from(["a", 1, True, None]),
        "user": INT,
        "noted": INT,
    },
    Containers: {
        "plain": st.lists(JSON, max_size=3),
        "ints": st.lists(INT, max_size=3),
        "texts": st.lists(st.none() | TEXT, max_size=3),
        "days": st.lists(st.dates(), max_size=3),
        "bare_tuple": st.lists(JSON, max_size=3).map(tuple),
        "pair": st.tuples(INT, TEXT),
        "many": st.lists(FLOAT, max_size=3).map(tuple),
        "set_of_texts": st.sets(TEXT, max_size=4),
        "set_of_moments": st.frozensets(DATETIME, max_size=3),
        "set_of_decimals": st.sets(DECIMAL, max_size=3),
        "set_of_nested": st.sets(st.builds(FrozenData, INT), max_size=3),
        "table": st.dictionaries(TEXT, INT, max_size=3),
        "free": st.dictionaries(TEXT, JSON, max_size=3),
        "deep": st.dictionaries(
            TEXT, st.lists(st.tuples(st.sampled_from(Colour), st.none() | DELTA), max_size=2), max_size=2
        ),
    },
    Unions: {
        "maybe": st.none() | INT,
        "maybe_text": st.none() | TEXT,
        "maybe_items": st.none() | st.lists(INT, max_size=3),
        "maybe_anything": JSON,
        "either": INT | TEXT,
        "numbers": INT | FLOAT | st.booleans(),
        "wide": FLOAT
        | st.booleans()
        | st.none()
        | st.binary(max_size=4)
        | st.lists(st.dates(), max_size=2)
        | st.dictionaries(TEXT, st.uuids(), max_size=2),
        "pet": st.none() | PET,
        "pets": st.lists(PET | TEXT, max_size=3),
        "level_or_text": st.sampled_from(Level) | TEXT,
    },
    Nested: {
        "point": POINT,
        "tagged": st.builds(Tagged, TEXT, shown=INT),
        "other_name": st.lists(POINT, max_size=2),
        "words": st.builds(Data, INT, st.lists(TEXT, max_size=2)),
        "node": NODE,
        "everything": st.builds(
            Everything,
            st.none() | DATETIME,
            st.dictionaries(TEXT, DECIMAL, max_size=2),
            JSON,
            st.lists(st.integers(0, 3).map(Access), max_size=2).map(tuple),
            st.frozensets(st.binary(max_size=3), max_size=3),
        ),
    },
}
"""Task class -> keyword of its constructor -> values."""

CLASSES = list(FIELDS)


def keywords(cls: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Every field's keyword with a value of its type."""
    return st.fixed_dictionaries(FIELDS[cls])


def extras(cls: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Data keys that the class does not declare."""
    declared = {a.name for a in attrs.fields(cls)}
    return st.dictionaries(TEXT.filter(lambda name: name not in declared), JSON, max_size=2)


WILD = st.recursive(
    SCALAR
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["2024-01-01", "2024-01-01T00:00:00Z", "1E5", "YQ==", "cat", "red", 2**63, -(2**63) - 1, 2**64])
    | st.uuids().map(str),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["x", "y", "n", "kind", "value", "children", ""]) | st.text(max_size=2), inner
        )
    ),
    max_leaves=8,
)
"""Whatever a JSON parser might give: also what is refused, as NaN and integers without end."""
