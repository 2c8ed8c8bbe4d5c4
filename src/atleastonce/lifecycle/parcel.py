"""What goes to a worker of an Executor, and what comes back: nothing in them can break the pool on the way."""

from __future__ import annotations

import pickle
from typing import Any

from .. import codec
from ..claiming import claiming_of
from ..exceptions import ClaimLost, StoreError
from ..execution import execute, is_failure
from ..settling import Fate, settle
from ..store import TaskStore, reopen
from ..task import Task
from .report import error_text


class Parcel:
    """One task for a worker: its class by reference, its hash, and its store.

    Between threads these are passed as they are. To another process go the class's pickle (a reference, whose module is imported
    there), the hash and the store's URL; they are opened inside the worker's own try, since a pool breaks on an argument
    that does not unpickle.
    """

    def __init__(self, task: Task, store: TaskStore) -> None:
        self._cls: type[Task] | bytes = type(task)
        self._hash = task.as_hash()
        self._store: TaskStore | tuple[Any, ...] = store

    def open(self) -> tuple[Task, TaskStore]:
        """The task and its store, in the worker. Raises what importing the class or opening the store raises."""
        cls = pickle.loads(self._cls) if isinstance(self._cls, bytes) else self._cls  # noqa: S301 - made by our own side
        store = self._store if isinstance(self._store, TaskStore) else reopen(*self._store)
        task: Task = codec.task_from_hash(self._hash, cls)
        task.__dict__["_store"] = store
        return task, store

    def __getstate__(self) -> tuple[bytes, dict[str, Any], tuple[Any, ...]]:
        cls = self._cls if isinstance(self._cls, bytes) else pickle.dumps(self._cls)
        store = self._store.address() if isinstance(self._store, TaskStore) else self._store
        return cls, self._hash, store

    def __setstate__(self, state: tuple[bytes, dict[str, Any], tuple[Any, ...]]) -> None:
        self._cls, self._hash, self._store = state


class Outcome:
    """What became of one task in a worker. An error crosses as text: an exception may not unpickle.

    Attributes:
        error: ``Type: message``; None where the task was executed and completed, or its claim was lost.
        fate: what became of it; None where it was not begun: its claim was lost, or it could not be opened here.
    """

    def __init__(self, fate: Fate | None, *, error: str | None = None, result: Any = None) -> None:
        self.fate = fate
        self.error = error
        self._result = result
        self._pickled: bytes | None = None
        self._lost: str | None = None

    def result(self) -> Any:
        """What `execute` returned. Raises what unpickling it raises, or TypeError where it could not be pickled."""
        if self._lost is not None:
            raise TypeError(f"the task is completed, but its result could not be sent back: {self._lost}")
        return self._result if self._pickled is None else pickle.loads(self._pickled)  # noqa: S301 - from our own worker

    def __getstate__(self) -> tuple[Fate | None, str | None, bytes | None, str | None]:
        try:
            return self.fate, self.error, pickle.dumps(self._result), self._lost
        except Exception as error:  # noqa: BLE001 - pickling runs the result's own code
            return self.fate, self.error, None, error_text(error)

    def __setstate__(self, state: tuple[Fate | None, str | None, bytes | None, str | None]) -> None:
        self.fate, self.error, self._pickled, self._lost = state
        self._result = None


def run_parcel(parcel: Parcel) -> Outcome:
    """In the worker: execute the task and complete it. Never raises."""
    try:
        task, store = parcel.open()
        claiming_of(store).begin(task)
    except ClaimLost:
        return Outcome(None)
    except BaseException as error:  # noqa: BLE001 - as below
        return Outcome(None, error=error_text(error))
    try:
        return _run(task, store)
    except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt too: the worker serves other tasks
        claiming_of(store).let_go(task)
        return Outcome(Fate.FAILED, error=error_text(error))


def _run(task: Task, store: TaskStore) -> Outcome:
    try:
        result = execute(task)
    except BaseException as error:
        if not is_failure(error) and not isinstance(error, SystemExit):  # here an exit ends nothing else
            raise
        fate = settle(store, task, error)
        return Outcome(fate, error=None if fate is Fate.COMPLETED else error_text(error))
    try:
        store.complete(task)
    except StoreError as error:
        claiming_of(store).let_go(task)
        return Outcome(Fate.FAILED, error=error_text(error))
    return Outcome(Fate.COMPLETED, result=result)
