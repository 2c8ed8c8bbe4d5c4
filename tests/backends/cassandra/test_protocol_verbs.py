"""What each verb asks of the servers, step by step."""

from __future__ import annotations

from itertools import pairwise

import pytest

from atleastonce.exceptions import StoreUnavailable
from atleastonce_cassandra.protocol.client import Client
from atleastonce_cassandra.protocol.clock import GivenClock
from atleastonce_cassandra.protocol.complete import complete
from atleastonce_cassandra.protocol.places import SHARD_SLOT, SLOT_US, Place
from atleastonce_cassandra.protocol.save import prepare, save
from atleastonce_cassandra.protocol.steps import (
    Delete,
    Measure,
    Read,
    ReadEmpty,
    Register,
    Row,
    Stored,
    Unregister,
    Wait,
    Write,
)
from atleastonce_cassandra.protocol.sweep import GRACE_US, SETTLED_US, is_sweepable, sweep

NOW = 5_666_667 * SLOT_US
SHARD = Place(b"list", SHARD_SLOT, 0)
CURRENT = Place(b"list", NOW // SLOT_US, 9)


class Played:
    """Plays a protocol with the answers given; what it asked, and its result."""

    def __init__(self, steps, *answers):
        self.asked, answers = [], list(answers)
        answer = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as stop:
                self.result = stop.value
                break
            self.asked.append(step)
            answer = answers.pop(0) if isinstance(step, Read | ReadEmpty) else None
        assert not answers


@pytest.fixture
def time():
    return [NOW]


@pytest.fixture
def client(time):
    return Client(GivenClock(lambda: time[0]), lambda limit: 0)


def row(version=NOW, *, verify=False, id=b"a", cell=b"cell"):
    return Row(id, cell, version, verify)


def test_a_first_save_registers_then_writes(client):
    rows = [row()]
    played = Played(save(client, CURRENT, rows))
    assert played.asked == [Measure(), Register(CURRENT, NOW), Write(CURRENT, rows)]
    assert Played(save(client, CURRENT, rows)).asked == [Write(CURRENT, rows)]  # the place is remembered


def test_a_slot_that_is_over_after_the_write_is_registered_again(client, time):
    steps = save(client, CURRENT, [row()])
    asked = [next(steps)]
    for step in steps:
        if isinstance(step, Write):
            time[0] = NOW + SLOT_US
        asked.append(step)
    assert [type(step) for step in asked] == [Measure, Register, Write, Measure, Register]
    assert asked[-1].timestamp == NOW + SLOT_US


def test_an_id_drawn_ahead_is_registered_again_too(client):
    ahead = CURRENT._replace(slot=CURRENT.slot + 3)
    assert [type(step) for step in Played(save(client, ahead, [row()])).asked][-1] is Register


def test_a_failed_registration_is_not_remembered(client):
    steps = save(client, CURRENT, [row()])
    next(steps)
    assert isinstance(steps.send(None), Register)
    with pytest.raises(StoreUnavailable):
        steps.throw(StoreUnavailable("no answer"))
    assert CURRENT not in client.registered


def test_a_verified_save_ends_when_it_sees_itself(client):
    client.registered.add(SHARD)
    rows = [row(verify=True), row(id=b"b")]
    played = Played(save(client, SHARD, rows), {b"a": Stored(NOW, b"cell")})
    assert played.asked == [Write(SHARD, rows), Read(SHARD, [b"a"])]


@pytest.mark.parametrize("seen", [Stored(NOW + 400, b"other"), Stored(NOW + 400, b"cell"), Stored(NOW, b"other")])
def test_another_save_that_is_seen_is_overwritten_above_it(client, seen):
    client.registered.add(SHARD)
    steps = save(client, SHARD, [row(verify=True)])
    assert isinstance(next(steps), Write)
    assert isinstance(steps.send(None), Read)
    again = steps.send({b"a": seen})
    assert isinstance(again, Write)
    assert again.rows[0].version == max(NOW, seen.version) + 4
    assert isinstance(steps.send(None), Read)
    with pytest.raises(StopIteration):
        steps.send({b"a": Stored(again.rows[0].version, b"cell")})


def test_an_invisible_save_goes_further_ahead_each_time_and_then_gives_up(client):
    client.registered.add(SHARD)
    steps = save(client, SHARD, [row(verify=True)])
    versions = []

    def run():
        answer = None
        while True:
            step = steps.send(answer)
            if isinstance(step, Write):
                versions.append(step.rows[0].version)
            answer = {} if isinstance(step, Read) else None
            assert not isinstance(step, Wait) or step.duration < 256_000

    with pytest.raises(StoreUnavailable, match="invisible"):
        run()
    leaps = [later - earlier for earlier, later in pairwise(versions)]
    assert leaps == [ms * 1_000 + 4 for ms in (1, 8, 64, 512, 4_096, 32_768, 60_000)]


def test_only_what_is_missing_is_written_again(client):
    client.registered.add(SHARD)
    steps = save(client, SHARD, [row(verify=True), row(NOW + 4, verify=True, id=b"b")])
    next(steps)
    steps.send(None)
    again = steps.send({b"a": Stored(NOW, b"cell")})
    assert [written.id for written in again.rows] == [b"b"]


def test_a_clock_that_is_not_due_is_not_measured(client):
    assert Played(prepare(client)).asked == []


def test_complete_deletes_just_above_each_version():
    assert Played(complete(SHARD, [(b"a", 400), (b"b", 800)])).asked == [Delete(SHARD, [(b"a", 402), (b"b", 802)])]


def test_complete_of_one_id_twice_deletes_the_highest_once():
    assert Played(complete(SHARD, [(b"a", 800), (b"a", 400)])).asked == [Delete(SHARD, [(b"a", 802)])]
    played = Played(complete(SHARD, [(b"a", None), (b"a", 400)]), {b"a": Stored(800, b"")})
    assert played.asked == [Read(SHARD, [b"a"]), Delete(SHARD, [(b"a", 802)])]


def test_complete_without_a_version_deletes_what_is_there_and_nothing_else():
    played = Played(complete(SHARD, [(b"a", None), (b"b", None)]), {b"b": Stored(800, b"")})
    assert played.asked == [Read(SHARD, [b"a", b"b"]), Delete(SHARD, [(b"b", 802)])]
    assert Played(complete(SHARD, [(b"a", None)]), {}).asked == [Read(SHARD, [b"a"])]
    assert Played(complete(SHARD, [])).asked == []


def test_a_sweep_unregisters_as_of_the_grace_before_the_first_read(client, time):
    began = time[0] = NOW + SLOT_US + GRACE_US + 1
    time[0] += 50
    played = Played(sweep(client, CURRENT, began), True)
    assert played.asked == [ReadEmpty(CURRENT, False), Unregister(CURRENT, began - GRACE_US)]
    assert played.result is True


@pytest.mark.parametrize("answer", [False, None])
def test_a_place_that_is_not_surely_empty_stays(client, time, answer):
    time[0] = NOW + SLOT_US + GRACE_US + 1
    played = Played(sweep(client, CURRENT, time[0]), answer)
    assert played.asked == [ReadEmpty(CURRENT, False)]
    assert played.result is False


def test_after_a_day_a_quorum_everywhere_is_enough(client, time):
    time[0] = NOW + SLOT_US + SETTLED_US
    assert Played(sweep(client, CURRENT, time[0]), False).asked == [ReadEmpty(CURRENT, False)]
    time[0] += 1
    assert Played(sweep(client, CURRENT, time[0]), False).asked == [ReadEmpty(CURRENT, True)]


def test_within_the_grace_and_of_shards_nothing_is_swept(client, time):
    time[0] = NOW + SLOT_US + GRACE_US
    assert Played(sweep(client, CURRENT, time[0])).result is False
    assert not is_sweepable(SHARD, 2**53)


def test_after_a_fork_nothing_is_remembered(client):
    client.registered.add(SHARD)
    client.forget()
    assert SHARD not in client.registered
