"""Takes the place of the recipes' photos.py: notes what is executed, and one task waits, the first time, to be killed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from atleastonce import Task

HELD = "30"
"""The photo whose task waits."""

KILLED_AFTER_S = 240
"""So long it waits."""


class Shrink(Task):
    task_list: str = "photos"
    path: str

    def execute(self):
        photo = Path(self.path)
        traces = photo.parents[1] / "traces"
        if photo.stem == HELD and not (traces / "held").exists():
            (traces / "held.new").write_text(str(os.getpid()))
            (traces / "held.new").rename(traces / "held")
            time.sleep(KILLED_AFTER_S)
            raise TimeoutError("nobody killed the worker")
        time.sleep(0.01)
        with (traces / f"{photo.stem}.executed").open("a") as trace:
            trace.write(f"{os.getpid()}\n")


def photos() -> Iterator[Shrink]:
    for path in sorted(Path("photos").absolute().glob("*.jpg")):
        yield Shrink(path=str(path))
