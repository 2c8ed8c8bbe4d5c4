"""Submitting each task to an Executor, a bounded number at a time."""

from __future__ import annotations

import logging
import math
import threading
import time
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from queue import Empty, SimpleQueue

from ..claiming import held
from ..claims import WORKER_LOST
from ..exceptions import StoreError
from ..settling import Fate
from ..task import Task
from .parcel import Outcome, Parcel, run_parcel
from .report import error_text
from .run import MAX_REFUSALS, Broken, Run

MAX_IN_FLIGHT = 1_000
"""Tasks that an Executor has and has not finished; bounds memory, and what Ctrl-C has to take back."""

CLAIMED_PER_WORKER = 8
"""In flight where they are claimed, of a pool that says how many workers it has: enough that none waits for us, and few enough
that the rest of a list is left to others."""

MIN_CLAIMED_IN_FLIGHT = 100
"""A page of claims."""

POLL_S = 0.1
"""How long a wait for results goes on before `stop` and `progress` are looked at again."""

log: logging.Logger = logging.getLogger("atleastonce")


class ToExecutor:
    """Hands over to an Executor. Its workers begin, complete and fail; this side keeps the claims alive and counts."""

    def __init__(self, executor: Executor, run: Run) -> None:
        self._executor = executor
        self._run = run
        self._on_result = run.on_result
        self._max_in_flight = _max_in_flight(executor, claimed=run.heartbeats is not None)
        self._in_flight: dict[Future[Outcome], Task] = {}
        self._done: SimpleQueue[Future[Outcome]] = SimpleQueue()
        self._refusals = 0
        self._taken_back = False
        self._broken: BaseException | None = None
        self._orphans: list[Task] = []  # whose future says no more than that their worker, or its pool, is gone
        self._deadline: float | None = None  # set by a stop: until when what runs is waited for

    def hand(self, task: Task) -> None:
        """See `Handover.hand`."""
        run, tally = self._run, self._run.tally
        while len(self._in_flight) >= self._max_in_flight or not self._done.empty():
            if not self._settle_next():
                return
        self._raise_if_broken()
        parcel = Parcel(task, run.store)
        try:
            future = self._executor.submit(run_parcel, parcel)
        except BrokenExecutor as error:
            tally.fail(task.task_list, task.id, error_text(error))
            raise Broken("the executor broke") from error
        except Exception as error:
            tally.fail(task.task_list, task.id, error_text(error))
            run.let_go(task)
            self._refusals += 1
            if self._refusals >= MAX_REFUSALS:
                raise Broken(f"the executor refused {MAX_REFUSALS} tasks in a row") from error
            return
        self._refusals = 0
        tally.handed += 1
        self._in_flight[future] = task
        future.add_done_callback(self._done.put)
        run.begin()

    def finish(self) -> None:
        """See `Handover.finish`. After a stop no longer than the grace: what runs then stays claimed."""
        while self._in_flight and self._settle_next():
            pass
        self._give_back_orphans()
        self._raise_if_broken()

    def abandon(self) -> None:
        """See `Handover.abandon`."""
        self._on_result = None
        self._take_back()
        # Not by `_done`: Ctrl-C may have come between taking a future from it and settling that.
        for future in list(self._in_flight):
            self._settle(future)
        self._give_back_orphans()

    def _take_back(self) -> None:
        """Cancel what can be, and release what is with a worker but not begun: it will find its claim lost."""
        self._taken_back = True
        for future in list(self._in_flight):
            future.cancel()
        if self._run.heartbeats is not None:
            waiting = [held(task) for future, task in list(self._in_flight.items()) if not future.done()]
            self._run.claiming.release_unstarted(waiting)

    def _settle_next(self) -> bool:
        """Settle a future that is done, waiting for one; False once a stop's grace is over."""
        while True:
            if self._deadline is None and self._run.stopped():
                claimed = self._run.heartbeats is not None  # else whoever comes next would begin what runs here
                self._deadline = time.monotonic() + (self._run.grace.total_seconds() if claimed else math.inf)
                self._take_back()
            try:
                future = self._done.get(timeout=POLL_S)
            except Empty:
                self._run.tally.tell()
                if self._deadline is not None and time.monotonic() >= self._deadline:
                    return False
                continue
            self._settle(future)
            self._run.tally.tell()
            return True

    def _settle(self, future: Future[Outcome]) -> None:
        if future.cancelled():
            self._run.let_go(self._in_flight[future])
            del self._in_flight[future]
            if not self._taken_back:  # not by us: it was shut down by another thread, or (Dask) lost its scheduler
                self._broken = CancelledError("the executor cancelled tasks that it had accepted")
            return
        error = future.exception()  # waits, where it is not done yet
        task = self._in_flight.pop(future)
        if isinstance(error, BrokenExecutor):  # no fault of this task, as far as anybody knows
            self._broken = error
            self._orphans.append(task)
        elif error is not None:
            self._run.tally.fail(task.task_list, task.id, error_text(error))
            self._orphans.append(task)
            if self._broken is None:  # nothing to wait for; a list of such tasks would pile up here
                self._give_back_orphans()
        else:
            self._take(task, future.result())

    def _take(self, task: Task, outcome: Outcome) -> None:
        run, tally = self._run, self._run.tally
        if outcome.fate is not Fate.COMPLETED:
            if outcome.fate is not None:
                tally.settled(task.task_list, task.id, outcome.fate, outcome.error or "")
                run.drop(task)
            elif outcome.error is not None:  # the worker could not open it
                tally.fail(task.task_list, task.id, outcome.error)
                run.let_go(task)
            elif self._taken_back:  # by us, as far as we know: it is left
                run.drop(task)
            else:
                run.lost(task)
            return
        run.drop(task)
        tally.completed += 1
        try:
            result = outcome.result()
        except Exception as error:  # noqa: BLE001 - unpickling runs the result's own code
            tally.note(task.task_list, task.id, error_text(error))
            return
        if self._on_result is not None:
            self._on_result(task, result)

    def _give_back_orphans(self) -> None:
        """Once the workers are gone: what they had not begun is released, what they had costs an attempt."""
        orphans, self._orphans = self._orphans, []
        if not orphans or self._run.heartbeats is None:
            return
        for task in orphans:
            self._run.drop(task)
        if self._broken is not None and not _workers_are_gone(self._executor, self._run.grace.total_seconds()):
            return  # they stay claimed until their leases end
        try:
            failed = self._run.claiming.give_back(orphans, WORKER_LOST)
        except StoreError as error:
            log.warning("%d claims could not be given back: %s", len(orphans), type(error).__name__)
            return
        for task, dead in failed:
            if self._broken is not None:
                self._run.tally.fail(task.task_list, task.id, WORKER_LOST, dead=dead)
            else:  # counted when its future said so
                self._run.tally.dead += dead

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            raise Broken("the executor broke") from self._broken


def _max_in_flight(executor: Executor, *, claimed: bool) -> int:
    workers = getattr(executor, "_max_workers", None)  # of both pools of the standard library
    if not claimed or type(workers) is not int:
        return MAX_IN_FLIGHT
    return min(MAX_IN_FLIGHT, max(MIN_CLAIMED_IN_FLIGHT, CLAIMED_PER_WORKER * workers))


def _workers_are_gone(executor: Executor, wait_s: float) -> bool:
    """Wait until a broken pool's workers have ended; they are told to when it breaks. Whether they have."""
    ending = threading.Thread(target=executor.shutdown, daemon=True, name="atleastonce-broken-pool")
    ending.start()
    ending.join(min(wait_s, threading.TIMEOUT_MAX))
    return not ending.is_alive()
