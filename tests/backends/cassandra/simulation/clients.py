"""Processes, each on a machine with clocks of its own: skewed, drifting, set by hand, or standing still while the machine sleeps or is frozen."""

from __future__ import annotations

from atleastonce_cassandra.protocol.client import Client

from .promise import Promise

BOOTED_US = 5_000_000_000


class Process:
    """A client of the protocol, its machine and its data centre.

    Attributes:
        number: which one.
        dc: its data centre.
        wall_error_us: by how much its wall clock is wrong; ids are drawn by it.
        drift_ppm: by how many microseconds a second both its clocks run too fast; they go by one quartz.
        frozen_us: how long, so far, its clock since boot stood still.
        wakes: until when it stands still (true time).
        promise: when it must measure.
    """

    def __init__(self, world, number: int, dc: int, wall_error_us: int, drift_ppm: int = 0) -> None:
        self._world = world
        self.number = number
        self.dc = dc
        self.wall_error_us = wall_error_us
        self.drift_ppm = drift_ppm
        self._began = world.now
        self.frozen_us = 0
        self.wakes = 0
        self.restart()

    def restart(self) -> None:
        """A new process on the same machine."""
        self.clock = self._world.rules.clock(self.elapsed, self.wall)
        self.promise = Promise(self.elapsed, self.wall)
        self.client = Client(self.clock, self._world.draw, self._world.token)
        self.life = getattr(self, "life", 0) + 1

    def elapsed(self) -> int:
        """The clock since boot, which nobody sets."""
        return self._shown() + BOOTED_US

    def wall(self) -> int:
        """The wall clock."""
        return self._shown() + self.wall_error_us

    def _shown(self) -> int:
        ran = self._world.now - self.frozen_us
        return ran + (ran - self._began) * self.drift_ppm // 1_000_000

    def freeze(self, duration: int) -> bool:
        """The guest stands still, with both its clocks, and does not notice. Whether it does: not where it stands still already."""
        if self.wakes > self._world.now:
            return False
        self.wakes = self._world.now + duration
        self.frozen_us += duration
        self.promise.stopped(duration)
        return True

    def sleep(self, duration: int) -> bool:
        """The same to the clock since boot, on some systems, while the machine sleeps. The wall clock is right when it wakes."""
        stops = self.freeze(duration)
        if stops:
            self.wall_error_us += duration
        return stops
