"""Executing each task in the caller's thread."""

from __future__ import annotations

from contextlib import suppress

from ..exceptions import StoreError
from ..execution import execute, is_failure
from ..settling import Fate, settle
from ..task import Task
from .completing import Completing
from .report import error_text
from .run import Run


class InThisThread:
    """Hands over by executing.

    What is claimed is begun and completed in as few steps as there can be: a task is completed in the step that begins the
    next one (see `Completing`), unless `on_result` waits for it.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._completing = Completing(run)
        self._running: Task | None = None

    def hand(self, task: Task) -> None:
        """See `Handover.hand`."""
        run = self._run
        run.begin()
        if run.heartbeats is not None:
            self._running = task
            if not self._completing.begin(task):
                self._running = None
                return
        try:
            result = execute(task)
        except BaseException as error:  # a task may raise anything; it stays pending and stops no other
            if not is_failure(error):
                raise
            self._fail(task, error)
            return
        if run.heartbeats is not None and run.on_result is None:
            self._completing.later(task)
            self._running = None
        else:
            completed = self._completing.now(task)
            self._running = None
            if completed and run.on_result is not None:
                run.on_result(task, result)
        run.tally.tell()

    def _fail(self, task: Task, error: BaseException) -> None:
        run = self._run
        text = error_text(error)
        run.drop(task)
        try:
            fate = settle(run.store, task, error)
        except StoreError as trouble:
            fate, text = Fate.FAILED, error_text(trouble)
            run.let_go(task)
        self._running = None
        run.tally.settled(task.task_list, task.id, fate, text)
        if fate is Fate.COMPLETED and run.on_result is not None:
            run.on_result(task, None)
        run.tally.tell()

    def finish(self) -> None:
        """See `Handover.finish`."""
        self._completing.finish()

    def abandon(self) -> None:
        """See `Handover.abandon`. What ran when the interrupt came is given back: a shutdown costs no attempt."""
        running, self._running = self._running, None
        with suppress(StoreError):  # what comes out of the run is what stopped it
            self._completing.finish()
        if running is not None:
            self._run.let_go(running)
