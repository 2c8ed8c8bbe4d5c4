"""Versions only ever grow, whatever the clock does, and never reach 2**53."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atleastonce import InvalidTask
from atleastonce.versions import VERSION_LIMIT, VersionSource


def source_at(now: int) -> VersionSource:
    return VersionSource(lambda: now)


def test_the_limit_that_is_fixed_for_ever() -> None:
    assert VERSION_LIMIT == 2**53


@pytest.mark.parametrize(
    ("now", "floor", "version"),
    [
        (100, None, 100),
        (100, 0, 100),
        (100, 99, 100),
        (100, 100, 101),
        (100, 101, 102),
        (100, 5_000, 5_001),
        (0, None, 1),
        (-5, None, 1),
        (2**53 - 1, None, 2**53 - 1),
        (100, 2**53 - 2, 2**53 - 1),
    ],
)
def test_the_first_version(now: int, floor: int | None, version: int) -> None:
    assert source_at(now).next(floor) == version


def test_a_clock_that_stands_still_or_steps_back() -> None:
    hands = iter([100, 100, 50, 101, 200])
    source = VersionSource(lambda: next(hands))
    assert [source.next() for _ in range(5)] == [100, 101, 102, 103, 200]


def test_a_floor_is_remembered() -> None:
    source = source_at(100)
    assert [source.next(500), source.next(), source.next(300), source.next(502)] == [501, 502, 503, 504]


@pytest.mark.parametrize(
    ("now", "floor"), [(100, 2**53 - 1), (100, 2**53), (100, 2**60), (2**53, None), (2**60, 5), (2**53 - 1, 2**53 - 1)]
)
def test_at_the_limit_it_is_an_error_and_nothing_is_given(now: int, floor: int | None) -> None:
    clock = [now]
    source = VersionSource(lambda: clock[0])
    with pytest.raises(InvalidTask, match="far in the future"):
        source.next(floor)
    clock[0] = 100
    assert source.next() == 100


@given(st.lists(st.tuples(st.integers(0, 2**40), st.none() | st.integers(0, 2**40)), max_size=50))
def test_versions_grow_above_floor_and_clock(steps: list[tuple[int, int | None]]) -> None:
    clock = [0]
    source = VersionSource(lambda: clock[0])
    last = 0
    for now, floor in steps:
        clock[0] = now
        version = source.next(floor)
        assert version > max(last, -1 if floor is None else floor)
        assert version == max(now, last + 1, 0 if floor is None else floor + 1)
        last = version
