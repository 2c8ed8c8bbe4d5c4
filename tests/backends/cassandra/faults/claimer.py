"""`Claimer`: claims, begins, renews, completes and fails, on and on, and notes when it surely held what."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import attrs

from atleastonce import ClaimLost, Task, TaskStore

from .journal import Journal

LEASE_S = 5.0
LEASE = timedelta(seconds=LEASE_S)
PAGE = 4
BREATH_S = 0.02  # between rounds: the servers share this machine's cores
ABANDONED, RELEASED = 0.03, 0.06  # of what is claimed
DOOMED = 0.2  # of what is saved


class Job(Task, tag="cassandra-fault-job"):
    """Succeeds, as often as it is tried."""


class Doomed(Job, tag="cassandra-fault-doomed", max_attempts=3):
    """Fails each time."""


@attrs.define
class Tenure:
    """When a claim surely was somebody's, by the monotonic clock, seconds.

    Attributes:
        id: of the task.
        asked: when the claim was asked for.
        begin: when it was there.
        end: when it may have ended: a lease after its last renewal was asked for, or when it was given back.
    """

    id: str
    asked: float
    begin: float
    end: float


class Claimer:
    """Works until it is told to stop. What fails it lets be: the lease ends by itself.

    Args:
        store: shared with others or not.
        task_list: shared with all.
    """

    def __init__(self, store: TaskStore, task_list: str) -> None:
        self.journal = Journal()
        self.tenures: list[Tenure] = []
        self.completed: dict[str, float] = {}  # when that was acknowledged
        self.doomed: set[str] = set()
        self.unsure: set[str] = set()  # whose save was not acknowledged
        self.executed: Counter[str] = Counter()
        self.lost_claims = 0
        self.worked = 0.0  # when something was completed last
        self.stop = threading.Event()
        self.saves = True
        self._store, self._list = store, task_list

    def run(self) -> None:
        """In a thread of its own."""
        while not self.stop.is_set():
            if self.saves:
                for _ in range(PAGE - 1):
                    self._save()
            for task, tenure in self._claim():
                self._work(task, tenure)
            time.sleep(BREATH_S)

    def _save(self) -> None:
        task = (Doomed if random.random() < DOOMED else Job)(task_list=self._list)
        if isinstance(task, Doomed):
            self.doomed.add(task.id)
        if self.journal.attempt("save", lambda: self._store.save(task)):
            self.journal.saved.add(task.id)
        else:
            self.unsure.add(task.id)

    def _claim(self) -> list[tuple[Task, Tenure]]:
        claimed: list[Task] = []
        asked = time.monotonic()
        self.journal.attempt("claim", lambda: claimed.extend(self._store.claim(self._list, lease=LEASE, limit=PAGE)))
        begin = time.monotonic()
        held = [(task, Tenure(task.id, asked, begin, asked + LEASE_S)) for task in claimed]
        self.tenures += [tenure for _, tenure in held]
        return held

    def _work(self, task: Task, tenure: Tenure) -> None:
        chance = random.random()
        if chance < ABANDONED / 2:
            return
        if chance > 1 - RELEASED:
            self._give_back("release", tenure, lambda: self._store.release(task))
            return
        if not self._keep("start", tenure, lambda: self._store.start(task)):
            return
        self.executed[task.id] += 1
        if chance < ABANDONED or not self._keep("heartbeat", tenure, lambda: self._store.heartbeat(task)):
            return
        if isinstance(task, Doomed):
            self._give_back("fail", tenure, lambda: self._store.fail(task, "E"))
            return
        self.journal.completing.add(task.id)
        if self._give_back("complete", tenure, lambda: self._store.complete(task)):
            self.journal.completed.add(task.id)
            self.completed[task.id] = self.worked = time.monotonic()

    def _keep(self, verb: str, tenure: Tenure, call: Callable[[], None]) -> bool:
        asked = time.monotonic()
        if not self._attempt(verb, call):
            return False
        tenure.end = asked + LEASE_S
        return True

    def _give_back(self, verb: str, tenure: Tenure, call: Callable[[], None]) -> bool:
        tenure.end = min(tenure.end, time.monotonic())
        return self._attempt(verb, call)

    def _attempt(self, verb: str, call: Callable[[], None]) -> bool:
        """Whether it succeeded. That a claim is lost is an answer, no failure."""
        lost: list[ClaimLost] = []

        def ask() -> None:
            try:
                call()
            except ClaimLost as error:
                lost.append(error)

        succeeded = self.journal.attempt(verb, ask)
        self.lost_claims += len(lost)
        return succeeded and not lost
