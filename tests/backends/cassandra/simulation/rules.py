"""The decisions that a run plays: those of the backend. A mutant replaces one of them."""

from __future__ import annotations

from atleastonce_cassandra.protocol import clock, complete, save, sweep


class Rules:
    """All rules in. Functions are looked up when a run begins, so a test may have replaced them in their modules."""

    def __init__(self) -> None:
        self.clock = clock.ServerClock
        self.prepare = save.prepare
        self.save = save.save
        self.register = save.register
        self.complete = complete.complete
        self.sweep = sweep.sweep
        self.is_sweepable = sweep.is_sweepable

    @staticmethod
    def give(process, count, floor, shared):
        """The first of so many versions."""
        return process.client.versions.give(count, floor, shared=shared)
