"""What becomes of a task whose `execute` raised: done after all, put off, failed or dead."""

from __future__ import annotations

import logging
from enum import Enum, auto
from typing import TYPE_CHECKING

from .claiming import claiming_of
from .exceptions import ClaimLost, StoreError
from .execution import NOT_BEGUN
from .verdicts import Discard, Snooze

if TYPE_CHECKING:
    from .store import TaskStore
    from .task import Task

log: logging.Logger = logging.getLogger("atleastonce")


class Fate(Enum):
    """What became of a task."""

    COMPLETED = auto()
    SNOOZED = auto()
    FAILED = auto()
    DEAD = auto()


def settle(store: TaskStore, task: Task, error: BaseException) -> Fate:
    """Do what follows from what `execute` raised.

    A failure that cannot be written down is logged, and noted on the error; it counts as failed.
    Raises `StoreError` where a `Discard` cannot be completed.
    """
    if isinstance(error, Discard):
        store.complete(task)
        log.info("%r was discarded by its execute", task)
        return Fate.COMPLETED
    if not store.capabilities.claims:
        return Fate.SNOOZED if isinstance(error, Snooze) else Fate.FAILED
    claiming = claiming_of(store)
    if NOT_BEGUN in error.__dict__:
        claiming.let_go(task)
        return Fate.FAILED
    try:
        if isinstance(error, Snooze):
            claiming.snooze(task, error.after)
            return Fate.SNOOZED
        return Fate.DEAD if task._saved_at is not None and claiming.fail(task, error) else Fate.FAILED
    except StoreError as trouble:
        lost = isinstance(trouble, ClaimLost)
        # Its text may name a server or a file, never a task's data.
        log.log(
            logging.INFO if lost else logging.ERROR, "the failure of %r could not be written down: %s", task, trouble
        )
        if not isinstance(error, Snooze):
            error.add_note(f"atleastonce: this failure could not be written down ({type(trouble).__name__}: {trouble})")
        return Fate.SNOOZED if isinstance(error, Snooze) else Fate.FAILED
