"""`Actor`: saves and completes, on and on, and reads its list now and then."""

from __future__ import annotations

import random
import threading
import time
from functools import partial

from atleastonce import Task, TaskStore

from .journal import Journal

BREATH_S = 0.05  # between calls: the servers share this machine's cores
OPEN = 20  # tasks that an actor leaves open
READ_EVERY = 10  # calls


class Work(Task, tag="cassandra-fault-work"):
    """What is saved."""

    number: int


class Actor:
    """Works until it is told to stop, and repeats what failed until it succeeds.

    Args:
        store: shared with others or not.
        task_list: its own, for what `all` must give to be known.
        chosen: whether it chooses its tasks' ids itself, and saves each twice.
    """

    def __init__(self, store: TaskStore, task_list: str, *, chosen: bool) -> None:
        self.journal = Journal()
        self.stop = threading.Event()
        self._store, self._list, self._chosen = store, task_list, chosen
        self._open: list[Work] = []

    def run(self) -> None:
        """In a thread of its own."""
        number = 0
        while not self.stop.is_set():
            number += 1
            self._save(number)
            while len(self._open) > OPEN:
                self._complete(self._open.pop(random.randrange(len(self._open))))
            if number % READ_EVERY == 0:
                self.journal.attempt("all", self._read)
            time.sleep(BREATH_S)

    def _save(self, number: int) -> None:
        own = {"id": f"mine-{number}"} if self._chosen else {}
        task = Work(task_list=self._list, number=number, **own)
        for _ in range(1 + self._chosen):
            if not self._until_acknowledged("save", task):
                return
        self.journal.saved.add(self._name(task))
        self._open.append(task)

    def _complete(self, task: Work) -> None:
        self.journal.completing.add(self._name(task))
        if self._until_acknowledged("complete", task):
            self.journal.completed.add(self._name(task))

    def _until_acknowledged(self, verb: str, task: Work) -> bool:
        call = partial(getattr(self._store, verb), task)
        failed = 0
        while not self.journal.attempt(verb, call):
            failed += 1
            if self.stop.wait(0.05):
                return False
        self.journal.repeated += verb == "save" and failed > 0
        return True

    def _read(self) -> None:
        there = {task.id for task in self._store.all(self._list)}
        self.journal.missed.update(self._name(task) for task in self._open if task.id not in there)

    def _name(self, task: Work) -> str:
        return f"{self._list} {task.id}"
