"""`Snooze` and `Discard`: what `execute` may raise to say what becomes of its task, other than having failed."""

from __future__ import annotations

from datetime import timedelta

from .delivery import not_negative


class Snooze(Exception):
    """Raised by `execute`: not now. The task is due again after that time, at the cost of no attempt.

    Attributes:
        after: how long to wait.

    Raises `InvalidTask` unless `after` is a timedelta that is not negative.
    """

    def __init__(self, after: timedelta) -> None:
        self.after: timedelta = not_negative(after, "Snooze: after")
        super().__init__(after)


class Discard(Exception):
    """Raised by `execute`: there is nothing to do any more. The task is completed.

    Attributes:
        reason: for whoever reads the traceback; it is stored nowhere and never logged, since it may hold the task's data.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
