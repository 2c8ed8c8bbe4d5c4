"""Versions that grow across processes and clock steps: no version of a file is above the mark that is kept in it.

Without it, an id that is saved anew by another process after the clock was set back may get a version below the one that
was completed before, and a completion of that older one that comes late would remove it (I7).

Writing the mark with every save would cost a page each. So it is ``version_floor + slack_us`` and runs ahead of the clock,
and beside it stands its owner: the store that gave the last version. As long as nobody else does, that store knows by
itself what it gave, and writes only when a version passes the mark. Another store first makes the mark its own and goes on
above it. The mark is never put further ahead of the clock than the slack, so that stores in turns don't push each other on.
"""

from __future__ import annotations

import os
import sqlite3

from atleastonce.clock import Clock
from atleastonce.versions import VersionSource

SLACK_US = 100_000
"""How far the mark runs ahead of the clock, and so how often it is written: every 0.1 s at most (microseconds)."""

FAR_AHEAD_US = 5 * 60 * 1_000_000
"""Versions further ahead of the clock come from a record that says so itself (microseconds). Kept as the mark, one such
record would drag every later version of the file with it, for ever. They need no mark: a completion with a version more than
5 minutes ahead removes that very version only (see the design, "Hash")."""

_READ = "SELECT version_floor, slack_us, owner FROM atleastonce_settings WHERE one = 1"
_WRITE = "REPLACE INTO atleastonce_settings (one, version_floor, slack_us, owner) VALUES (1, ?, ?, ?)"


class Watermark:
    """Gives the versions of a transaction. Used by one thread at a time: the one that writes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._source = VersionSource(clock)
        self._owner = _new_owner()
        self._floor = self._slack = 0
        self._unused = 0  # drawn for this transaction, and not given yet
        self._read = False  # in this transaction
        self._mine = self._changed = False  # if read: the mark, by this transaction

    def forget(self) -> None:
        """Own nothing: in a child, the mark is the parent's."""
        self._owner = _new_owner()
        self.roll_back()

    def guess(self) -> tuple[int, int] | None:
        """(floor, version for a new record), good while that is the floor in the file; None: ask `give`.

        The floor stands for owner and slack too: whoever changes them puts the floor up.
        """
        if self._read or self._unused or not self._slack:
            return None
        version = self._source.next()
        floor = self._floor
        if floor < version <= floor + self._slack:
            return floor, version
        self._unused = version
        return None

    def take_back(self, version: int) -> None:
        """The guess was wrong. Its version may still be given, lest a save be noted later than the clock says."""
        self._unused = version

    def give(self, cursor: sqlite3.Cursor, number: int, above: int | None) -> int:
        """The first of that many consecutive versions. Raises `InvalidTask` at the end of all versions."""
        if not self._read:
            [(self._floor, self._slack, owner)] = cursor.execute(_READ).fetchall() or [(0, 0, None)]
            self._read = True
            self._mine = owner == self._owner
        mark = self._floor + self._slack
        least = above or 0
        if not self._mine:
            least = max(least, mark)
        first = self._unused if self._unused > least else self._source.next(least)
        self._unused = 0
        last = first
        if number > 1:
            last += number - 1
            self._source.next(last - 1)
        if last > mark:  # always, where it is another's
            self._move(last, mark)
        return first

    def _move(self, last: int, mark: int) -> None:
        """Put the mark above the version given last, and make it this store's."""
        now = self._clock()
        if last > max(mark, now) + FAR_AHEAD_US:
            last = mark
            if self._mine:
                return
        self._floor = last
        self._slack = max(0, now + SLACK_US - last) if self._mine else 0
        self._mine = self._changed = True

    def commit(self, cursor: sqlite3.Cursor) -> None:
        """The transaction is about to be committed: keep the mark, where it moved."""
        if self._changed:
            cursor.execute(_WRITE, (self._floor, self._slack, self._owner))
        self._read = self._changed = False

    def roll_back(self) -> None:
        """The transaction is undone: what was to be the mark is not."""
        self._read = self._changed = self._mine = False
        self._unused = 0
        self._slack = 0  # no guess before the mark is read again: what this one did not write, another may have


def _new_owner() -> int:
    return int.from_bytes(os.urandom(7), "big")  # 56 bits: SQLite's integers have 63
