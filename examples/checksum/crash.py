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

GIVE_UP_S = 30.0  # a worker comes to its next task within seconds, however busy the machine is
STOPPING_S = 0.01  # a signal takes effect a little after it was sent


class Crash:
    """Kills a worker that holds a task, after a number of results that is drawn at random.

    Each worker notes the ids of the tasks that it begins, in a file named by its process id. It holds the last one
    noted for as long as that is pending or has no result. To know that at the moment of the kill, all workers are stopped
    (SIGSTOP) and looked at; then one that holds a task is killed, or, where none does, all go on for a moment. Windows cannot
    stop a process: there it may finish its task between the look and the kill. The story tells what was found after the kill.
    """

    def __init__(self, begun: Path, store: TaskStore, results: Results, chance: random.Random, files: int) -> None:
        self.after = chance.randint(1, max(1, files // 2))  # workers may be far ahead of what was seen of them
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
        time.sleep(self._chance.uniform(0, 0.01))  # anywhere in a task, not only where a result comes in
        deadline = time.monotonic() + GIVE_UP_S
        while not self.story and self._store.count(TASK_LIST) and time.monotonic() < deadline:
            self._try_to_kill()
            time.sleep(self._chance.uniform(0, 0.005))  # about a task: they must not run out meanwhile

    def _try_to_kill(self) -> None:
        notes = list(self._begun.iterdir())
        try:
            if sys.platform != "win32":
                for note in notes:
                    os.kill(int(note.name), signal.SIGSTOP)
                time.sleep(STOPPING_S)
            holding = [(note, task_id) for note in notes if (task_id := self._held(note)) is not None]
            if holding:
                note, task_id = self._chance.choice(holding)
                notes.remove(note)
                os.kill(int(note.name), signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
                time.sleep(STOPPING_S)
                sure = "while it held" if self._held(note) == task_id else "but it had just finished"
                self.story = f"killed worker {note.name} {sure} task {task_id}"
        finally:
            if sys.platform != "win32":
                for note in notes:
                    os.kill(int(note.name), signal.SIGCONT)  # after Ctrl-C too: nobody can wait for a stopped worker

    def _held(self, note: Path) -> str | None:
        noted = note.read_text().split()
        if not noted or (self._results.has(noted[-1]) and self._store.find(TASK_LIST, noted[-1]) is None):
            return None
        return noted[-1]
