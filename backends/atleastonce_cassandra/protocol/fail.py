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
    """Move a task to the dead letters: have `dead` look there, copy it, and only then move it.

    The move alone would be one mutation. But if this process died in it when it had reached one replica only, those who read the task
    would bring its deletion to the others, and nobody the dead letter: one replica would be all that has it.
    """
    began = yield from register_dead(client, place)
    move = Bury(place, found, attempts, error, began)
    yield move._replace(only_copy=True)
    yield move
