"""The wall clock, as a callable, so that tests can put another in its place."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Gives microseconds since 1970-01-01 UTC."""


def system_clock() -> int:
    """Microseconds since 1970-01-01 UTC by this machine's wall clock."""
    return time.time_ns() // 1000
