"""Fail: write down that an attempt failed, and move the task to the dead letters where that was its last."""

from __future__ import annotations

from atleastonce.claims import Failure
from atleastonce.record import MAX_ATTEMPTS

from .client import Client
from .hold import Holding
from .measure import measure_if_due
from .places import Place
from .state import ERROR_BYTES, State
from .steps import Bury, Failed, Found, RegisterDead, Report, Steps
from .swap import Decide


def failed(holding: Holding, failure: Failure, copied: int) -> Decide:
    """One attempt more. With a token the claim is given back, too; without one it stays, and only a higher number is written.

    `copied` is how many attempts the task's row knows of.
    """
    error = failure.last_error.encode("utf-8", "surrogateescape")[:ERROR_BYTES]

    def decide(old: State | None) -> State | None:
        state = holding.state(old)
        if state is None:
            return None
        attempts = max(state.attempts or 0, copied)
        if holding.token is not None:
            state = state._replace(token=None, started=False)
        elif attempts >= failure.attempts:
            return None
        attempts = min(max(attempts, failure.attempts), MAX_ATTEMPTS)
        return state._replace(attempts=attempts, error=error, due_at=failure.due_at)

    return decide


def report(client: Client, place: Place, found: Found, failure: Failure, state: State) -> Steps[None]:
    """Once that is the state: copy it to where readers look, or move the task."""
    error = failure.last_error.encode("utf-8", "surrogateescape")
    if failure.dead:
        yield from bury(client, place, found, state.attempts, error)
    else:
        shown = Failed(found.id, found.version, state.attempts, error, state.due_at)
        yield Report(place, [shown], client.clock.now())


def register_dead(client: Client, place: Place) -> Steps[int]:
    """Have `dead` look there; the time of it."""
    yield from measure_if_due(client)
    began = client.clock.now()
    yield RegisterDead(place, began)
    return began


def bury(client: Client, place: Place, found: Found, attempts: int, error: bytes) -> Steps[None]:
    """Move a task to the dead letters: first have `dead` look there, then move it, in one mutation."""
    began = yield from register_dead(client, place)
    yield Bury(place, found, attempts, error, began)
