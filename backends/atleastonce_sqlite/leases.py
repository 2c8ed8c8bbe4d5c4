"""The clock of leases: when one ends, and whether it has."""

from __future__ import annotations

from atleastonce.clock import Clock, boot_clock, system_clock

_NEVER_MIND_US = 2**60
"""Longer than any clock shows (microseconds)."""


class Leases:
    """Leases go by the machine's boot-time clock, which nobody sets: a file's processes are all on one machine.

    After a restart of the machine that clock begins anew, and nobody is left who holds anything: a lease that ends further ahead
    than it is long is from before, and over. A store that was given a clock of its own goes by that one.
    """

    def __init__(self, clock: Clock) -> None:
        self.wall = clock
        """Microseconds since 1970: for what is shown, and for when a task is due."""
        boots = clock is system_clock
        self.now: Clock = boot_clock if boots else clock
        """Microseconds since whenever: a lease ends when this has passed its end."""
        self.slack = 0 if boots else _NEVER_MIND_US
        """How much further ahead than it is long a lease may end."""
