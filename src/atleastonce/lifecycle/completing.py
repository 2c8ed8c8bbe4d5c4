"""Completing a task in the step that begins the next one: one commit for both, where each would be two."""

from __future__ import annotations

from .. import hooks
from ..exceptions import StoreError
from ..record import TaskKey
from ..store import key_to_complete
from ..task import Task
from .report import error_text
from .run import Run


class Completing:
    """What was executed and is still to be completed: at most one task."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._waiting: Task | None = None
        self._begun = False

    def begin(self, task: Task) -> bool:
        """Write down that work on a claimed task begins, and complete the one that waits. Whether the claim was still there."""
        run, waiting = self._run, self._waiting
        done: TaskKey | None = None
        if waiting is not None:
            if hooks.active:
                hooks.call("before_complete", waiting)
            done = key_to_complete(run.store, waiting)
        try:
            begun = run.claiming.start(task, done)
        except StoreError as error:
            self._waiting = None
            if waiting is not None:  # this one's completion failed; whether the next can be begun is another question
                self._failed(waiting, error)
                return self.begin(task)
            self._failed(task, error)
            return False
        self._begun = True
        if waiting is not None:
            self._completed(waiting)
        if not begun:
            run.lost(task)
        return begun

    def later(self, task: Task) -> None:
        """It was executed: complete it with the next step."""
        self._waiting = task

    def now(self, task: Task) -> bool:
        """Complete it at once; whether that worked."""
        run = self._run
        try:
            run.store.complete(task)
        except StoreError as error:
            self._failed(task, error)
            return False
        run.drop(task)
        run.tally.completed += 1
        return True

    def finish(self) -> None:
        """Complete what waits, and make all of it durable."""
        waiting = self._waiting
        if waiting is not None:
            self.now(waiting)
            self._waiting = None
        elif self._begun:
            self._run.claiming.backend.flush()
        self._begun = False

    def _completed(self, task: Task) -> None:
        self._waiting = None
        self._run.drop(task)
        self._run.tally.completed += 1
        if hooks.active:
            hooks.call("after_complete", task)

    def _failed(self, task: Task, error: StoreError) -> None:
        self._run.tally.fail(task.task_list, task.id, error_text(error))
        self._run.let_go(task)
