"""`Load`: threads and a process that use the store while something is done to its servers."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from atleastonce import TaskStore

from .actor import Actor
from .journal import Journal

ROOT = Path(__file__).parents[4]
THREADS = 3
END_S = 120  # a call that is under way may take its time on a busy machine


class Load:
    """Under way from `with` to its end; then the journal is complete.

    Args:
        url: of the store.
        name: of the task lists, each thread's with its number.
    """

    def __init__(self, url: str, name: str) -> None:
        self.journal = Journal()
        self.lists = [f"{name}-{n}" for n in range(THREADS + 1)]
        self._url = url

    def __enter__(self) -> Self:
        self.store = TaskStore(self._url)
        self.store.count(self.lists[0])  # connects
        command = [sys.executable, "-m", "tests.backends.cassandra.faults.worker", self._url, self.lists[-1]]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self._actors = [Actor(self.store, list, chosen=n == 0) for n, list in enumerate(self.lists[:-1])]
        self._threads = [threading.Thread(target=actor.run) for actor in self._actors]
        for thread in self._threads:
            thread.start()
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def acknowledged(self) -> int:
        """How many calls of the threads were."""
        return sum(actor.journal.acks for actor in self._actors)

    def until_all_save(self, since: float, seconds: float) -> None:
        """Return once each thread's save succeeded after that moment; it must within so many seconds."""
        deadline = time.monotonic() + seconds
        while not all(actor.journal.ack_times and actor.journal.ack_times[-1] > since for actor in self._actors):
            assert time.monotonic() < deadline, f"no save {seconds} s after the fault's end"
            time.sleep(0.02)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for actor in self._actors:
            actor.stop.set()
        try:
            text, _ = self._process.communicate(timeout=END_S)
        finally:
            self._process.kill()
        for thread in self._threads:
            thread.join(END_S)
        journals = [actor.journal for actor in self._actors]
        if kind is None:
            journals.append(Journal.load(text))
        self.journal = Journal.together(journals)

    def close(self) -> None:
        """Close the store, which is open still after the end of the load."""
        self.store.close()
