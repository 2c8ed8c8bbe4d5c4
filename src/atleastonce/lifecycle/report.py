"""`RunReport`: what `dispatch` or `redrive` did."""

from __future__ import annotations

import attrs

MAX_ERRORS = 100
MAX_ERROR_CHARS = 1_000


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
        failed: refused, or raised; still pending.
        left: saved or seen in this run and not completed in it. Never a count of the list.
        errors: the first 100 errors.
    """

    saved: int = 0
    handed: int = 0
    completed: int = 0
    failed: int = 0
    left: int = 0
    errors: tuple[TaskError, ...] = ()


def error_text(error: BaseException) -> str:
    """``Type: message``, capped; never raises, whatever the error's own ``__str__`` does."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - somebody's __str__
        text = type(error).__name__
    return text if len(text) <= MAX_ERROR_CHARS else text[: MAX_ERROR_CHARS - 1] + "…"


class Tally:
    """The counts of a run while it goes on."""

    def __init__(self) -> None:
        self.saved = 0
        self.seen = 0
        self.handed = 0
        self.completed = 0
        self.failed: int = 0
        self.errors: list[TaskError] = []

    def note(self, task_list: str, id: str, error: str) -> None:
        """Keep an error among the first 100."""
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(TaskError(task_list, id, error))

    def fail(self, task_list: str, id: str, error: str) -> None:
        """Count a failed task."""
        self.failed += 1
        self.note(task_list, id, error)

    def report(self) -> RunReport:
        """The counts as they stand."""
        return RunReport(
            saved=self.saved,
            handed=self.handed,
            completed=self.completed,
            failed=self.failed,
            left=self.seen - self.completed,
            errors=tuple(self.errors),
        )
