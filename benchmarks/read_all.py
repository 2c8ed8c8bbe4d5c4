"""In a process of its own: read a list and print how many MiB of memory that took beyond the first tasks, or null."""

from __future__ import annotations

import json
import sys

from atleastonce import TaskStore

from .payloads import TASK_LIST
from .resident import forget_peak, peak_kib

WARM_UP = 5_000
"""Tasks: several pages, so that every buffer has its size."""


def main(url: str) -> None:
    """Read everything."""
    before = None
    for number, _task in enumerate(TaskStore(url).all(TASK_LIST), start=1):
        if number == WARM_UP:
            before = forget_peak()
    print(json.dumps(None if before is None else (peak_kib() - before) / 1024))


if __name__ == "__main__":
    main(sys.argv[1])
