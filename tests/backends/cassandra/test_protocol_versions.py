"""Versions grow, leave room for what belongs to them, and are drawn apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atleastonce.exceptions import InvalidTask
from atleastonce.versions import VERSION_LIMIT
from atleastonce_cassandra.protocol.versions import (
    SPREAD,
    STEP,
    VersionGiver,
    deletion_timestamp,
    failure_timestamp,
)

moments = st.integers(0, 2**51)
draws = st.integers(0, SPREAD - 1)


@given(now=moments, floor=st.none() | moments, draw=draws, shared=st.booleans(), count=st.integers(1, 500))
def test_a_version_is_above_its_floor_now_and_all_before(now, floor, draw, shared, count):
    giver = VersionGiver(lambda: now, lambda limit: draw)
    first = giver.give(count, floor, shared=shared)
    assert first % STEP == 0
    assert first > now - STEP
    assert floor is None or first > floor - floor % STEP >= floor - STEP + 1
    assert giver.give(1, None, shared=False) == max(first + STEP * count, now - now % STEP + STEP)


@given(now=moments, floor=st.integers(0, 2**51).map(lambda n: n * STEP % 2**51), draw=draws)
def test_a_version_of_ours_as_floor_is_passed_with_room_for_its_deletion(now, floor, draw):
    version = VersionGiver(lambda: now, lambda limit: draw).give(1, floor, shared=True)
    assert version > deletion_timestamp(floor) > failure_timestamp(floor) > floor


@given(floor=moments, draw=draws)
def test_any_floor_is_passed_with_room_for_its_deletion(floor, draw):
    version = VersionGiver(lambda: 0, lambda limit: draw).give(1, floor, shared=True)
    assert version > deletion_timestamp(floor)


@given(version=moments)
def test_a_deletion_covers_its_version_and_a_failure_of_ours_and_not_the_next(version):
    timestamp = deletion_timestamp(version)
    assert version <= timestamp < version - version % STEP + STEP
    if version % STEP == 0:
        assert timestamp == version + 2
        assert failure_timestamp(version) == version + 1


@given(a=moments, b=moments)
def test_deletions_are_ordered_like_versions(a, b):
    if a <= b:
        assert deletion_timestamp(a) <= deletion_timestamp(b)


def test_the_latest_time_there_is_has_none_after_it():
    latest = 2**63 - 1  # as somebody may write it
    assert failure_timestamp(latest) == deletion_timestamp(latest) == latest


def test_shared_ids_are_drawn_over_the_whole_spread():
    asked = []
    giver = VersionGiver(lambda: 1_000_000, lambda limit: asked.append(limit) or limit - 1)
    assert giver.give(1, None, shared=True) == 1_000_000 + STEP * SPREAD
    assert giver.give(1, None, shared=False) == 1_000_000 + STEP * SPREAD + STEP
    assert asked == [SPREAD]


def test_what_was_seen_is_passed_by_a_draw_whoever_may_save():
    """Another process that saw the same version must not take the same next one."""
    giver = VersionGiver(lambda: 1_000_000, lambda limit: limit - 1)
    assert giver.give(1, 2_000_000, shared=False) == 2_000_000 + STEP * SPREAD


def test_the_step_that_is_fixed_for_ever():
    """What is stored leaves this much room between two versions."""
    assert STEP == 4


def test_the_limit_is_refused_and_nothing_is_given():
    giver = VersionGiver(lambda: 0, lambda limit: 0)
    with pytest.raises(InvalidTask, match="far in the future"):
        giver.give(1, VERSION_LIMIT - 1, shared=True)
    assert giver.give(1, None, shared=False) == STEP


def test_a_forked_child_has_a_free_lock_and_goes_on_above_what_was_given():
    giver = VersionGiver(lambda: 0, lambda limit: 0)
    assert giver.give(1, None, shared=False) == STEP
    giver._lock.acquire()  # as another thread would have held it at the fork
    giver.forget()
    assert giver.give(1, None, shared=False) == 2 * STEP
