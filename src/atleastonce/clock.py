"""The wall clock, as a callable, so that tests can put another in its place."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Gives microseconds since 1970-01-01 UTC."""


_BOOT = getattr(time, "CLOCK_BOOTTIME", None)  # Linux; elsewhere the monotonic clock is the nearest there is


def boot_clock() -> int:
    """Microseconds since this machine started, those included in which it slept; the same for all its processes, and set by nobody."""
    if _BOOT is None:
        return time.monotonic_ns() // 1_000
    return time.clock_gettime_ns(_BOOT) // 1_000


def system_clock() -> int:
    """Microseconds since 1970-01-01 UTC by this machine's wall clock."""
    return time.time_ns() // 1000
