"""How an attempt's failure is written down: the protocol's steps in the order in which the backend's `fail` has them."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from atleastonce.claims import Failure, Held
from atleastonce_cassandra.protocol import fail, hold
from atleastonce_cassandra.protocol.client import Client
from atleastonce_cassandra.protocol.hold import Holding
from atleastonce_cassandra.protocol.places import Place
from atleastonce_cassandra.protocol.state import State
from atleastonce_cassandra.protocol.steps import Found, ReadRows, Steps


def told(attempts: int, most: int, error: str = "E", due_at: int | None = None) -> Failure:
    """That so many attempts failed, the last of `most` perhaps.

    Whose it is says the `Holding` beside it. Of two reports without a claim that are alike in number, text and time, and one of which is not answered, the protocol can't tell
    whose was applied: they count once.
    """
    dead = attempts >= most
    return Failure(
        held=Held("", "", None), attempts=attempts, last_error=error, dead=dead, due_at=None if dead else due_at
    )


def find(place: Place, id: bytes) -> Steps[Found | None]:
    """The row of a task."""
    rows: dict[bytes, Found] = yield ReadRows(place, [id])
    return rows.get(id)


def attempts_of(found: Found) -> int:
    """How many failed, as far as the row knows."""
    return 0 if found.failure is None else found.failure[0]


def tell(
    client: Client,
    place: Place,
    id: bytes,
    holding: Holding,
    failure: Failure,
    refused: Callable[[], None] = lambda: None,
) -> Steps[State | None]:
    """Write down a failure; the new state of the claims, None where it is not the caller's to say so, of which `refused` is told at once."""
    found = yield from find(place, id)
    if found is None or holding.version not in {None, found.version}:
        return None
    meant = evolve(holding, version=found.version)
    states = yield from hold.change(client, place, {id: fail.failed(meant, failure, attempts_of(found))})
    if id not in states:
        refused()
        return None
    yield from fail.report(client, place, found, failure, states[id])
    return states[id]
