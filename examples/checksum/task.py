"""What the workers of the quickstart do: the checksum of one file, put where it may safely be put twice."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import time
from pathlib import Path
from typing import NamedTuple

from atleastonce import Task

TASK_LIST = "checksum-files"


class Outcome(NamedTuple):
    """What became of one file: its SHA-256, or why there is none."""

    digest: str | None
    problem: str | None
    changed_ns: int | None  # its modification time when it was opened, in nanoseconds since 1970


def checksum(file: Path) -> Outcome:
    """Read one file. A file that cannot be read is an outcome too: to try it again would not help."""
    changed_ns = None
    try:
        with file.open("rb") as opened:
            changed_ns = os.fstat(opened.fileno()).st_mtime_ns
            return Outcome(hashlib.file_digest(opened, "sha256").hexdigest(), None, changed_ns)
    except OSError as error:
        return Outcome(None, type(error).__name__, changed_ns)


class Results:
    """One row a file in an SQLite file of the application's own; putting it again replaces it."""

    def __init__(self, database: Path) -> None:
        self._db = sqlite3.connect(database, timeout=30, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")  # on the disk before its task is completed
        self._db.execute("CREATE TABLE IF NOT EXISTS results (path PRIMARY KEY, task_id, digest, problem, changed_ns)")

    def put(self, path: bytes, task_id: str, outcome: Outcome) -> None:
        self._db.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?)", (path, task_id, *outcome))

    def has(self, task_id: str) -> bool:
        return self._db.execute("SELECT 1 FROM results WHERE task_id = ?", (task_id,)).fetchone() is not None

    def all(self) -> dict[Path, Outcome]:
        rows = self._db.execute("SELECT path, digest, problem, changed_ns FROM results")
        return {Path(os.fsdecode(path)): Outcome(*rest) for path, *rest in rows}

    def close(self) -> None:
        self._db.close()


class Worker:
    """What one worker process has open: the results, and a file of its own for the ids of the tasks that it begins."""

    def __init__(self, results: Path, begun: Path) -> None:
        self.results = Results(results)
        self._begun = os.open(begun / str(os.getpid()), os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def begin(self, task_id: str) -> None:
        os.write(self._begun, f"{task_id}\n".encode())


worker: Worker


def set_up_worker(results: Path, begun: Path) -> None:
    """What a pool runs first in each worker process."""
    global worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process; the parent decides what it means
    worker = Worker(results, begun)


def wait_for_workers(begun: Path, number: int) -> None:
    """Busy until so many workers are set up."""
    while len(list(begun.iterdir())) < number:
        time.sleep(0.01)


class ChecksumFile(Task):
    task_list: str = TASK_LIST
    path: bytes  # no str: the name of a file need not be text

    @property
    def file(self) -> Path:
        return Path(os.fsdecode(self.path))

    def execute(self) -> None:
        worker.begin(self.id)
        worker.results.put(self.path, self.id, checksum(self.file))


class CompleteFirst(ChecksumFile):
    """How not to do it: whoever completes a task before it is done loses it in a crash."""

    def execute(self) -> None:
        self.complete()
        super().execute()
