"""A redriver that may be killed at any moment, and tasks that write down when they ran: ``python -m ... URL FOLDER``."""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

from atleastonce import Task, TaskStore, redrive
from atleastonce.clock import boot_clock

LEASE = timedelta(seconds=3)
"""Long enough that a busy machine does not let one run out, while its worker lives."""


class Noted(Task, tag="tests.lifecycle.noted"):
    """Writes down when it begins and ends."""

    task_list: str = "l"
    folder: str

    def note(self, what):
        line = f"{what} {self.id} {boot_clock()}\n".encode()  # the same clock in all processes
        file = os.open(Path(self.folder) / "journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, line)  # in one piece, or not at all
        os.close(file)

    def execute(self):
        self.note("begin")
        time.sleep(0.005)
        self.work()
        self.note("end")

    def work(self):
        pass


class Fails(Noted, tag="tests.lifecycle.noted_fails", max_attempts=3):
    def work(self):
        self.note("end")
        raise ValueError("each time")


class Poison(Noted, tag="tests.lifecycle.noted_poison", max_attempts=3):
    def work(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Held(Noted, tag="tests.lifecycle.noted_held"):
    """Goes on once there is a file named go, and fails."""

    def work(self):
        deadline = time.monotonic() + 60
        while not (Path(self.folder) / "go").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        raise ValueError("too late")


def main(url, folder, lease):
    store = TaskStore(url)
    while not (Path(folder) / "stop").exists():
        if not redrive("l", store=store, lease=timedelta(seconds=float(lease))).completed:
            time.sleep(0.05)


if __name__ == "__main__":
    main(*sys.argv[1:])
