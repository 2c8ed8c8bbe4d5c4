"""The time by the servers' clock: a clock of this machine that nobody sets, plus a measured offset.

The wall clock is set by people and by NTP, and two machines' wall clocks disagree; versions and slots must not follow that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

MAX_AGE_US = 60 * 1_000_000
"""An offset older than this is measured again: boot clocks drift by some 50 microseconds a second at most."""

MAX_PAUSE_US = 1_000_000
"""After a request that took longer, or a jump of the wall clock by more, this process or machine may have stood still."""


MAX_ROUND_TRIP_US = 10 * 1_000_000
"""An answer that took longer is not believed: it may be off by half of that. A process that was stopped for hours between asking
and reading the answer would be hours ahead or behind."""


class Clock(Protocol):
    """What the protocol asks of a clock."""

    def now(self) -> int:
        """Microseconds since 1970."""
        ...

    def is_due(self) -> bool:
        """Whether it must be measured before it is relied on."""
        ...

    def measured(self, server_us: int, began: int) -> None:
        """Take in what a server's clock showed, to a request that began at `elapsed` time `began`.

        An answer that took too long leaves the clock due.
        """
        ...

    def elapsed(self) -> int:
        """Microseconds since some moment, by a clock that nobody sets."""
        ...


class GivenClock:
    """A clock that the caller gave (a test's): it is believed as it is."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.now: Callable[[], int] = clock
        self.elapsed: Callable[[], int] = clock

    def is_due(self) -> bool:
        """Never."""
        return False

    def measured(self, server_us: int, began: int) -> None:
        """Nothing to learn."""


class ServerClock:
    """See the module. Thread-safe: its state is one tuple, replaced as a whole.

    Args:
        elapsed: microseconds since boot, by a clock that runs on while the machine sleeps and that nobody sets.
        wall: microseconds since 1970 by the wall clock; only its jumps are of interest.
    """

    def __init__(self, elapsed: Callable[[], int], wall: Callable[[], int]) -> None:
        self.elapsed: Callable[[], int] = elapsed
        self._wall = wall
        self._state: tuple[int, int, int] | None = None  # offset, when measured, wall minus elapsed then

    def now(self) -> int:
        """Microseconds since 1970 by the servers. RuntimeError before the first measurement."""
        if self._state is None:
            raise RuntimeError("the clock was not measured yet")
        return self.elapsed() + self._state[0]

    def is_due(self) -> bool:
        """Never measured, or too long ago, or the machine's two clocks moved apart: it slept, or one was set."""
        if self._state is None:
            return True
        _, when, gap = self._state
        elapsed = self.elapsed()
        return elapsed - when > MAX_AGE_US or abs(self._wall() - elapsed - gap) > MAX_PAUSE_US

    def measured(self, server_us: int, began: int) -> None:
        """Half of the round trip is taken for the way back."""
        ended = self.elapsed()
        if self._state is not None and self._state[1] > began:
            return  # another thread measured meanwhile
        if ended - began > MAX_ROUND_TRIP_US:
            self.suspect()
            return
        self._state = (server_us - (began + ended) // 2, ended, self._wall() - ended)

    def suspect(self) -> None:
        """Have it measured before it is relied on again."""
        state = self._state
        if state is not None:
            self._state = (state[0], state[1] - MAX_AGE_US - 1, state[2])
