"""Save: register the place, write, and make sure that what was written is what is there."""

from __future__ import annotations

from collections.abc import Sequence

from atleastonce.exceptions import StoreUnavailable

from .client import Client
from .measure import measure, measure_if_due
from .places import SHARD_SLOT, Place, slot_at
from .steps import Read, Register, Row, Steps, Wait, Write

FIRST_AHEAD_US = 1_000
AHEAD_FACTOR = 8
MAX_AHEAD_US = 60_000_000
"""A row that is not there right after its write was acknowledged lies under a deletion by a clock that is ahead. It is written
again 1 ms further ahead, then 8 ms, ... up to a minute: the servers' clocks are not further apart."""

FIRST_WAIT_US = 1_000
MAX_WAIT_US = 256_000
"""Two who save one id may overwrite each other in step; from the second time on, each waits at random, up to twice as long."""


def prepare(client: Client) -> Steps[None]:
    """Before versions are given: the clock must be right."""
    yield from measure_if_due(client)


def save(client: Client, place: Place, rows: Sequence[Row]) -> Steps[None]:
    """Write the rows, whose ids are distinct and in that place. Their versions may grow on the way.

    Returns once each row is visible to everyone, and will stay so until somebody who has it completes it or saves it anew.
    """
    if place not in client.registered:
        yield from register(client, place)
    yield Write(place, rows)
    yield from verify(client, place, [row for row in rows if row.verify])
    # A sweep may have found the place empty just before the row came, and have unregistered it since. That is possible
    # only when its slot is over by now; so the clock is asked now, after the row is there, and not before.
    if place.slot != SHARD_SLOT:
        yield from measure_if_due(client)
        if slot_at(client.clock.now()) != place.slot:
            yield from register(client, place)


def register(client: Client, place: Place) -> Steps[None]:
    """Have `all` look there."""
    yield from measure(client)
    yield Register(place, client.clock.now())
    client.registered.add(place)


def verify(client: Client, place: Place, rows: Sequence[Row]) -> Steps[None]:
    """Read the rows back; write again what is not there as it was written."""
    ahead = 0
    longest_wait = 0
    while rows:
        there = yield Read(place, [row.id for row in rows])
        missing = [row for row in rows if there.get(row.id) != (row.version, row.cell)]
        if not missing:
            return
        if any(row.id not in there for row in missing):
            if ahead >= MAX_AHEAD_US:
                raise StoreUnavailable(
                    "a saved task stays invisible: something deleted it with a time that is over a minute ahead of the "
                    "servers' clocks; set the clocks right, and save it again"
                )
            ahead = min(MAX_AHEAD_US, ahead * AHEAD_FACTOR or FIRST_AHEAD_US)
        if longest_wait:
            yield Wait(client.draw(longest_wait))
        longest_wait = min(MAX_WAIT_US, longest_wait * 2 or FIRST_WAIT_US)
        for row in missing:
            seen = there.get(row.id)
            floor = row.version + ahead if seen is None else max(row.version, seen.version)
            row.version = client.versions.give(1, floor, shared=True)
        yield Write(place, missing)
        rows = missing
