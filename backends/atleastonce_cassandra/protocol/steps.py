"""What a protocol asks of the servers, one step at a time. Times are in microseconds."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from .places import Place
from .state import State

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


class Found(NamedTuple):
    """A row of the tasks as the driver gives it."""

    id: bytes
    task: tuple[Any, ...]
    failure: tuple[Any, ...] | None
    version: int


class Failed(NamedTuple):
    """What readers are to see of a version: how often it failed, and when it is due again."""

    id: bytes
    version: int
    attempts: int
    error: bytes
    due_at: int | None


class Change(NamedTuple):
    """Of one row of the claims: from what it must be, None where it must not be there, to what it becomes."""

    id: bytes
    old: State | None
    new: State


class Swapped(NamedTuple):
    """What became of a `Swap`."""

    applied: bool | None
    """All of it, or nothing of it; None where nobody knows: the answer was lost, or came too late."""
    seen: Mapping[bytes, State] = MappingProxyType({})
    """Where nothing was applied: the rows as they are; those that are not here are not there."""


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
    dead: bool = False
    """Dead letters, not tasks."""


class Delete(NamedTuple):
    """Delete rows. Answer: None, once acknowledged."""

    place: Place
    keys: Sequence[tuple[bytes, int]]
    """Pairs of id and write timestamp."""
    dead: bool = False
    """Dead letters, not tasks."""


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


class ReadPage(NamedTuple):
    """Read rows behind an id, in order, in a way that sees every acknowledged write. Answer: a list of `Found`.

    Fewer than `limit` rows, those without a task counted, are the last ones.
    """

    place: Place
    after: bytes
    limit: int


class ReadRows(NamedTuple):
    """Read rows, in a way that sees every acknowledged write. Answer: a dict from id to `Found`, of the tasks that are there."""

    place: Place
    ids: Sequence[bytes]


class ReadVersions(NamedTuple):
    """Read which versions are there, in a way that sees every acknowledged write. Answer: a dict from id to version.

    Where it is `everywhere`, also those that another data centre acknowledged.
    """

    place: Place
    ids: Sequence[bytes]
    everywhere: bool = False


class ReadClaims(NamedTuple):
    """Read rows of the claims. Answer: a dict from id to `State`, of those that are there.

    Where it is `settled`, what is under way is ended first, one way or the other, and can't be applied later on. Else the answer is
    a hint: a `Swap`, or a settled read, finds out whether it is true.
    """

    place: Place
    ids: Sequence[bytes]
    settled: bool = False


class Swap(NamedTuple):
    """Make all changes, or none where a row is not as it must be. Never sent twice. Answer: `Swapped`."""

    place: Place
    changes: Sequence[Change]
    now: int
    """From when on, by the servers' clock, rows that nobody needs any more count their time."""


class Report(NamedTuple):
    """Write failed attempts, and when it is due, into the tasks' rows, for readers. Answer: None, once acknowledged."""

    place: Place
    failures: Sequence[Failed]
    now: int
    """Of two that show when a task is due, the later one counts."""


class RegisterDead(NamedTuple):
    """Write the place into the registry of the dead letters. Answer: None, once acknowledged."""

    place: Place
    timestamp: int


class Bury(NamedTuple):
    """Write a task among the dead letters, as of its version, and unless it is only a copy delete it here, as of just above that.

    In one mutation. Answer: None, once acknowledged.
    """

    place: Place
    found: Found
    attempts: int
    error: bytes
    died_at: int
    only_copy: bool = False


class Wait(NamedTuple):
    """Let time pass. Answer: None."""

    duration: int


Step = (
    Measure
    | Register
    | Write
    | Read
    | Delete
    | ReadEmpty
    | Unregister
    | Wait
    | ReadPage
    | ReadRows
    | ReadVersions
    | ReadClaims
    | Swap
    | Report
    | RegisterDead
    | Bury
)
Steps = Generator[Step, Any, T]
"""A protocol: yields steps, is sent their answers (or thrown their errors), returns T."""
