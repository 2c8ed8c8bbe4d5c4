"""`RunReport`: what `dispatch` or `redrive` did."""

from __future__ import annotations

import time
from collections.abc import Callable

import attrs

from .. import last_error
from ..settling import Fate

MAX_ERRORS = 100
MAX_ERROR_CHARS = 1_000
PROGRESS_S = 0.1
"""Between two calls of `progress`: smooth for the eye, and nothing beside the work."""


@attrs.frozen
class TaskError:
    """Why one task failed.

    Attributes:
        task_list: the list it belongs to.
        id: its id there.
        error: ``Type: message``, at most 1,000 characters.
    """

    task_list: str
    id: str
    error: str


@attrs.frozen(kw_only=True)
class RunReport:
    """Counts of one run.

    Attributes:
        saved: tasks that `dispatch` saved.
        handed: accepted by the executor or callable; 0 where neither was given.
        completed: executed and removed in this run, as far as it can know: not what a broker's worker does later.
        failed: refused, or raised; still pending, unless dead.
        left: saved or seen in this run and not completed in it, dead ones included; not what somebody else took up meanwhile.
            Never a count of the list.
        dead: of the failed ones, those that were moved to the dead letters in this run.
        errors: the first 100 errors.
    """

    saved: int = 0
    handed: int = 0
    completed: int = 0
    failed: int = 0
    left: int = 0
    dead: int = 0
    errors: tuple[TaskError, ...] = ()


Progress = Callable[[RunReport], object]
"""Called with the counts as they stand, in the caller's thread."""


def error_text(error: BaseException) -> str:
    """``Type: message``, capped; never raises, whatever the error's own ``__str__`` does."""
    return last_error.error_text(error, MAX_ERROR_CHARS)


class Tally:
    """The counts of a run while it goes on.

    Args:
        progress: is told of them.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self.saved = 0
        self.seen = 0
        self.handed = 0
        self.completed: int = 0
        self.failed: int = 0
        self.dead: int = 0
        self.errors: list[TaskError] = []
        self._progress = progress
        self._next_progress = 0.0

    def note(self, task_list: str, id: str, error: str) -> None:
        """Keep an error among the first 100."""
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(TaskError(task_list, id, error))

    def fail(self, task_list: str, id: str, error: str, *, dead: bool = False) -> None:
        """Count a failed task."""
        self.failed += 1
        self.dead += dead
        self.note(task_list, id, error)

    def settled(self, task_list: str, id: str, fate: Fate, error: str) -> None:
        """Count a task whose `execute` raised."""
        if fate is Fate.COMPLETED:
            self.completed += 1
        elif fate is not Fate.SNOOZED:
            self.fail(task_list, id, error, dead=fate is Fate.DEAD)

    def tell(self, *, last: bool = False) -> None:
        """Call `progress`, unless that was just now; at the end in any case."""
        if self._progress is not None:
            now = time.monotonic()
            if last or now >= self._next_progress:
                self._next_progress = now + PROGRESS_S
                self._progress(self.report())

    def report(self) -> RunReport:
        """The counts as they stand."""
        return RunReport(
            saved=self.saved,
            handed=self.handed,
            completed=self.completed,
            failed=self.failed,
            left=self.seen - self.completed,
            dead=self.dead,
            errors=tuple(self.errors),
        )
