"""The one rule on what becomes of a task that failed: tried again (at once, or after a wait), or dead."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from .claims import Failure, Held
from .delivery import to_microseconds
from .last_error import last_error_of
from .versions import VERSION_LIMIT

GARBLED_MAX_ATTEMPTS = 10
"""For a record that cannot be read, whose class could not say: enough redrives for somebody to mend a bad release."""

log: logging.Logger = logging.getLogger("atleastonce")


def failure(held: Held, cls: Any, attempts: int, error: BaseException | str, now: int) -> Failure:
    """What is to be written down of a failed attempt.

    Args:
        held: the task.
        cls: its class; None where nobody knows.
        attempts: how many failed, this one included.
        error: what was raised, or a text.
        now: microseconds since 1970.
    """
    dead = is_dead(cls, attempts)
    return Failure(
        held=held,
        attempts=attempts,
        last_error=last_error_of(error),
        due_at=None if dead else due_again(cls, attempts, now),
        dead=dead,
    )


def is_dead(cls: Any, attempts: int) -> bool:
    """Whether a task of that class is dead after so many failed attempts."""
    return cls is not None and cls._max_attempts is not None and attempts >= cls._max_attempts


def due_again(cls: Any, attempts: int, now: int) -> int | None:
    """When a task of that class is due again after so many failed attempts; None: at once."""
    if cls is None or cls._backoff is None:
        return None
    try:
        return later(now, cls._backoff(attempts))
    except Exception as error:  # noqa: BLE001 - the application's own function; a failure of it must not cost the report of the first
        log.error("the backoff of %s raised %s; the task is due at once", cls.__name__, type(error).__name__)  # noqa: TRY400 - likewise ids only
        return None


def later(now: int, wait: timedelta) -> int:
    """The moment so long after now, as far as a version can say it. Raises TypeError unless `wait` is a timedelta."""
    if not isinstance(wait, timedelta):
        raise TypeError(f"a backoff must give a timedelta, not {type(wait).__name__}")
    return min(now + max(0, to_microseconds(wait)), VERSION_LIMIT - 1)
