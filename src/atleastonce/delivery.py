"""What the store knows of a task beside its data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen(kw_only=True)
class Delivery:
    """A task's state in the store when it was saved or read.

    Attributes:
        saved_at: when it was saved, and so its version; aware, exact to the microsecond.
        attempts: failed attempts since then; 0 until delivery with retries is there.
        last_error: text of the last one.
    """

    saved_at: datetime
    attempts: int = 0
    last_error: str | None = None


def to_datetime(microseconds: int) -> datetime:
    """The moment so many microseconds after 1970, exactly."""
    return EPOCH + timedelta(microseconds=microseconds)


def to_microseconds(interval: timedelta) -> int:
    """The interval in whole microseconds, exactly."""
    return interval // timedelta(microseconds=1)
