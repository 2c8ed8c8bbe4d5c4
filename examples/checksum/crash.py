"""The crash: one worker process, killed while it holds a task."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from atleastonce import TaskStore

from .task import TASK_LIST, Results

GIVE_UP_S = 5.0  # so long without a worker that holds a task: there is none any more
STOPPING_S = 0.01  # a signal takes effect a little after it was sent


class Crash:
    """Kills a worker that holds a task, after a number of results that is drawn at random.

    Each worker notes the ids of the tasks that it begins, in a file named by its process id. It holds the last one
    noted for as long as that is pending or has no result. To know that at the moment of the kill, the worker is stopped
    (SIGSTOP), looked at, then killed, or else let go on and another tried. Windows cannot stop a process: there it may
    finish its task between the look and the kill. The story tells what was found after the kill.
    """

    def __init__(self, begun: Path, store: TaskStore, results: Results, chance: random.Random, files: int) -> None:
        self.after = chance.randint(1, max(1, files * 3 // 4))
        self.story = ""
        self._begun = begun
        self._store = store
        self._results = results
        self._chance = chance
        self._seen = 0

    def result_came(self) -> None:
        """Count a result; kill, if it is time."""
        self._seen += 1
        if self._seen != self.after:
            return
        deadline = time.monotonic() + GIVE_UP_S
        while not self.story and time.monotonic() < deadline:
            time.sleep(self._chance.uniform(0, 0.01))  # anywhere in a task, not only where a result comes in
            self._try_to_kill(self._chance.choice(list(self._begun.iterdir())))

    def _try_to_kill(self, note: Path) -> None:
        pid = int(note.name)
        task_id = None
        try:
            if sys.platform != "win32":
                os.kill(pid, signal.SIGSTOP)
                time.sleep(STOPPING_S)
            task_id = self._held(note)
        finally:
            if task_id is None and sys.platform != "win32":
                os.kill(pid, signal.SIGCONT)  # after Ctrl-C too: nobody can wait for a stopped worker
        if task_id is None:
            return
        os.kill(pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        time.sleep(STOPPING_S)
        sure = "while it held" if self._held(note) == task_id else "but it had just finished"
        self.story = f"killed worker {pid} {sure} task {task_id}"

    def _held(self, note: Path) -> str | None:
        noted = note.read_text().split()
        if not noted or (self._results.has(noted[-1]) and self._store.find(TASK_LIST, noted[-1]) is None):
            return None
        return noted[-1]
