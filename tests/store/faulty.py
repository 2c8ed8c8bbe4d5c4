"""A backend that fails when told to."""

from __future__ import annotations

from atleastonce import StoreUnavailable
from atleastonce_memory import MemoryStore


class FaultyStore(MemoryStore):
    """Fails on the n-th `store` or `delete` (1 is the first), before or after it was applied."""

    def __init__(self, *, fail_on=0, outcome="not_applied", error=None, applied=False):
        super().__init__()
        self.fail_on = fail_on
        self.error = error or StoreUnavailable("the disk is full", outcome=outcome)
        self.applied = applied
        self.batches = []

    def _counted(self, call, argument):
        self.batches.append(len(argument))
        if len(self.batches) != self.fail_on:
            return call(argument)
        if self.applied:
            call(argument)
        raise self.error

    def store(self, records):
        return self._counted(super().store, records)

    def delete(self, keys):
        return self._counted(super().delete, keys)
