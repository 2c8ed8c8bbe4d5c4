"""The three ways to hand a task over: execute it here, give it to an Executor, give its hash to a callable."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Protocol

from ..exceptions import ConfigurationError
from ..task import Task
from ..unreadable import UnreadableTask
from .in_this_thread import InThisThread
from .report import Tally, error_text
from .run import Run
from .to_callable import ToCallable
from .to_executor import ToExecutor

To = Executor | Callable[[dict[str, Any]], object]


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


def make_handover(to: To | None, run: Run) -> Handover:
    """The way that fits `to`.

    Raises `ConfigurationError` for anything that is neither an Executor nor a plain callable, and for a store that only this process
    has together with a pool of processes.
    """
    if to is None:
        return InThisThread(run)
    if isinstance(to, Executor):
        capabilities = run.store.capabilities
        if is_process_pool(to) and capabilities.url is None:
            raise ConfigurationError(
                f"the {capabilities.name} store is private to this process, so worker processes cannot complete tasks in "
                "it; use a store with a URL, such as sqlite:///tasks.db, or a ThreadPoolExecutor"
            )
        return ToExecutor(to, run)
    if callable(to):
        if inspect.iscoroutinefunction(to) or inspect.iscoroutinefunction(type(to).__call__):
            raise ConfigurationError(
                "`to` must be a plain function: nobody would await an async one, so it would send nothing"
            )
        return ToCallable(to, run)
    raise ConfigurationError(f"`to` must be an Executor or a callable that takes a hash, not {type(to).__name__}")


def is_process_pool(executor: Executor) -> bool:
    """Whether its workers are processes of the standard library's pool."""
    processes = sys.modules.get("concurrent.futures.process")  # not imported: then it is no such pool
    return processes is not None and isinstance(executor, processes.ProcessPoolExecutor)


def hand(task: Task, handover: Handover, tally: Tally) -> None:
    """Hand one task over; one that cannot be read here fails, and stays as it is. Raises `Broken`."""
    if isinstance(task, UnreadableTask):
        tally.fail(task.task_list, task.id, error_text(task.reason))
    else:
        handover.hand(task)
