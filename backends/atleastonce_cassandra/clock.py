"""The machine's clocks that `ServerClock` is made of."""

from __future__ import annotations

import time

_BOOT = getattr(time, "CLOCK_BOOTTIME", None)  # Linux; elsewhere the monotonic clock is the nearest there is


def elapsed() -> int:
    """Microseconds since boot, also those in which the machine slept."""
    if _BOOT is None:
        return time.monotonic_ns() // 1_000
    return time.clock_gettime_ns(_BOOT) // 1_000
