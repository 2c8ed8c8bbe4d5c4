"""What the clauses of `ClaimsInterface` share. A backend that doesn't announce claims is passed over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import attrs
import pytest

from atleastonce.claims import ClaimsInterface, Failure, Held
from atleastonce.interface import DataInterface
from atleastonce.record import TaskKey, TaskRecord
from atleastonce.testing.clock import TestClock

from .base import Clauses

HOUR_US = 3_600_000_000
DAY = timedelta(days=1)
LONG_US = 30 * 24 * HOUR_US
"""A lease that no test lets end."""


class ClaimClauses(Clauses):
    """The base of the groups that need claims."""

    lease_us: ClassVar[int] = 60_000_000
    """A lease that tests let end, in microseconds: short, where `let_pass` has to sleep."""

    leases_follow_clock: ClassVar[bool] = True
    """Whether leases go by the clock that is given to the backend. Else override `let_pass` too."""

    def let_pass(self, clock: TestClock, microseconds: int) -> None:
        """Let so much time pass for leases. Override it with a sleep where they don't go by the given clock."""
        clock.advance(timedelta(microseconds=microseconds))

    @pytest.fixture
    def claims(self, backend: DataInterface) -> ClaimsInterface:
        """The backend under test, which has claims."""
        return with_claims(backend)

    def end_lease(self, clock: TestClock) -> None:
        """Let a lease of `lease_us` end."""
        self.let_pass(clock, self.lease_us + 1)


def with_claims(backend: DataInterface) -> ClaimsInterface:
    """The same, or the test is skipped."""
    if not backend.capabilities.claims:
        pytest.skip(f"{backend.capabilities.name} announces no claims")
    assert isinstance(backend, ClaimsInterface)
    return backend


def take(backend: ClaimsInterface, task_list: str = "list", **options: Any) -> list[TaskRecord]:
    """What a whole pass claims, in pages."""
    options = {"lease": LONG_US, "limit": 100, **options}
    records: list[TaskRecord] = []
    cursor = None
    while True:
        page = backend.claim(task_list, cursor=cursor, **options)
        assert len(page.records) <= options["limit"]
        records += page.records
        cursor = page.cursor
        if cursor is None:
            return records


def take_one(backend: ClaimsInterface, id: str = "a", **options: Any) -> TaskRecord:
    """Claim the only task that can be had, which has that id."""
    (record,) = take(backend, **options)
    assert record.id == id
    assert record.claim is not None
    return record


def held(record: TaskRecord, **changes: Any) -> Held:
    """Names the claim by which a record was given."""
    token = None if record.claim is None else record.claim.token
    return attrs.evolve(Held(record.task_list, record.id, record.saved_at, token), **changes)


def failure(held: Held, attempts: int = 1, **fields: Any) -> Failure:
    """A report of a failed attempt."""
    return Failure(held=held, attempts=attempts, **{"last_error": "ValueError: no", **fields})


def key(record: TaskRecord) -> TaskKey:
    """Names the version of a record."""
    return TaskKey(record.task_list, record.id, record.saved_at)


def unclaimed(record: TaskRecord) -> TaskRecord:
    """The record as `find` gives it."""
    return attrs.evolve(record, claim=None)
