"""What the holder of a claim does with it: renew it, give it back."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from atleastonce.exceptions import StoreUnavailable

from .client import Client
from .places import Place
from .state import State
from .steps import Failed, ReadClaims, ReadVersions, Report, Steps
from .swap import Decide, swap


@attrs.frozen
class Holding:
    """Which claim is meant.

    Attributes:
        version: of the task; None: the token alone decides.
        token: in UTF-8; None: no claim, and the version alone decides. Without either nothing is meant.
    """

    version: int | None
    token: bytes | None

    def state(self, old: State | None) -> State | None:
        """The state if it is that of what is meant. Of a version without claims, a new one."""
        if self.version is None and self.token is None:
            return None
        if old is not None and self.version in (None, old.version) and self.token in (None, old.token):
            return old
        if self.token is None and self.version is not None and (old is None or not old.is_newer(self.version)):
            return State(self.version)
        return None


def renewed(client: Client, holding: Holding, *, started: bool = False) -> Decide:
    """The lease goes on from now. With `started`, work has begun, too."""

    def decide(old: State | None) -> State | None:
        state = None if holding.token is None else holding.state(old)
        if state is None:
            return None
        return state._replace(until=client.clock.now() + state.lease, started=state.started or started)

    return decide


def released(holding: Holding, due_at: int | None, *, unstarted: bool) -> Decide:
    """Nobody holds it any more. Without a token only `due_at` is set."""

    def decide(old: State | None) -> State | None:
        state = holding.state(old)
        if state is None or (unstarted and state.started):
            return None
        if holding.token is not None:
            state = state._replace(token=None, started=False)
        return state if due_at is None else state._replace(due_at=due_at)

    return decide


def change(client: Client, place: Place, wanted: Mapping[bytes, Decide]) -> Steps[dict[bytes, State]]:
    """Change the claims on these tasks; the new states of those that were changed, and whose tasks are there.

    Raises `StoreUnavailable` where nobody can say whether one was: the answer was lost, and the claim is somebody else's since. "It was not"
    would be a guess, by which an attempt that failed could be written down, and counted, again. The others are changed all the same.
    """
    seen: dict[bytes, State | None] = {id: client.known.get(place, id) for id in wanted}
    unknown = [id for id, state in seen.items() if state is None]
    if unknown:
        seen.update((yield ReadClaims(place, unknown)))
    # Both may be old: another process may have claimed the task since, and sent its hash to this one. No write finds that out where
    # nothing is to be written: the change is refused, or what is seen is as wanted already.
    unwritten = [id for id, decide in wanted.items() if decide(seen[id]) in {None, seen[id]}]
    if unwritten:
        for id in unwritten:
            client.known.drop(place, id)
        there: dict[bytes, State] = yield ReadClaims(place, unwritten, settled=True)
        seen.update((id, there.get(id)) for id in unwritten)
    unclear: set[bytes] = set()
    changed = yield from swap(client, place, wanted, seen, unclear)
    if unclear:
        raise StoreUnavailable(
            f"{len(unclear)} of {len(wanted)} claims may have been changed: the answer was lost, and they are somebody else's by now",
            outcome="unknown",
        )
    if not changed:
        return {}
    versions: dict[bytes, int] = yield ReadVersions(place, list(changed))
    return {id: state for id, state in changed.items() if versions.get(id) == state.version}


def show(client: Client, place: Place, states: Mapping[bytes, State]) -> Steps[None]:
    """Once these are the states, let readers see when the tasks are due."""
    shown = [Failed(id, it.version, it.attempts or 0, it.error or b"", it.due_at) for id, it in states.items()]
    yield Report(place, shown, client.clock.now())
