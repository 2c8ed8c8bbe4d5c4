"""What the verbs of claims ask of the servers, step by step, where it is not what usually happens."""

from __future__ import annotations

import pytest

from atleastonce.claims import Failure, Held
from atleastonce.exceptions import StoreUnavailable
from atleastonce.record import MAX_ATTEMPTS, TaskRecord
from atleastonce_cassandra.protocol.claim import Taking, Terms, look
from atleastonce_cassandra.protocol.client import Client
from atleastonce_cassandra.protocol.clock import GivenClock
from atleastonce_cassandra.protocol.fail import failed
from atleastonce_cassandra.protocol.hold import Holding, change, released, renewed
from atleastonce_cassandra.protocol.known import Known
from atleastonce_cassandra.protocol.places import SHARD_SLOT, Place
from atleastonce_cassandra.protocol.state import State
from atleastonce_cassandra.protocol.steps import Change, Found, ReadClaims, ReadVersions, Swap, Swapped
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


HOLDING = Holding(4, b"theirs")


def test_a_claim_is_not_lost_because_another_is_remembered(client):
    """This process had the task, lost it, and was sent the claim of the one who has it now."""
    client.known.put(PLACE, b"a", MINE)
    steps = change(client, PLACE, {b"a": renewed(client, HOLDING)})
    assert next(steps) == ReadClaims(PLACE, [b"a"], settled=True)
    swapped = steps.send({b"a": THEIRS})
    new = THEIRS._replace(until=NOW)
    assert swapped.changes == [Change(b"a", THEIRS, new)]
    assert steps.send(Swapped(True)) == ReadVersions(PLACE, [b"a"])
    with pytest.raises(StopIteration) as end:
        steps.send({b"a": 4})
    assert end.value.value == {b"a": new}
    assert client.known.get(PLACE, b"a") == new


@pytest.mark.parametrize("hint", [{}, {b"a": MINE}])
def test_a_claim_is_not_lost_because_a_hint_is_old(client, hint):
    steps = change(client, PLACE, {b"a": renewed(client, HOLDING)})
    assert next(steps) == ReadClaims(PLACE, [b"a"])
    assert steps.send(hint) == ReadClaims(PLACE, [b"a"], settled=True)
    assert isinstance(steps.send({b"a": THEIRS}), Swap)


RENEWED, DUE = MINE._replace(until=NOW + 5, lease=5), MINE._replace(due_at=9)


@pytest.mark.parametrize(
    ("known", "decide"),
    [
        (RENEWED, lambda client: renewed(client, Holding(4, b"mine"))),  # within the microsecond of the last renewal
        (DUE, lambda client: released(Holding(4, None), 9, unstarted=False)),
    ],
    ids=["renewed", "due"],
)
@pytest.mark.parametrize("is_remembered", [True, False])
def test_that_nothing_is_to_be_written_is_not_believed_of_a_hint(client, known, decide, is_remembered):
    """Another process may have the claim by now."""
    if is_remembered:
        client.known.put(PLACE, b"a", known)
    steps = change(client, PLACE, {b"a": decide(client)})
    step = next(steps)
    if not is_remembered:
        assert step == ReadClaims(PLACE, [b"a"])
        step = steps.send({b"a": known})
    assert step == ReadClaims(PLACE, [b"a"], settled=True)
    if known is DUE:
        assert steps.send({b"a": THEIRS}).changes == [Change(b"a", THEIRS, THEIRS._replace(due_at=9))]
        return
    with pytest.raises(StopIteration) as end:
        steps.send({b"a": THEIRS})
    assert end.value.value == {}
    assert client.known.get(PLACE, b"a") is None


def test_what_is_as_wanted_already_is_not_written(client):
    client.known.put(PLACE, b"a", RENEWED)
    steps = change(client, PLACE, {b"a": renewed(client, Holding(4, b"mine"))})
    next(steps)
    assert steps.send({b"a": RENEWED}) == ReadVersions(PLACE, [b"a"])
    with pytest.raises(StopIteration) as end:
        steps.send({b"a": 4})
    assert end.value.value == {b"a": RENEWED}
    assert client.known.get(PLACE, b"a") == RENEWED


def test_what_is_remembered_of_a_lost_claim_is_forgotten(client):
    client.known.put(PLACE, b"a", MINE)
    steps = change(client, PLACE, {b"a": renewed(client, HOLDING)})
    next(steps)
    with pytest.raises(StopIteration) as end:
        steps.send({b"a": FREE})
    assert end.value.value == {}
    assert client.known.get(PLACE, b"a") is None


def failing(token, version=4):
    failure = Failure(held=None, attempts=1, last_error="E")
    return failed(Holding(version, token), failure, 0)


@pytest.mark.parametrize(
    ("token", "since"),
    [
        (
            None,
            THEIRS._replace(attempts=1),
        ),  # somebody claimed it, and knows of this attempt, or of one of somebody else's
        (b"mine", THEIRS),
        (b"mine", FREE),
    ],
)
def test_what_may_have_been_changed_before_others_did_is_not_denied(client, token, since):
    client.known.put(PLACE, b"a", MINE)
    client.known.put(PLACE, b"b", MINE)
    steps = change(client, PLACE, {b"a": failing(token), b"b": renewed(client, Holding(4, b"mine"))})
    assert isinstance(next(steps), Swap)
    assert isinstance(steps.send(Swapped(None)), ReadClaims)
    again = steps.send({b"a": since, b"b": MINE})
    assert [change.id for change in again.changes] == [b"b"]  # the neighbour is changed all the same
    with pytest.raises(StoreUnavailable, match="1 of 2 claims may have been changed") as caught:
        steps.send(Swapped(True))
    assert caught.value.outcome == "unknown"


def test_a_claim_that_may_have_been_taken_is_left_out(client):
    steps = swap(client, PLACE, {b"a": take_free}, {})
    next(steps)
    steps.send(Swapped(None))
    with pytest.raises(StopIteration) as end:
        steps.send({b"a": THEIRS})
    assert end.value.value == {}


def look_of(client):
    """The look at a row of version 4; the claims are asked next."""
    terms = Terms(1, NOW, None, lambda found: TaskRecord("list", "a", "T", b"{}", found.version))
    steps = look(client, PLACE, b"", None, 1, terms)
    next(steps)
    assert steps.send([Found(b"a", (b"T", b"{}", b""), None, 4)]) == ReadClaims(PLACE, [b"a"])
    return steps


def test_who_holds_a_version_that_this_data_centre_has_not_got_is_not_disturbed(client):
    steps = look_of(client)
    with pytest.raises(StopIteration) as end:
        steps.send({b"a": State(8, b"theirs", NOW + 1)})
    assert end.value.value.candidates == []


@pytest.mark.parametrize(("there", "found"), [({b"a": 4}, 1), ({b"a": 8}, 0), ({}, 0)])
@pytest.mark.parametrize("newer", [State(8), State(8, b"theirs", NOW)])
def test_a_newer_version_that_nobody_holds_is_looked_for_in_every_data_centre(client, newer, there, found):
    steps = look_of(client)
    assert steps.send({b"a": newer}) == ReadVersions(PLACE, [b"a"], everywhere=True)
    with pytest.raises(StopIteration) as end:
        steps.send(there)
    assert len(end.value.value.candidates) == found


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
