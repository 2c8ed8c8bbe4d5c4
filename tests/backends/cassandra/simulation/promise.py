"""When a process must have its clock measured, as the design says: what a rule would have noticed excuses nobody who lacks it."""

from __future__ import annotations

from collections.abc import Callable

from .scenario import SECOND

MAX_AGE_US = 60 * SECOND
MAX_PAUSE_US = 1 * SECOND
MAX_ROUND_TRIP_US = 10 * SECOND


class Promise:
    """Of one process. It learns what the process's own clock learns, and no mutant changes it.

    Args:
        elapsed: the machine's clock since boot.
        wall: its wall clock.
    """

    def __init__(self, elapsed: Callable[[], int], wall: Callable[[], int]) -> None:
        self._elapsed = elapsed
        self._wall = wall
        self._is_due = True
        self._when = self._gap = 0
        self._stopped_us = 0

    def stopped(self, duration: int) -> None:
        """The machine's clocks stood still for so long, or one of them did."""
        self._stopped_us += duration

    def asked(self, duration: int) -> None:
        """A request took so long."""
        if duration > MAX_PAUSE_US:
            self._is_due = True

    def measured(self, began: int, stopped_us: int) -> None:
        """A measurement that began then has ended; meanwhile the clocks stood still for so long."""
        now = self._elapsed()
        if self._when > began:
            return
        self._is_due = now - began > MAX_ROUND_TRIP_US
        if not self._is_due:
            self._when, self._gap, self._stopped_us = now, self._wall() - now, stopped_us

    def unnoticed_us(self) -> int:
        """For how long, since the last measurement, the clocks stood still, where nothing tells the process to measure anew."""
        now = self._elapsed()
        if self._is_due or now - self._when > MAX_AGE_US or abs(self._wall() - now - self._gap) > MAX_PAUSE_US:
            return 0
        return self._stopped_us
