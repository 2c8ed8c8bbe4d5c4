"""What the verbs of claims ask of the servers, step by step, where it is not what usually happens."""

from __future__ import annotations

import pytest

from atleastonce.claims import Failure, Held
from atleastonce.exceptions import StoreUnavailable
from atleastonce_cassandra.protocol.claim import Taking
from atleastonce_cassandra.protocol.client import Client
from atleastonce_cassandra.protocol.clock import GivenClock
from atleastonce_cassandra.protocol.fail import failed
from atleastonce_cassandra.protocol.hold import Holding
from atleastonce_cassandra.protocol.known import Known
from atleastonce_cassandra.protocol.places import SHARD_SLOT, Place
from atleastonce_cassandra.protocol.state import MAX_ATTEMPTS, State
from atleastonce_cassandra.protocol.steps import Change, ReadClaims, Swap, Swapped
from atleastonce_cassandra.protocol.swap import MAX_ROWS, MAX_TRIES, swap
from atleastonce_cassandra.rows import claim_cell, failure_cell

NOW = 1_000_000
PLACE = Place(b"list", SHARD_SLOT, 0)
FREE, MINE, THEIRS = State(4), State(4, b"mine", NOW + 1), State(4, b"theirs", NOW + 1)


@pytest.fixture
def client():
    return Client(GivenClock(lambda: NOW), lambda limit: 0)


def take_free(old):
    return MINE if old in {None, FREE} else None


def test_an_answer_that_was_lost_is_looked_up(client):
    steps = swap(client, PLACE, {b"a": take_free}, {})
    assert next(steps) == Swap(PLACE, [Change(b"a", None, MINE)], NOW)
    assert steps.send(Swapped(None)) == ReadClaims(PLACE, [b"a"], settled=True)
    with pytest.raises(StopIteration) as end:
        steps.send({b"a": MINE})
    assert end.value.value == {b"a": MINE}
    assert client.known.get(PLACE, b"a") == MINE


def test_what_others_took_is_left_out_of_the_next_batch(client):
    steps = swap(client, PLACE, {b"a": take_free, b"b": take_free}, {})
    assert len(next(steps).changes) == 2
    again = steps.send(Swapped(False, {b"a": THEIRS, b"b": FREE}))
    assert again.changes == [Change(b"b", FREE, MINE)]
    with pytest.raises(StopIteration) as end:
        steps.send(Swapped(True))
    assert end.value.value == {b"b": MINE}


@pytest.mark.parametrize(("answer", "outcome"), [(Swapped(False), "not_applied"), (Swapped(None), "unknown")])
def test_it_is_not_tried_for_ever(client, answer, outcome):
    steps = swap(client, PLACE, {b"a": take_free}, {})
    sent = []

    def run():
        step = next(steps)
        while True:
            sent.append(step)
            step = steps.send(answer if isinstance(step, Swap) else {})

    with pytest.raises(StoreUnavailable, match="again and again") as caught:
        run()
    assert sum(isinstance(step, Swap) for step in sent) == MAX_TRIES
    assert caught.value.outcome == outcome


def test_many_rows_go_in_several_batches(client):
    steps = swap(client, PLACE, {b"%d" % number: take_free for number in range(MAX_ROWS + 1)}, {})
    assert len(next(steps).changes) == MAX_ROWS
    assert len(steps.send(Swapped(True)).changes) == 1


def test_claims_are_remembered_up_to_a_limit():
    known = Known(limit=2)
    for id in (b"a", b"b", b"c"):
        known.put(PLACE, id, MINE)
    assert [known.get(PLACE, id) for id in (b"a", b"b", b"c")] == [None, MINE, MINE]
    known.put(PLACE, b"b", FREE)
    assert known.get(PLACE, b"b") is None


@pytest.mark.parametrize("token", [b"mine", None])
def test_more_attempts_than_a_cell_can_hold_are_as_many_as_it_can(token):
    told = Failure(held=Held("list", "a", 4), attempts=MAX_ATTEMPTS + 1, last_error="E")
    state = failed(Holding(4, token), told, MAX_ATTEMPTS)(MINE)
    assert state.attempts == MAX_ATTEMPTS
    assert claim_cell(state)


def test_a_lost_worker_too(client):
    lost = State(4, b"theirs", NOW - 1, 1, started=True, attempts=MAX_ATTEMPTS)
    state = Taking(client, 4, 1, None, "mine", MAX_ATTEMPTS, lost).decide(lost)
    assert state.attempts == MAX_ATTEMPTS
    assert claim_cell(state)


def test_a_report_of_too_many_is_one_of_the_most():
    assert failure_cell(MAX_ATTEMPTS + 1, b"E") == failure_cell(MAX_ATTEMPTS, b"E")
