"""Versions only ever grow, whatever the clock does."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import attrs
import pytest

from atleastonce.exceptions import InvalidTask
from atleastonce.interface import DataInterface
from atleastonce.record import TaskKey, TaskRecord
from atleastonce.testing.clock import TestClock
from atleastonce.versions import VERSION_LIMIT

from .base import Clauses, Handles, record, save


def strictly_grow(versions: list[int]) -> bool:
    """Whether each is above the one before."""
    return all(a < b for a, b in pairwise(versions))


class VersionClauses(Clauses):
    """The versions that `store` gives."""

    def test_a_version_follows_the_clock(self, backend: DataInterface, clock: TestClock) -> None:
        first = save(backend, record("a"))
        clock.advance(timedelta(hours=1))
        second = save(backend, record("b"))
        hour_us = 3_600_000_000
        assert 0.9 * hour_us < second - first < 1.1 * hour_us  # a backend may add something against ties

    def test_versions_grow_while_the_clock_stands_still(self, backend: DataInterface) -> None:
        versions = [save(backend, record(id)) for id in "abcabc"]
        versions += backend.store([record(id) for id in "abcabc"])
        assert strictly_grow(versions)

    def test_versions_grow_when_the_clock_steps_back(self, backend: DataInterface, clock: TestClock) -> None:
        versions = [save(backend, record("a"))]
        for _ in range(3):
            clock.advance(timedelta(hours=-1))
            versions += [save(backend, record("a")), save(backend, record("b"))]
        assert strictly_grow(versions)

    def test_a_version_is_above_the_stored_one(
        self, handles: Handles, backend: DataInterface, clock: TestClock
    ) -> None:
        first = save(backend, record("a"))
        clock.advance(timedelta(hours=-1))
        other = handles.open()  # has given no version yet, and its clock is behind
        second, third = other.store([record("a", data=b"1"), record("a", data=b"2")])
        assert first < second < third
        assert backend.find("list", "a") == record("a", data=b"2", saved_at=third)

    def test_a_version_is_above_the_records_own(self, backend: DataInterface, clock: TestClock) -> None:
        own = clock() + 3_600_000_000
        given = save(backend, record("a", saved_at=own))
        assert given > own
        again = save(backend, record("b", saved_at=own))
        assert again > given
        (row,) = backend.store([record("c", saved_at=again + 1_000)])
        assert row > again + 1_000

    def test_a_version_is_above_a_stored_one_far_ahead(self, handles: Handles, backend: DataInterface) -> None:
        ahead = save(backend, record("a", saved_at=2**52))
        assert ahead > 2**52
        later = save(handles.open(), record("a", data=b"later"))
        assert later > ahead
        assert backend.find("list", "a") == record("a", data=b"later", saved_at=later)

    def test_an_older_own_version_does_not_hold_a_save_back(self, backend: DataInterface) -> None:
        old = save(backend, record("a", data=b"old"))
        newer = save(backend, record("a", data=b"newer"))
        again = save(backend, record("a", data=b"old", saved_at=old))  # an explicit save always wins
        assert again > newer
        assert backend.find("list", "a") == record("a", data=b"old", saved_at=again)

    def test_the_stored_version_is_the_one_that_was_given(self, backend: DataInterface) -> None:
        versions = backend.store([record(id) for id in "bca"])
        assert {r.id: r.saved_at for r in backend.all("list")} == dict(zip("bca", versions, strict=True))

    def test_no_version_reaches_the_limit(self, backend: DataInterface) -> None:
        kept = save(backend, record("a", data=b"kept"))
        with pytest.raises(InvalidTask):
            backend.store([record("b"), record("a", data=b"refused"), record("c", saved_at=VERSION_LIMIT - 1)])
        assert list(backend.all("list")) == [record("a", data=b"kept", saved_at=kept)]

    def test_no_version_reaches_the_limit_through_the_stored_one(
        self, handles: Handles, backend: DataInterface
    ) -> None:
        last = save_as_late_as_possible(backend, record("a", data=b"kept"))
        other = handles.open()
        while True:  # a backend may leave room above the newest version, but not for ever
            try:
                newer = save(other, record("a", data=b"kept"))
            except InvalidTask:
                break
            assert newer > last
            last = newer
        assert VERSION_LIMIT - 2**20 < last < VERSION_LIMIT
        assert list(other.all("list")) == [record("a", data=b"kept", saved_at=last)]
        other.delete([TaskKey("list", "a", last)])
        assert other.count("list") == 0


def save_as_late_as_possible(backend: DataInterface, task: TaskRecord) -> int:
    """Save it with a version as near to the limit as the backend can give; that version."""
    version = 0
    for room in (2**20, 2**17, 2**10, 2**6, 2):
        try:
            version = save(backend, attrs.evolve(task, saved_at=VERSION_LIMIT - room))
        except InvalidTask:
            break
    return version
