"""The three ways to hand a task over: execute it here, give it to an Executor, give its hash to a callable."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any, Protocol

from ..exceptions import ConfigurationError
from ..execution import execute
from ..store import TaskStore
from ..task import Task
from ..unreadable import UnreadableTask
from .parcel import Outcome, Parcel, run_parcel
from .report import Tally, error_text

OnResult = Callable[[Task, Any], object]
"""Called with a task and what its `execute` returned, in the caller's thread."""
To = Executor | Callable[[dict[str, Any]], object]

MAX_IN_FLIGHT = 1_000
"""Tasks that an Executor has and has not finished; bounds memory, and what Ctrl-C has to take back."""

MAX_REFUSALS = 10
"""So many refusals in a row mean that the broker is down, not that it dislikes one task."""

STOP_POLL_S = 0.2
"""How long a wait for results goes on before `stop` is looked at again."""


class Broken(Exception):
    """The pool or broker takes no more; the cause is what it raised."""


class Handover(Protocol):
    """One way to hand tasks over; counts in the run's `Tally`."""

    def hand(self, task: Task) -> None:
        """Hand one saved task over. Raises `Broken`."""
        ...

    def finish(self) -> None:
        """Wait for what was handed over. Raises `Broken`."""
        ...

    def abandon(self) -> None:
        """Take back what was not begun and wait for the rest, without calling anything of the user's."""
        ...


def make_handover(
    to: To | None, store: TaskStore, tally: Tally, on_result: OnResult | None, stop: Event | None = None
) -> Handover:
    """The way that fits `to`.

    Raises `ConfigurationError` for anything that is neither an Executor nor callable, and for a store that only this process
    has together with a pool of processes.
    """
    if to is None:
        return _Here(store, tally, on_result)
    if isinstance(to, Executor):
        processes = sys.modules.get("concurrent.futures.process")  # not imported: then it is no such pool
        if processes is not None and isinstance(to, processes.ProcessPoolExecutor) and store.capabilities.url is None:
            raise ConfigurationError(
                f"the {store.capabilities.name} store is private to this process, so worker processes cannot complete tasks in "
                "it; use a store with a URL, such as sqlite:///tasks.db, or a ThreadPoolExecutor"
            )
        return _ToExecutor(to, store, tally, on_result, stop)
    if callable(to):
        return _ToCallable(to, tally)
    raise ConfigurationError(f"`to` must be an Executor or a callable that takes a hash, not {type(to).__name__}")


def hand(task: Task, handover: Handover, tally: Tally) -> None:
    """Hand one task over; one that cannot be read here fails, and stays as it is. Raises `Broken`."""
    if isinstance(task, UnreadableTask):
        tally.fail(task.task_list, task.id, error_text(task.reason))
    else:
        handover.hand(task)


class _Here:
    """Executes each task in the caller's thread."""

    def __init__(self, store: TaskStore, tally: Tally, on_result: OnResult | None) -> None:
        self._store = store
        self._tally = tally
        self._on_result = on_result

    def hand(self, task: Task) -> None:
        try:
            result = execute(task)
            self._store.complete(task)
        except Exception as error:  # noqa: BLE001 - a task may raise anything; it stays pending and stops no other
            self._tally.fail(task.task_list, task.id, error_text(error))
            return
        self._tally.completed += 1
        if self._on_result is not None:
            self._on_result(task, result)

    def finish(self) -> None:
        pass

    def abandon(self) -> None:
        pass


class _ToCallable:
    """Gives each task's hash to a callable, such as a broker's send."""

    def __init__(self, to: Callable[[dict[str, Any]], object], tally: Tally) -> None:
        self._to = to
        self._tally = tally
        self._refusals = 0

    def hand(self, task: Task) -> None:
        task_hash = task.as_hash()
        try:
            self._to(task_hash)
        except Exception as error:
            self._tally.fail(task.task_list, task.id, error_text(error))
            self._refusals += 1
            if self._refusals >= MAX_REFUSALS:
                raise Broken(f"it refused {MAX_REFUSALS} tasks in a row") from error
            return
        self._refusals = 0
        self._tally.handed += 1

    def finish(self) -> None:
        pass

    def abandon(self) -> None:
        pass


class _ToExecutor:
    """Submits each task to an Executor, a bounded number at a time."""

    def __init__(
        self, executor: Executor, store: TaskStore, tally: Tally, on_result: OnResult | None, stop: Event | None
    ) -> None:
        self._executor = executor
        self._store = store
        self._tally = tally
        self._on_result = on_result
        self._stop = stop
        self._in_flight: dict[Future[Outcome], Task] = {}
        self._done: SimpleQueue[Future[Outcome]] = SimpleQueue()
        self._refusals = 0
        self._broken: BaseException | None = None

    def hand(self, task: Task) -> None:
        while len(self._in_flight) >= MAX_IN_FLIGHT or not self._done.empty():
            self._settle(self._next_done())
        self._raise_if_broken()
        parcel = Parcel(task, self._store)
        try:
            future = self._executor.submit(run_parcel, parcel)
        except BrokenExecutor as error:
            self._tally.fail(task.task_list, task.id, error_text(error))
            raise Broken("the executor broke") from error
        except Exception as error:
            self._tally.fail(task.task_list, task.id, error_text(error))
            self._refusals += 1
            if self._refusals >= MAX_REFUSALS:
                raise Broken(f"the executor refused {MAX_REFUSALS} tasks in a row") from error
            return
        self._refusals = 0
        self._tally.handed += 1
        self._in_flight[future] = task
        future.add_done_callback(self._done.put)

    def finish(self) -> None:
        while self._in_flight:
            self._settle(self._next_done())
        self._raise_if_broken()

    def abandon(self) -> None:
        self._on_result = None
        self._cancel()
        # Not by `_done`: Ctrl-C may have come between taking a future from it and settling that.
        for future in list(self._in_flight):
            self._settle(future)

    def _cancel(self) -> None:
        for future in list(self._in_flight):
            future.cancel()

    def _next_done(self) -> Future[Outcome]:
        while True:
            if self._stop is not None and self._stop.is_set():
                self._cancel()
            try:
                return self._done.get(timeout=STOP_POLL_S)
            except Empty:
                continue

    def _settle(self, future: Future[Outcome]) -> None:
        if future.cancelled():
            del self._in_flight[future]
            return
        error = future.exception()  # waits, where it is not done yet
        task = self._in_flight.pop(future)
        if isinstance(error, BrokenExecutor):  # no fault of this task, as far as anybody knows
            self._broken = error
        elif error is not None:
            self._tally.fail(task.task_list, task.id, error_text(error))
        else:
            self._take(task, future.result())

    def _take(self, task: Task, outcome: Outcome) -> None:
        if outcome.error is not None:
            self._tally.fail(task.task_list, task.id, outcome.error)
            return
        self._tally.completed += 1
        try:
            result = outcome.result()
        except Exception as error:  # noqa: BLE001 - unpickling runs the result's own code
            self._tally.note(task.task_list, task.id, error_text(error))
            return
        if self._on_result is not None:
            self._on_result(task, result)

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            raise Broken("the executor broke") from self._broken
