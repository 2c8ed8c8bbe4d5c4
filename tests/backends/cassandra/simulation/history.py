"""What happened, as the judge needs it. Moments are counted in steps of the world, not in time."""

from __future__ import annotations

from typing import NamedTuple

NEVER_ENDED = 1 << 60


class Saved:
    """One save of one task.

    Attributes:
        key: (place, id).
        cell: what was saved; unique to this save unless the scenario says otherwise.
        versions: all that it was written at, the last being its version.
        began, acked: when; `NEVER_ENDED` where it failed (its outcome is unknown for ever) or was cut off by a crash.
        excused: made outside the promise, so it may be lost.
    """

    __slots__ = ("acked", "began", "cell", "dc", "excused", "key", "versions")

    def __init__(self, key: tuple, cell: bytes, dc: int, began: int) -> None:
        self.key = key
        self.cell = cell
        self.dc = dc
        self.began = began
        self.acked = NEVER_ENDED
        self.versions: list[int] = []
        self.excused = False


class Held(NamedTuple):
    """A version that somebody has: handed over after its save was acknowledged, or read."""

    key: tuple
    version: int
    cell: bytes
    since: int


class Completed(NamedTuple):
    """A complete by somebody who had that version; sent, and perhaps acknowledged."""

    held: Held
    sent: int


class Told(NamedTuple):
    """A failure report that was acknowledged, so counted."""

    key: tuple
    version: int
    attempts: int


class History:
    """Of one run."""

    def __init__(self) -> None:
        self.saves: list[Saved] = []
        self.held: list[Held] = []
        self.completed: list[Completed] = []
        self.acked_completes: list[tuple[tuple, int, int, int, int]] = []  # key, version, sent, acked, dc
        self.buried: list[Completed] = []  # as the former, to the dead letters
        self.told: list[Told] = []
        self.findings: list[str] = []
        self.refused = 0

    def at_work(self, key: tuple, since: int) -> bool:
        """Whether anybody saved or completed that key since then, or was still at it then, or may yet be."""
        return any(s.key == key and s.acked > since for s in self.saves) or any(
            c.held.key == key for c in self.completed
        )
