"""Waiting for what other processes do."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable

DEADLINE_S = 240
"""Long, for a machine that does much else: an engine alone takes seconds to start."""


def wait_for(condition: Callable[[], bool], what: str, alive: Iterable[subprocess.Popen[bytes]] = ()) -> None:
    """Poll until the condition holds; fails at the deadline, or when one of the processes ended before."""
    deadline = time.monotonic() + DEADLINE_S
    processes = list(alive)
    while not condition():
        ended = [process for process in processes if process.poll() is not None]
        assert not ended, f"before {what}, this ended: {ended[0].args}"
        assert time.monotonic() < deadline, f"not within {DEADLINE_S} s: {what}"
        time.sleep(0.02)
