"""What the store knows of a task beside its data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs

from .exceptions import InvalidTask
from .versions import VERSION_LIMIT

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen(kw_only=True)
class Delivery:
    """A task's state in the store when it was saved or read.

    Attributes:
        saved_at: when it was saved, and so its version; aware, exact to the microsecond.
        attempts: failed attempts since then.
        last_error: text of the last one: ``Type: message``, then the last lines of its traceback; at most 4,000 characters.
        run_at: not due before, aware: as it was created, or later after a failure or a snooze; None: due at once.
        claim_token: of the claim by which this object holds the task; None: by none.
        claimed_until: when that claim's lease ends unless it is renewed, aware; None also where only the token is known.
        died_at: when it was moved to the dead letters, aware; None: it was not.
    """

    saved_at: datetime
    attempts: int = 0
    last_error: str | None = attrs.field(default=None, repr=False)  # may hold what a task holds
    run_at: datetime | None = None
    claim_token: str | None = attrs.field(default=None, repr=False)
    claimed_until: datetime | None = None
    died_at: datetime | None = None


LATEST = datetime.max.replace(tzinfo=UTC)


def to_datetime(microseconds: int) -> datetime:
    """The moment so many microseconds after 1970, exactly; the latest that Python has for what is beyond it."""
    try:
        return EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return LATEST


def not_negative(interval: object, name: str) -> timedelta:
    """The argument of that name. Raises `InvalidTask` unless it is a timedelta that is not negative."""
    if not isinstance(interval, timedelta) or interval < timedelta(0):
        raise InvalidTask(f"{name} must be a timedelta that is not negative")
    return interval


def since_epoch(moment: object, name: str) -> int:
    """Microseconds from 1970 to the moment, exactly; 0 for an earlier one.

    Raises `InvalidTask`, which names the argument, unless it is an aware datetime that a version can say.
    """
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise InvalidTask(f"{name} must be an aware datetime, such as datetime.now(UTC) + timedelta(minutes=5)")
    microseconds = max(0, to_microseconds(moment - EPOCH))
    if microseconds >= VERSION_LIMIT:  # no backend reads it back
        raise InvalidTask(f"{name} must be before {to_datetime(VERSION_LIMIT).date()}: what is later cannot be stored")
    return microseconds


def to_microseconds(interval: timedelta) -> int:
    """The interval in whole microseconds, exactly."""
    return interval // timedelta(microseconds=1)
