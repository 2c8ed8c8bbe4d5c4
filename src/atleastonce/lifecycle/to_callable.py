"""Giving each task's hash to a callable, such as a broker's send."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..exceptions import ConfigurationError
from ..task import Task
from .report import error_text
from .run import MAX_REFUSALS, Broken, Run


class ToCallable:
    """Hands over by calling. What is claimed stays so, until its lease ends or whoever performs the hash says more."""

    def __init__(self, to: Callable[[dict[str, Any]], object], run: Run) -> None:
        self._to = to
        self._run = run
        self._refusals = 0

    def hand(self, task: Task) -> None:
        """See `Handover.hand`."""
        run = self._run
        run.begin()
        task_hash = task.as_hash()
        try:
            _refuse_coroutine(self._to(task_hash))
        except Exception as error:
            run.tally.fail(task.task_list, task.id, error_text(error))
            run.let_go(task)
            self._refusals += 1
            if self._refusals >= MAX_REFUSALS:
                raise Broken(f"it refused {MAX_REFUSALS} tasks in a row") from error
            return
        self._refusals = 0
        run.drop(task)
        run.tally.handed += 1
        run.tally.tell()

    def finish(self) -> None:
        """See `Handover.finish`. There is nothing to wait for."""

    def abandon(self) -> None:
        """See `Handover.abandon`."""


def _refuse_coroutine(answer: object) -> None:
    """What would send the hash has not begun: it was not handed over."""
    if inspect.iscoroutine(answer):
        answer.close()
        raise ConfigurationError(
            "`to` returned a coroutine, and nobody runs it: give a plain function that sends the hash"
        )
