"""Versions (saved_at): microseconds that only ever grow."""

from __future__ import annotations

from .clock import Clock
from .exceptions import InvalidTask

VERSION_LIMIT = 2**53
"""The first integer that is no version: above it a float, as other JSON readers use, is no longer exact."""


class VersionSource:
    """Gives versions that grow, whatever the clock does. Not thread-safe: call it under the backend's lock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self, floor: int | None = None) -> int:
        """A version, in microseconds: now, or just above `floor` and everything given before.

        Raises `InvalidTask` when that would reach 2**53.
        """
        version = max(self._clock(), self._last + 1)
        if floor is not None and version <= floor:
            version = floor + 1
        if version >= VERSION_LIMIT:
            raise InvalidTask(
                "the stored version of this task is so far in the future that no newer one can be given; "
                "complete it and save it under another id"
            )
        self._last = version
        return version
