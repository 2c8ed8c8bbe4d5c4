"""In a process of its own: read a list and print how many MiB of memory that took beyond the first tasks, or null."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from atleastonce import TaskStore

from .payloads import TASK_LIST

WARM_UP = 5_000
"""Tasks: several pages, so that every buffer has its size."""

_STATUS = Path("/proc/self/status")  # Linux only
_FORGET_PEAK = Path("/proc/self/clear_refs")


def main(url: str) -> None:
    """Read everything."""
    before = None
    for number, _task in enumerate(TaskStore(url).all(TASK_LIST), start=1):
        if number == WARM_UP and _STATUS.exists():
            _FORGET_PEAK.write_text("5")  # the peak, VmHWM, starts at what is resident now
            before = _kib("VmRSS")
    print(json.dumps(None if before is None else (_kib("VmHWM") - before) / 1024))


def _kib(name: str) -> int:
    [line] = [line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1])


if __name__ == "__main__":
    main(sys.argv[1])
