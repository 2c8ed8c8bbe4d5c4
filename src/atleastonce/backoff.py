"""`Backoff`: how long a failed task waits before it is due again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs

from .exceptions import InvalidTask

Wait = Callable[[int], timedelta]
"""Takes the number of failed attempts, this one included (so 1 at first), and gives the time to wait. `Backoff` is one."""


def _wait(_backoff: Any, attribute: Any, value: object) -> None:
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise InvalidTask(f"Backoff: {attribute.name} must be a timedelta above zero")


def _factor(_backoff: Any, _attribute: Any, value: object) -> None:
    if type(value) not in (int, float) or not 1 <= value < float("inf"):  # type: ignore[operator]  # checked just now
        raise InvalidTask("Backoff: factor must be a number from 1 on")


@attrs.frozen
class Backoff:
    """Exponential, with full jitter: a random time between none and ``first * factor ** (attempts - 1)``, at most `cap`.

    Tasks that failed together (a service was down) so come back spread out, not all at once. The form is "full jitter" of Marc
    Brooker, *Exponential Backoff And Jitter*, AWS Architecture Blog, 2015.

    Attributes:
        first: the longest wait after the first failed attempt.
        factor: by which it grows with each further one.
        cap: the longest wait there is.

    Raises `InvalidTask` for a time that is not above zero, or a factor below 1.
    """

    first: timedelta = attrs.field(default=timedelta(seconds=1), validator=_wait)
    factor: float = attrs.field(default=2.0, validator=_factor)
    cap: timedelta = attrs.field(default=timedelta(hours=1), validator=_wait)

    def longest(self, attempts: int) -> timedelta:
        """The most that is waited after so many failed attempts."""
        try:
            return min(self.cap, self.first * self.factor ** (attempts - 1))
        except OverflowError:
            return self.cap

    def __call__(self, attempts: int) -> timedelta:
        """A random time to wait after so many failed attempts."""
        import random  # noqa: PLC0415 - slow to import, and only needed here

        return self.longest(attempts) * random.random()  # noqa: S311 - it spreads load, and guards nothing
