"""Small cases in every possible order."""

from __future__ import annotations

import os
from itertools import product

import pytest

from atleastonce_cassandra.protocol import places, sweep, versions
from atleastonce_cassandra.protocol.places import SLOT_US, Place
from atleastonce_cassandra.protocol.steps import Stored

from .simulation import operations as op
from .simulation.explore import SmallWorld, interleavings
from .simulation.mutants import MUTANTS, verified_by
from .simulation.scenario import HOUR, MINUTE, SECOND

SKEWS = (-30 * SECOND, 0, 30 * SECOND)


DEEPER = int(os.environ.get("SIMULATION_DEEPER", "0"))
"""By how many steps the orders branch further than in a usual run, which takes seconds."""


def findings_of(make, depth=12):
    """All findings, and how many orders there were."""
    found, orders = [], 0
    for world in interleavings(make, depth + DEEPER):
        orders += 1
        found += world.history.findings
    return found, orders


def user_save(world, process, cell):
    return op.save(world, process, op.SHARD, [(b"u", cell, None)], verify=True)


def save_and_complete(errors):
    world = SmallWorld(errors)
    first, second = world.processes
    world.finish(user_save(world, first, b"one"))
    return world, [user_save(world, second, b"two"), op.complete(world, first)]


@pytest.mark.parametrize("errors", list(product(SKEWS, SKEWS)), ids=str)
def test_a_save_and_a_complete_of_the_version_before(errors):
    found, orders = findings_of(lambda: save_and_complete(errors))
    assert not found
    assert orders > 10


def two_saves(errors, late_acks):
    world = SmallWorld(errors, late_acks=late_acks)
    first, second, _ = world.processes
    return world, [user_save(world, first, b"one"), user_save(world, second, b"two")]


@pytest.mark.parametrize("errors", list(product(SKEWS, SKEWS, (0,))), ids=str)
def test_two_saves_of_one_key(errors):
    found, orders = findings_of(lambda: two_saves(errors, late_acks=True), depth=10)
    assert not found
    assert orders > 200


def saves_and_completes(errors):
    world = SmallWorld(errors, late_acks=False)
    first, second = world.processes
    world.finish(user_save(world, first, b"zero"))
    return world, [
        user_save(world, second, b"two"),
        user_save(world, first, b"one"),
        op.complete(world, first),
        op.complete_blind(world, second),
    ]


@pytest.mark.parametrize("errors", list(product(SKEWS, (0,))), ids=str)
def test_two_saves_a_complete_and_a_blind_one(errors):
    found, orders = findings_of(lambda: saves_and_completes(errors), depth=6)
    assert not found
    assert orders > 1_000


def resaves(errors):
    world = SmallWorld(errors, late_acks=False)
    first, second = world.processes
    world.finish(op.save_drawn(world, first))
    held = world.history.held[0]
    again = [
        op.save(world, process, held.key[0], [(held.key[1], cell, held.version)], verify=True)
        for process, cell in ((first, b"again"), (second, b"once more"))
    ]
    return world, [*again, op.complete(world, first), op.report(world, second)]


@pytest.mark.parametrize("errors", list(product(SKEWS, (0,))), ids=str)
def test_two_holders_save_again_while_it_is_completed_and_reported(errors):
    found, orders = findings_of(lambda: resaves(errors), depth=6)
    assert not found
    assert orders > 1_000


def late_save_and_sweep(errors, *jumps):
    """An old slot, registered long ago, that this process saves to once more."""
    world = SmallWorld(errors)
    saver, sweeper = world.processes
    place = Place(op.LIST, world.now // SLOT_US, 1)
    world.finish(op.save(world, saver, place, [(b"a", b"first", None)], verify=False))
    world.finish(op.complete(world, saver))
    world.advance(2 * HOUR)
    for process in world.processes:
        process.clock.measured(world.server_now(process), process.elapsed())
    save = op.save(world, saver, place, [(b"b", b"second", None)], verify=False)
    return world, [save, op.read_and_sweep(world, sweeper), *([world.passing(*jumps)] if jumps else [])]


@pytest.mark.parametrize("errors", [(-30 * SECOND, 30 * SECOND), (30 * SECOND, -30 * SECOND)], ids=str)
def test_a_save_to_an_old_slot_and_a_sweep(errors):
    found, orders = findings_of(lambda: late_save_and_sweep(errors))
    assert not found
    assert orders > 500


@pytest.mark.parametrize("name", ["no second registration", "a sweep deletes with now", "no grace"])
def test_a_save_to_an_old_slot_and_a_sweep_need_each_rule(name, monkeypatch):
    MUTANTS[name].change(monkeypatch)
    found, _ = findings_of(lambda: late_save_and_sweep((-30 * SECOND, 30 * SECOND)))
    assert any(finding.startswith("LOST") for finding in found)


def slot_about_to_end(errors):
    """A slot that was registered two hours ahead, by a wall clock that was wrong, and that ends now."""
    world = SmallWorld(errors)
    saver, sweeper = world.processes
    place = Place(op.LIST, (world.now + 2 * HOUR) // SLOT_US, 1)
    world.finish(op.save(world, saver, place, [(b"a", b"first", None)], verify=False))
    world.finish(op.complete(world, saver))
    world.advance((place.slot + 1) * SLOT_US - world.now)
    for process in world.processes:
        process.clock.measured(world.server_now(process), process.elapsed())
    return world, [
        op.save(world, saver, place, [(b"b", b"second", None)], verify=False),
        op.read_and_sweep(world, sweeper),
    ]


def test_a_slot_that_is_over_for_one_and_not_for_another():
    found, orders = findings_of(lambda: slot_about_to_end((-30 * SECOND, 30 * SECOND)))
    assert not found
    assert orders > 1


def test_a_slot_that_is_over_for_one_and_not_for_another_needs_the_wait(monkeypatch):
    monkeypatch.setattr(sweep, "is_sweepable", lambda place, now: places.closed_for_us(place, now) > 0)
    found, _ = findings_of(lambda: slot_about_to_end((-30 * SECOND, 30 * SECOND)))
    assert any(finding.startswith("LOST") for finding in found)


def test_a_stop_of_hours_anywhere_in_a_save_that_a_sweep_meets():
    found, orders = findings_of(lambda: late_save_and_sweep((-30 * SECOND, 30 * SECOND), 2 * HOUR + MINUTE), depth=9)
    assert not found
    assert orders > 1_000


def forced_to_tie(monkeypatch):
    """Both saves get one version at first; what is written again is drawn as ever."""
    give, first_given = versions.VersionGiver.give, []

    def tied(self, count, floor, *, shared):
        if floor is None and first_given:
            return first_given[0]
        version = give(self, count, floor, shared=shared)
        if floor is None:
            first_given.append(version)
        return version

    monkeypatch.setattr(versions.VersionGiver, "give", tied)
    return first_given


def count_lost_ties(monkeypatch):
    first_given = forced_to_tie(monkeypatch)

    def make():
        first_given.clear()
        return two_saves((0, 0, 0), late_acks=True)

    found, _ = findings_of(make, depth=10)
    assert all(finding.startswith("LOST") for finding in found)
    return len(found)


def test_a_tie_is_seen_by_its_content(monkeypatch):
    """Two who wrote one version at the same time: whoever sees the other's content writes again, above it."""
    with monkeypatch.context() as patch:
        seen = count_lost_ties(patch)
    of_version_only = verified_by(lambda stored, row: Stored(stored.version, row.cell))
    with monkeypatch.context() as patch:
        of_version_only(patch)
        assert count_lost_ties(patch) > seen


def test_equal_versions_lose_which_is_why_they_are_drawn(monkeypatch):
    """A save that comes after another was acknowledged, and gets its very version, is removed with it."""

    def make():
        world = SmallWorld((0, -4))
        first, second = world.processes
        world.finish(user_save(world, first, b"one"))
        held = world.history.held[0]
        monkeypatch.setattr(versions.VersionGiver, "give", lambda *args, **options: held.version)
        operations = [user_save(world, second, b"two"), op.complete(world, first)]
        return world, operations

    def fresh():
        monkeypatch.undo()
        return make()

    found, _ = findings_of(fresh)
    assert any(finding.startswith("LOST") for finding in found)
