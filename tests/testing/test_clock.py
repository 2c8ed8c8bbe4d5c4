"""`TestClock` moves when it is told to, and only then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from atleastonce.testing import TestClock

START_US = 1_735_689_600_000_000


def test_it_stands_still() -> None:
    clock = TestClock()
    assert [clock(), clock()] == [START_US] * 2
    assert clock.now == datetime(2025, 1, 1, tzinfo=UTC)


def test_it_advances_and_steps_back() -> None:
    clock = TestClock()
    clock.advance(timedelta(seconds=1, microseconds=5))
    assert clock() == START_US + 1_000_005
    clock.advance(timedelta(hours=-1))
    assert clock() == START_US + 1_000_005 - 3_600_000_000


@pytest.mark.parametrize(
    ("moment", "microseconds"),
    [
        (0, 0),
        (2**53 - 1, 2**53 - 1),
        (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 0),
        (datetime(2255, 6, 5, 23, 47, 34, 740_991, tzinfo=UTC), 2**53 - 1),  # a float would be off by one here
    ],
)
def test_it_is_set(moment: datetime | int, microseconds: int) -> None:
    clock = TestClock()
    clock.set(moment)
    assert clock() == microseconds
    assert TestClock(moment)() == microseconds


def test_a_naive_datetime_is_refused() -> None:
    clock = TestClock()
    with pytest.raises(ValueError, match="time zone"):
        clock.set(datetime(2025, 1, 1))  # noqa: DTZ001  # that is the point
    assert clock() == START_US


def test_its_repr_shows_the_time() -> None:
    assert repr(TestClock()) == "TestClock(2025-01-01T00:00:00+00:00)"
