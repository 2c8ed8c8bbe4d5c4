"""Versions that grow across processes and clock steps: no version of a file is above the mark that is kept in it.

Without it, an id that is saved anew by another process after the clock was set back may get a version below the one that
was completed before, and a completion of that older one that comes late would remove it (I7).

Writing the mark with every save would cost a page each. So it runs ahead: it is ``version_floor + slack_us``, and is
written when a version passes it. Once the clock is found behind the floor, versions go on from the mark itself, one by
one, without slack, until the clock has caught up.
"""

from __future__ import annotations

import sqlite3

from atleastonce.clock import Clock
from atleastonce.versions import VersionSource

SLACK_US = 100_000
"""A write of the mark every 0.1 s at most, in microseconds; clocks that are set, and not slewed, jump further."""

FAR_AHEAD_US = 5 * 60 * 1_000_000
"""Versions further ahead of the clock come from a record that says so itself, in microseconds. Kept as the mark, one
such record would drag every later version of the file with it, for ever. They need no mark: a completion with a version
more than 5 minutes ahead removes that very version only (see the design, "Hash")."""

_READ = "SELECT version_floor, slack_us FROM atleastonce_settings WHERE one = 1"
_WRITE = "REPLACE INTO atleastonce_settings (one, version_floor, slack_us) VALUES (1, ?, ?)"


class Watermark:
    """Gives the versions of a transaction. Used by one thread at a time: the one that writes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._source = VersionSource(clock)
        self._read = self._changed = False
        self._floor = self._slack = 0

    def begin(self) -> None:
        """A transaction begins: what was read before means nothing."""
        self._read = self._changed = False

    def give(self, cursor: sqlite3.Cursor, number: int, above: int | None) -> int:
        """The first of that many consecutive versions. Raises `InvalidTask` at the end of all versions."""
        if not self._read:
            found = cursor.execute(_READ).fetchall()
            self._floor, self._slack = found[0] if found else (0, 0)
            self._read = True
        first = self._source.next(above)
        mark = self._floor + self._slack
        behind = first <= self._floor
        if behind:
            first = self._source.next(mark)
        last = first
        if number > 1:
            last += number - 1
            self._source.next(last - 1)
        if last > mark and last <= max(mark, self._clock()) + FAR_AHEAD_US:
            self._floor, self._slack = last, 0 if behind else SLACK_US
            self._changed = True
        return first

    def finish(self, cursor: sqlite3.Cursor) -> None:
        """The transaction is about to be committed: keep the mark, where it moved."""
        if self._changed:
            cursor.execute(_WRITE, (self._floor, self._slack))
