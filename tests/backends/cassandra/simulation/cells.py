"""What a replica holds of one row, and how two holdings become one: Cassandra's last-write-wins, cell by cell.

An `Entry` is a join: `merge` is commutative, associative and idempotent, so it does not matter in which order, how often, or by
whom (write, hint, read repair, repair) a mutation comes. What a deletion covers is kept beside it until both are purged.
"""

from __future__ import annotations

from typing import Any, NamedTuple

NEVER: tuple[int, Any] = (-1, b"")
NO_FAILURE = (0, "", 0)  # attempts first: the larger value wins a tie. The version it reports is there for the judge.


class Entry(NamedTuple):
    """One row: timestamps in microseconds, -1 where there is nothing."""

    marker: int
    """The row marker, which an INSERT writes and an UPDATE does not."""
    task: tuple[int, Any]
    """(timestamp, value): at equal timestamps the larger value wins."""
    failure: tuple[int, Any]
    deleted: tuple[int, int]
    """(timestamp, when by the server's clock): a tombstone covers all that is not newer than it, ties included."""


NOT_DELETED = (-1, 0)


def inserted(timestamp: int, cell: bytes) -> Entry:
    """A save: an INSERT of every column."""
    return Entry(timestamp, (timestamp, cell), (timestamp, NO_FAILURE), NOT_DELETED)


def registered(timestamp: int) -> Entry:
    """A row of the registry, which has no cells."""
    return Entry(timestamp, NEVER, NEVER, NOT_DELETED)


def updated(timestamp: int, failure: tuple[int, str, int]) -> Entry:
    """A failure report: an UPDATE of one cell, without a row marker."""
    return Entry(-1, NEVER, (timestamp, failure), NOT_DELETED)


def deleted(timestamp: int, at: int) -> Entry:
    """A DELETE of the row."""
    return Entry(-1, NEVER, NEVER, (timestamp, at))


def merge(a: Entry, b: Entry) -> Entry:
    """What a replica that has both has."""
    return Entry(
        max(b[0], a[0]),
        max(b[1], a[1]),
        max(b[2], a[2]),
        max(b[3], a[3]),
    )


def is_row(entry: Entry) -> bool:
    """Whether a SELECT gives a row of any kind."""
    gone = entry[3][0]
    return entry[0] > gone or entry[1][0] > gone or entry[2][0] > gone


def has_task(entry: Entry) -> bool:
    """Whether the row's task cell is not null: then there is a task."""
    return entry[1][0] > entry[3][0]


def purged(entry: Entry, before: int) -> Entry | None:
    """What a compaction leaves: a deletion from before that moment goes, with all that it covers."""
    gone, at = entry[3]
    if gone < 0 or at >= before:
        return entry
    left = Entry(
        entry[0] if entry[0] > gone else -1,
        entry[1] if entry[1][0] > gone else NEVER,
        entry[2] if entry[2][0] > gone else NEVER,
        NOT_DELETED,
    )
    return left if is_row(left) else None
