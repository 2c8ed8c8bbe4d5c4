"""In a process of its own: redrive a list and print how many MiB of memory that took beyond a first, short one, or null."""

from __future__ import annotations

import json
import sys

from atleastonce import TaskStore, redrive

from .payloads import TASK_LIST, small
from .resident import forget_peak, peak_kib

WARM_UP = 5_000
"""Tasks: many pages, so that every buffer has its size."""


def main(url: str) -> None:
    """Redrive everything."""
    store = TaskStore(url)
    store.save_all(small(i, task_list="warm-up") for i in range(WARM_UP))
    redrive("warm-up", store=store)
    before = forget_peak()
    redrive(TASK_LIST, store=store)
    print(json.dumps(None if before is None else (peak_kib() - before) / 1024))


if __name__ == "__main__":
    main(sys.argv[1])
