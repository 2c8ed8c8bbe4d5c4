"""What a protocol asks of the servers, one step at a time. Times are in microseconds."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple, TypeVar

from .places import Place

T = TypeVar("T")


class Row:
    """A task to be written.

    Attributes:
        id: in UTF-8.
        cell: type, data and meta, encoded: the value of the one cell that makes the row.
        version: its write timestamp; grows when it has to be written again.
        verify: whether others may save the same id, so that the row is read back.
    """

    __slots__ = ("cell", "id", "verify", "version")

    def __init__(self, id: bytes, cell: bytes, version: int, verify: bool) -> None:  # noqa: FBT001 (one is made per task)
        self.id = id
        self.cell = cell
        self.version = version
        self.verify = verify


class Stored(NamedTuple):
    """A task as it was read."""

    version: int
    cell: bytes


class Measure(NamedTuple):
    """Measure the clock. Answer: None."""


class Register(NamedTuple):
    """Write the place, and its list, into the registry. Answer: None, once acknowledged."""

    place: Place
    timestamp: int


class Write(NamedTuple):
    """Write the rows, each at its version. Answer: None, once all are acknowledged."""

    place: Place
    rows: Sequence[Row]


class Read(NamedTuple):
    """Read rows, in a way that sees every acknowledged write. Answer: a dict from id to `Stored`, of those that are there."""

    place: Place
    ids: Sequence[bytes]


class Delete(NamedTuple):
    """Delete rows. Answer: None, once acknowledged."""

    place: Place
    keys: Sequence[tuple[bytes, int]]
    """Pairs of id and write timestamp."""


class ReadEmpty(NamedTuple):
    """Read whether the place has no row of any kind. Answer: True, False, or None where it can't be said now.

    Asks every replica, or, where `settled`, a quorum in every data centre.
    """

    place: Place
    settled: bool


class Unregister(NamedTuple):
    """Delete the place from the registry. Answer: None."""

    place: Place
    timestamp: int


class Wait(NamedTuple):
    """Let time pass. Answer: None."""

    duration: int


Step = Measure | Register | Write | Read | Delete | ReadEmpty | Unregister | Wait
Steps = Generator[Step, Any, T]
"""A protocol: yields steps, is sent their answers (or thrown their errors), returns T."""
