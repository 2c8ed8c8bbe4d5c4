"""The protocol with one rule taken out each, and where that shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve, field, frozen

from atleastonce_cassandra.protocol import clock, complete, fail, measure, places, save, sweep, versions
from atleastonce_cassandra.protocol.places import SHARD_SLOT
from atleastonce_cassandra.protocol.state import State
from atleastonce_cassandra.protocol.steps import (
    Bury,
    Delete,
    Failed,
    Read,
    ReadEmpty,
    Register,
    Report,
    Stored,
    Unregister,
    Write,
)

from . import driver, failing
from .altering import altered
from .cells import NEVER, NOT_DELETED, Entry, inserted, updated
from .rules import Rules
from .scenario import HOUR, Scenario
from .scenarios import SCENARIOS

Change = Callable[[pytest.MonkeyPatch], None]


def nothing(patch: pytest.MonkeyPatch) -> None:
    """The rule is one of the servers' settings or of the consistency, which the scenario overrides."""


@frozen(kw_only=True)
class Mutant:
    """One rule less.

    Attributes:
        shows: the verdicts of which one must come.
        within: in so many runs of the scenario.
        change: replaces the rule in the protocol.
        instead: replaces it in the scenario, where it is a setting or a consistency.
        setting: makes the scenario harder; with the rule in, it must still find nothing.
    """

    scenario_name: str
    shows: tuple[str, ...] = ("LOST",)
    within: int = 20_000
    change: Change = nothing
    instead: dict[str, Any] = field(factory=dict)
    setting: dict[str, Any] = field(factory=dict)

    @property
    def control(self) -> Scenario:
        """The same with the rule in."""
        return evolve(SCENARIOS[self.scenario_name], **self.setting)

    @property
    def scenario(self) -> Scenario:
        """Where it shows."""
        return evolve(self.control, **self.instead)


def not_verified(client, place, rows):
    return
    yield


def first_rewrite_believed(client, place, rows):
    there = (yield Read(place, [row.id for row in rows])) if rows else {}
    missing = [row for row in rows if there.get(row.id) != (row.version, row.cell)]
    for row in missing:
        seen = there.get(row.id)
        row.version = client.versions.give(1, row.version if seen is None else seen.version, shared=True)
    if missing:
        yield Write(place, missing)


def verified_by(same: Callable[[Stored, Any], Stored]) -> Change:
    """Verify sees something else than what is there: `same` of what it read and of the row."""
    original = save.verify

    def verify(client, place, rows):
        of = {row.id: row for row in rows}

        def answer_of(step, answer):
            return {id: same(stored, of[id]) for id, stored in answer.items()} if type(step) is Read else answer

        return altered(original(client, place, rows), answer_of=answer_of)

    return lambda patch: patch.setattr(save, "verify", verify)


class Same:
    """A slot that equals every slot."""

    def __ne__(self, other):
        return False


def judged_before_the_ack(client, place, rows):
    if place not in client.registered:
        yield from save.register(client, place)
    late = False
    if place.slot != SHARD_SLOT:
        yield from measure.measure_if_due(client)
        late = places.slot_at(client.clock.now()) != place.slot
    yield Write(place, rows)
    yield from save.verify(client, place, [row for row in rows if row.verify])
    if late:
        yield from save.register(client, place)


def remembered_before_the_ack(client, place):
    yield from measure.measure(client)
    client.registered.add(place)
    yield Register(place, client.clock.now())


def not_measured(client, place):
    yield from measure.measure_if_due(client)
    yield Register(place, client.clock.now())
    client.registered.add(place)


def not_registered(client, place):
    yield from measure.measure(client)


def emptiness(believed: Callable[[bool | None], bool]) -> Change:
    """A sweep makes something else of what its second reading answers."""
    original = sweep.sweep

    def swept(client, place, first_read_began):
        return altered(
            original(client, place, first_read_began),
            answer_of=lambda step, answer: believed(answer) if type(step) is ReadEmpty else answer,
        )

    return lambda patch: patch.setattr(sweep, "sweep", swept)


def unregistered_at(timestamp: Callable[[Any, int], int]) -> Change:
    """A sweep deletes with another timestamp: of the client and of when the first read began."""
    original = sweep.sweep

    def swept(client, place, first_read_began):
        return altered(
            original(client, place, first_read_began),
            lambda step: Unregister(place, timestamp(client, first_read_began)) if type(step) is Unregister else step,
        )

    return lambda patch: patch.setattr(sweep, "sweep", swept)


def deleted_now(patch: pytest.MonkeyPatch) -> None:
    """Any deletion has the timestamp of now."""
    original = driver.PERFORM[Delete]

    def perform(world, process, step):
        now = process.clock.now() if process.clock._state else world.now
        return original(world, process, Delete(step.place, [(id, now) for id, _ in step.keys]))

    patch.setitem(driver.PERFORM, Delete, perform)


def blind_completed_now(patch: pytest.MonkeyPatch) -> None:
    """A complete without a version doesn't read."""
    original, perform = complete.complete, driver.PERFORM[Delete]

    def completed(place, keys):
        if any(version is None for _, version in keys):
            yield Delete(place, [(id, None) for id, _ in keys])
        else:
            yield from original(place, keys)

    def performed(world, process, step):
        now = process.clock.now() if process.clock._state else world.now
        return perform(world, process, Delete(step.place, [(id, now if at is None else at) for id, at in step.keys]))

    patch.setattr(complete, "complete", completed)
    patch.setitem(driver.PERFORM, Delete, performed)


def reported_as(entry: Callable[[Any, Failed], Entry]) -> Change:
    """A failure report writes something else."""

    def report(world, process, step):
        mutation = [((step.place, one.id), entry(world, one)) for one in step.failures]
        yield from driver._write(world, process, mutation)

    return lambda patch: patch.setitem(driver.PERFORM, Report, report)


def _whole_row(world, one, timestamp):
    cell = next(held.cell for held in world.history.held if held.version == one.version)
    return Entry(timestamp, (timestamp, cell), (timestamp, (one.attempts, "boom", one.version)), NOT_DELETED)


def moved_at_once(client, place, found, attempts, error):
    began = yield from fail.register_dead(client, place)
    yield Bury(place, found, attempts, error, began)


def uncounted(client, place, id, holding, failure, refused=None):
    """A failure is written to the row alone: what is there, and one more."""
    found = yield from failing.find(place, id)
    if found is None or found.version != holding.version:
        return None
    state = State(found.version, attempts=failure.attempts, error=b"E")
    yield from fail.report(client, place, found, failure, state)
    return state


def any_number_is_written(holding, failure, copied):
    """Whether the attempt is counted already is not looked at."""

    def decide(old):
        state = holding.state(old)
        return None if state is None else state._replace(attempts=failure.attempts, error=b"E")

    return decide


def not_registered_dead(client, place):
    return client.clock.now()
    yield


class WallClock(clock.ServerClock):
    """The wall clock, believed."""

    def now(self):
        return self._wall()


def versions_by_the_wall(patch: pytest.MonkeyPatch) -> None:
    """Only they, not the registrations."""

    def give(process, count, floor, shared):
        process.client.versions._now = process.wall
        return process.client.versions.give(count, floor, shared=shared)

    patch.setattr(Rules, "give", staticmethod(give))


def replaced(module: Any, name: str, value: Any) -> Change:
    """Something else under that name."""
    return lambda patch: patch.setattr(module, name, value)


MUTANTS = {
    # verified saves
    "saves are not verified": Mutant(scenario_name="user ids", change=replaced(save, "verify", not_verified)),
    "saves are not verified: re-saves of drawn ids": Mutant(
        scenario_name="re-saves",
        change=replaced(save, "verify", not_verified),
    ),
    "verified by mere existence": Mutant(
        scenario_name="user ids", change=verified_by(lambda stored, row: Stored(row.version, row.cell))
    ),
    "verified by content, not version": Mutant(
        scenario_name="user ids",
        change=verified_by(lambda stored, row: Stored(row.version, stored.cell)),
        setting={"same_cell": 70},
    ),
    "what was written again is believed": Mutant(
        scenario_name="user ids", change=replaced(save, "verify", first_rewrite_believed)
    ),
    "not further ahead when invisible": Mutant(
        scenario_name="user ids", change=replaced(save, "FIRST_AHEAD_US", 0), shows=("STUCK",), setting={"passing": 0}
    ),
    "not further ahead each time": Mutant(
        scenario_name="user ids", change=replaced(save, "AHEAD_FACTOR", 1), shows=("STUCK",), setting={"passing": 0}
    ),
    "not a minute ahead": Mutant(
        scenario_name="user ids", change=replaced(save, "MAX_AHEAD_US", 1_000_000), shows=("REFUSED",)
    ),
    "not above the version that was seen": Mutant(
        scenario_name="user ids",
        change=verified_by(lambda stored, row: stored if stored == (row.version, row.cell) else Stored(0, stored.cell)),
        shows=("STUCK",),
        setting={"passing": 0},
    ),
    "verified at LOCAL_QUORUM with two centres": Mutant(
        scenario_name="user ids, two centres", instead={"read_each": False}
    ),
    # registration
    "places are not registered": Mutant(
        scenario_name="drawn ids, slots end", change=replaced(save, "register", not_registered)
    ),
    "no second registration": Mutant(
        scenario_name="drawn ids, slots end", change=replaced(save, "slot_at", lambda now: Same())
    ),
    "the slot is judged before the ack": Mutant(
        scenario_name="drawn ids, one long stop", change=replaced(save, "save", judged_before_the_ack)
    ),
    "a registration is remembered before its ack": Mutant(
        scenario_name="re-saves",
        change=replaced(save, "register", remembered_before_the_ack),
        setting={"timeouts": 25, "processes": 2},
    ),
    "a registration does not measure the clock": Mutant(
        scenario_name="drawn ids, frozen for hours",
        change=replaced(save, "register", not_measured),
    ),
    # sweep
    "a sweep deletes with now": Mutant(
        scenario_name="saves race sweeps", change=unregistered_at(lambda client, first: client.clock.now())
    ),
    "a sweep deletes with when its read began": Mutant(
        scenario_name="saves race sweeps",
        change=unregistered_at(lambda client, first: first),
    ),
    "a sweep deletes with now minus the grace": Mutant(
        scenario_name="drawn ids, one long stop",
        change=unregistered_at(lambda client, first: client.clock.now() - HOUR),
    ),
    "no grace": Mutant(scenario_name="saves race sweeps", change=replaced(sweep, "GRACE_US", 0)),
    "a sweep asks a local quorum": Mutant(scenario_name="drawn ids, two centres", instead={"sweep_level": "local"}),
    "a sweep asks EACH_QUORUM, not ALL": Mutant(
        scenario_name="a replica loses its tail", instead={"sweep_level": "each"}, setting={"reindexed": False}
    ),
    "writes at ONE": Mutant(scenario_name="drawn ids, slots end", instead={"write_level": 1}, setting={"landing": 3}),
    "shards are swept": Mutant(
        scenario_name="everything, for days", change=replaced(sweep, "closed_for_us", lambda place, now: 30 * HOUR)
    ),
    "a sweep does not read again": Mutant(
        scenario_name="drawn ids, two centres", change=emptiness(lambda answer: True)
    ),
    "no answer is taken for empty": Mutant(
        scenario_name="drawn ids, two centres", change=emptiness(lambda answer: answer is None or answer)
    ),
    "a sweep takes an old slot for settled at once": Mutant(
        scenario_name="a replica loses its tail",
        change=replaced(sweep, "SETTLED_US", 0),
        setting={"reindexed": False},
    ),
    # complete
    "a deletion has the version's own timestamp": Mutant(
        scenario_name="user ids, faults",
        change=replaced(complete, "deletion_timestamp", lambda version: version),
        shows=("LEFTOVER",),
    ),
    "a deletion reaches the next versions": Mutant(
        scenario_name="re-saves",
        change=replaced(complete, "deletion_timestamp", lambda version: version + versions.STEP * versions.SPREAD),
    ),
    "a deletion has the timestamp of now": Mutant(scenario_name="user ids", change=deleted_now),
    "a complete without a version does not read": Mutant(scenario_name="user ids", change=blind_completed_now),
    # failure reports
    "a failure report has the timestamp of now": Mutant(
        scenario_name="user ids, faults",
        change=reported_as(lambda world, one: updated(world.now, (one.attempts, "boom", one.version))),
        shows=("LEFTOVER", "MIXED"),
    ),
    "a failure report inserts the row, now": Mutant(
        scenario_name="user ids, faults",
        change=reported_as(lambda world, one: _whole_row(world, one, world.now)),
        shows=("RESURRECTED", "LOST"),
    ),
    "a failure report inserts the row": Mutant(
        scenario_name="everything, for days",
        change=reported_as(lambda world, one: _whole_row(world, one, one.version + 1)),
        shows=("RESURRECTED", "LOST"),
    ),
    "a save leaves the failure as it is": Mutant(
        scenario_name="user ids, faults",
        change=replaced(driver, "inserted", lambda timestamp, cell: inserted(timestamp, cell)._replace(failure=NEVER)),
        shows=("MIXED",),
    ),
    "a failure is counted by reading and writing": Mutant(
        scenario_name="re-saves",
        change=replaced(failing, "tell", uncounted),
        shows=("MISCOUNTED",),
    ),
    "a failure is counted whatever was counted meanwhile": Mutant(
        scenario_name="re-saves",
        change=replaced(fail, "failed", any_number_is_written),
        shows=("MISCOUNTED",),
    ),
    "dead letters are not registered": Mutant(
        scenario_name="user ids, faults", change=replaced(fail, "register_dead", not_registered_dead)
    ),
    "a task is moved to the dead letters without a copy": Mutant(
        scenario_name="drawn ids, faults", change=replaced(fail, "bury", moved_at_once)
    ),
    "a task that is moved is deleted now": Mutant(
        scenario_name="re-saves",
        change=replaced(driver, "deletion_timestamp", lambda version: version + versions.STEP * versions.SPREAD),
    ),
    # versions
    "versions are not drawn": Mutant(
        scenario_name="re-saves",
        change=replaced(versions, "SPREAD", 1),
    ),
    "the wall clock is believed": Mutant(
        scenario_name="drawn ids, slots end", change=replaced(clock, "ServerClock", WallClock)
    ),
    "versions by the wall clock": Mutant(
        scenario_name="user ids",
        change=versions_by_the_wall,
        shows=("REFUSED",),
    ),
    # Three things that a clock's rules do, and that nothing here is lost or comes back without:
    # - Half of the round trip is taken for the way back. Without, a clock is wrong by up to ten seconds, not five; two clocks are no
    #   further apart from each other, and the grace is an hour. None in 10,000 runs each of "user ids", "saves race sweeps", and the drawn
    #   ids "stopped" and "frozen for hours", whichever end the answer is taken for; nor in 5,000 runs of claims.
    # - Boot clocks that drift (by 50 microseconds a second) are measured every minute. Without, they are minutes apart after months:
    #   verified saves and the grace make up for it. None in 10,000 runs of "user ids" and of "drawn ids, slots end" with weeks between.
    #   A guest that was frozen needs that rule, as below; and claims do where clocks drift, as leases are minutes long.
    # - For claims, that a long request casts doubt on the clock, and that clocks that move apart are noticed: a clock that stood still is
    #   behind, so leases are short, and it is measured within a minute. None in 5,000 runs of claims each.
    "an old measurement is believed": Mutant(
        scenario_name="drawn ids, frozen for hours",
        change=replaced(clock, "MAX_AGE_US", 1 << 60),
    ),
    "a long request does not cast doubt on the clock": Mutant(
        scenario_name="drawn ids, frozen for hours",
        change=replaced(driver, "MAX_PAUSE_US", 1 << 60),
    ),
    "clocks that move apart are not noticed": Mutant(
        scenario_name="drawn ids, asleep for hours",
        change=replaced(clock, "MAX_PAUSE_US", 1 << 60),
    ),
    "any clock answer is believed": Mutant(
        scenario_name="drawn ids, stopped for hours",
        change=replaced(clock, "MAX_ROUND_TRIP_US", 1 << 60),
    ),
    # the servers
    "tombstones go before hints come": Mutant(
        scenario_name="everything, for days",
        shows=("RESURRECTED",),
        instead={"gc_grace_us": 0},
        setting={"dcs": 1, "read_each": False, "landing": 3, "faults": 25, "timeouts": 10},
    ),
}
