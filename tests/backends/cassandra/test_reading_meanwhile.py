"""A row that is read while it is written: the write decides what the call says, the reading only whether to read once more."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from cassandra import ConsistencyLevel, OperationTimedOut, Unavailable

from atleastonce.clock import system_clock
from atleastonce.exceptions import StoreUnavailable
from atleastonce_cassandra.player import Player
from atleastonce_cassandra.protocol.client import Client
from atleastonce_cassandra.protocol.clock import GivenClock
from atleastonce_cassandra.protocol.places import SHARD_SLOT, Place
from atleastonce_cassandra.protocol.save import save
from atleastonce_cassandra.protocol.steps import Row, Stored, WriteAndRead
from atleastonce_cassandra.rows import cell_again
from atleastonce_cassandra.waiting import Deadline

PLACE, VERSION, TASK = Place(b"list", SHARD_SLOT, 0), 4_000, (b"T", b"{}", b"")
ROW = Row(b"a", cell_again(TASK), VERSION, True)
WRITTEN, SEEN = SimpleNamespace(current_rows=[]), SimpleNamespace(current_rows=[(b"a", TASK, VERSION)])
UNAVAILABLE, TIMED_OUT = Unavailable("u", required_replicas=2, alive_replicas=1), OperationTimedOut({})


class Prepared:
    """A prepared statement, as far as it is looked at."""

    is_idempotent = True
    column_metadata = routing_key_indexes = ()
    consistency_level = ConsistencyLevel.LOCAL_QUORUM
    query_id = b"q"


class Link:
    """Answers a write and each reading, and counts them."""

    where, verify_at = "k.tasks", ConsistencyLevel.LOCAL_QUORUM
    statements = SimpleNamespace(insert=Prepared(), read_one=Prepared())

    def __init__(self, write, *readings):
        self.write, self.readings, self.asked = write, list(readings), []

    def send(self, statement, *, reading):
        self.asked.append("read" if reading else "write")
        answer = self.readings.pop(0) if reading else self.write
        return SimpleNamespace(result=lambda left: given(answer))


def given(answer):
    if isinstance(answer, Exception):
        raise answer
    return answer


def played(link, steps):
    client = Client(GivenClock(system_clock), lambda limit: 0)
    client.registered.add(PLACE)
    return Player(link, client, Deadline(5)).play(steps(client))


def step(_client):
    return (yield WriteAndRead(PLACE, ROW))


def whole(client):
    yield from save(client, PLACE, [ROW])


@pytest.mark.parametrize(
    ("reading", "seen"), [(SEEN, Stored(VERSION, ROW.cell)), (WRITTEN, None), (UNAVAILABLE, None), (TIMED_OUT, None)]
)
def test_what_was_seen(reading, seen):
    assert played(Link(WRITTEN, reading), step) == seen


def test_one_turn_is_enough_where_it_is_seen():
    link = Link(WRITTEN, SEEN)
    played(link, whole)
    assert link.asked == ["write", "read"]


@pytest.mark.parametrize("reading", [WRITTEN, UNAVAILABLE, TIMED_OUT])
def test_where_it_is_not_seen_it_is_read_once_more(reading):
    link = Link(WRITTEN, reading, SEEN)
    played(link, whole)
    assert link.asked == ["write", "read", "read"]


def test_a_reading_that_fails_once_more_leaves_the_save_in_doubt():
    with pytest.raises(StoreUnavailable) as caught:
        played(Link(WRITTEN, UNAVAILABLE, UNAVAILABLE), whole)
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize("reading", [SEEN, WRITTEN, UNAVAILABLE])
@pytest.mark.parametrize(("error", "outcome"), [(UNAVAILABLE, "not_applied"), (TIMED_OUT, "unknown")])
def test_the_outcome_is_that_of_the_write_whatever_was_seen(reading, error, outcome):
    with pytest.raises(StoreUnavailable) as caught:
        played(Link(error, reading), whole)
    assert caught.value.outcome == outcome
