"""A clock that a test sets by hand."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2025, 1, 1, tzinfo=UTC)
"""Where a `TestClock` stands unless told: any fixed moment, so that a test gives the same every time."""


class TestClock:
    """A `Clock` that stands still until it is moved; it may step back. Thread-safe.

    Calling it gives microseconds since 1970-01-01 UTC.
    """

    __test__ = False  # pytest collects what is named Test...

    def __init__(self, now: datetime | int = START) -> None:
        self._lock = threading.Lock()
        self._now_us = _microseconds(now)

    def __call__(self) -> int:
        with self._lock:
            return self._now_us

    @property
    def now(self) -> datetime:
        """The time that the clock shows, as an aware datetime in UTC."""
        return EPOCH + timedelta(microseconds=self())

    def advance(self, by: timedelta) -> None:
        """Move by that much; a negative timedelta steps back."""
        with self._lock:
            self._now_us += by // timedelta(microseconds=1)

    def set(self, now: datetime | int) -> None:
        """Show that time: an aware datetime, or microseconds since 1970-01-01 UTC."""
        value = _microseconds(now)
        with self._lock:
            self._now_us = value

    def __repr__(self) -> str:
        return f"TestClock({self.now.isoformat()})"


def _microseconds(now: datetime | int) -> int:
    if isinstance(now, int):
        return now
    if now.tzinfo is None:
        raise ValueError("a naive datetime names no moment; give one with a time zone")
    return (now - EPOCH) // timedelta(microseconds=1)
