"""Versions on Cassandra: multiples of four microseconds that grow, and that two processes do not draw alike.

A version is the write timestamp of the row. What belongs to that version is written between it and the next one: a failure
report at v + 1, the deletion at v + 2. So a late report never brings a completed row back, and a late completion never
removes a newer save.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from atleastonce.exceptions import InvalidTask
from atleastonce.versions import VERSION_LIMIT

STEP = 4
"""Versions are multiples of this, in microseconds."""

SPREAD = 16_384
"""A version is drawn from so many steps above its floor: two who saw the same must not take the same."""

LATEST = 2**63 - 1
"""The last write timestamp that there is. No version of ours comes near it, but anybody may write a row at it."""


class VersionGiver:
    """Gives versions. Thread-safe.

    Args:
        now: microseconds since 1970, by the servers.
        draw: gives a random integer below its argument.
    """

    def __init__(self, now: Callable[[], int], draw: Callable[[int], int]) -> None:
        self._now = now
        self._draw = draw
        self._lock = threading.Lock()
        self._last = 0

    def give(self, count: int, floor: int | None, *, shared: bool) -> int:
        """The first of `count` versions, each `STEP` above the one before; all above `floor` and all given before.

        Args:
            count: how many.
            floor: the largest version seen or owned by the tasks, microseconds.
            shared: whether others may save the same ids: then they are drawn at random.

        Raises `InvalidTask` where one would reach 2**53.
        """
        base = self._now()
        if floor is not None and floor > base:
            base = floor
        base -= base % STEP
        base += STEP * (1 + self._draw(SPREAD)) if shared or floor is not None else STEP
        with self._lock:
            first = max(base, self._last + STEP)
            last = first + STEP * (count - 1)
            if last >= VERSION_LIMIT:
                raise InvalidTask(
                    "the version of a task is so far in the future that no newer one can be given; "
                    "complete it and save it under another id"
                )
            self._last = last
        return first

    def forget(self) -> None:
        """In a forked child: a lock that nobody holds."""
        self._lock = threading.Lock()


def failure_timestamp(version: int) -> int:
    """When, as a write timestamp, a failure report on that version happened."""
    return min(version + 1, LATEST)


def deletion_timestamp(version: int) -> int:
    """The write timestamp that deletes this version and the older ones, and no newer one.

    Versions that others wrote need be no multiples of four; theirs are deleted too.
    """
    rest = version % STEP
    return version - rest + max(rest, 2)
