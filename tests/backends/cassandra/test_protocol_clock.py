"""The clock by the servers: an offset to a clock that nobody sets."""

from __future__ import annotations

import pytest

from atleastonce.exceptions import StoreUnavailable
from atleastonce_cassandra.protocol.client import Client
from atleastonce_cassandra.protocol.clock import MAX_AGE_US, MAX_PAUSE_US, MAX_ROUND_TRIP_US, GivenClock, ServerClock
from atleastonce_cassandra.protocol.measure import MAX_TRIES, measure, measure_if_due
from atleastonce_cassandra.protocol.steps import Measure

SERVER = 1_700_000_000_000_000


class Machine:
    def __init__(self):
        self.elapsed = 1_000
        self.wall = 500
        self.clock = ServerClock(lambda: self.elapsed, lambda: self.wall)

    def pass_time(self, duration):
        self.elapsed += duration
        self.wall += duration


@pytest.fixture
def machine():
    return Machine()


def test_before_the_first_measurement_it_is_due_and_tells_nothing(machine):
    assert machine.clock.is_due()
    machine.clock.suspect()
    with pytest.raises(RuntimeError, match="not measured"):
        machine.clock.now()


def test_half_of_the_round_trip_is_the_way_back(machine):
    began = machine.elapsed
    machine.pass_time(400)
    machine.clock.measured(SERVER, began)
    assert machine.clock.now() == SERVER + 200
    machine.pass_time(50)
    assert machine.clock.now() == SERVER + 250


def test_it_is_due_when_old_and_when_the_two_clocks_move_apart(machine):
    machine.clock.measured(SERVER, machine.elapsed)
    machine.pass_time(MAX_AGE_US)
    assert not machine.clock.is_due()
    machine.pass_time(1)
    assert machine.clock.is_due()
    machine.clock.measured(SERVER, machine.elapsed)
    machine.wall -= MAX_PAUSE_US
    assert not machine.clock.is_due()
    machine.wall -= 1
    assert machine.clock.is_due()


def test_the_wall_clock_is_never_followed(machine):
    machine.clock.measured(SERVER, machine.elapsed)
    machine.wall += 10**12
    assert machine.clock.now() == SERVER


def test_suspected_it_is_due_until_measured_and_goes_on_as_before(machine):
    machine.clock.measured(SERVER, machine.elapsed)
    machine.clock.suspect()
    assert machine.clock.is_due()
    assert machine.clock.now() == SERVER
    machine.clock.measured(SERVER + 5, machine.elapsed)
    assert not machine.clock.is_due()
    assert machine.clock.now() == SERVER + 5


def test_an_answer_that_took_too_long_is_not_believed(machine):
    began = machine.elapsed
    machine.pass_time(MAX_ROUND_TRIP_US + 1)
    machine.clock.measured(SERVER, began)
    assert machine.clock.is_due()
    machine.clock.measured(SERVER, machine.elapsed)
    began = machine.elapsed
    machine.pass_time(MAX_ROUND_TRIP_US + 1)
    machine.clock.measured(SERVER, began)  # it says less than the offset that is known
    assert machine.clock.is_due()
    assert machine.clock.now() == SERVER + MAX_ROUND_TRIP_US + 1


def test_an_answer_older_than_another_threads_measurement_is_dropped(machine):
    began = machine.elapsed
    machine.pass_time(10)
    machine.clock.measured(SERVER, machine.elapsed)
    machine.clock.measured(SERVER + 1_000_000, began)
    assert machine.clock.now() == SERVER


def test_measuring_is_tried_again_until_believed_and_not_for_ever(machine):
    client = Client(machine.clock, lambda limit: 0)
    steps = measure(client)
    assert next(steps) == Measure()
    assert steps.send(None) == Measure()
    machine.clock.measured(SERVER, machine.elapsed)
    assert list(steps) == []
    assert list(measure_if_due(client)) == []
    machine.clock.suspect()
    steps = measure_if_due(client)
    assert [next(steps) for _ in range(MAX_TRIES)] == [Measure()] * MAX_TRIES
    with pytest.raises(StoreUnavailable, match="clock can't be read"):
        next(steps)


def test_a_given_clock_is_believed():
    clock = GivenClock(lambda: 7)
    clock.measured(SERVER, 0)
    assert not clock.is_due()
    assert clock.now() == clock.elapsed() == 7
