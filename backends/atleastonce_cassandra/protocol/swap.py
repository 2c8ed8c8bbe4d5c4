"""Swap: change rows of the claims by compare-and-set, whatever others do meanwhile and whatever becomes of the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from atleastonce.exceptions import StoreUnavailable

from .client import Client
from .places import Place
from .state import State
from .steps import Change, ReadClaims, Steps, Swap, Swapped

Decide = Callable[[State | None], State | None]
"""From the state that a row has (None: there is no row) to the one that it shall have; None: it is not to be changed. May give back
what it was given: then that is as wanted, and nothing is written."""

MAX_ROWS = 500
"""In one conditional batch. It is a single round of Paxos, whatever their number: 100 in a batch went 10 times as fast as singles, 500 40 times."""

MAX_TRIES = 16
"""Each but the last was refused since somebody else was quicker, or was not answered. A refused batch comes again without what others
hold, so the next one is refused for another reason."""


def swap(
    client: Client,
    place: Place,
    wanted: Mapping[bytes, Decide],
    seen: Mapping[bytes, State | None],
    unclear: set[bytes] | None = None,
) -> Steps[dict[bytes, State]]:
    """Change what can be changed; the new state of each that was, or is as wanted.

    Args:
        client: the process.
        place: of the rows.
        wanted: id to what is to become of it.
        seen: what is thought to be there. Where that is wrong, the servers say so.
        unclear: gets the ids of those that are not to be changed any more, but that a request whose answer was lost may have changed
            before somebody else did.
    """
    changed: dict[bytes, State] = {}
    unclear = set() if unclear is None else unclear
    for part in _parts(wanted):
        changed.update((yield from _swap(client, place, part, seen, unclear)))
    for id, state in changed.items():
        client.known.put(place, id, state)
    return changed


def _swap(
    client: Client,
    place: Place,
    wanted: Mapping[bytes, Decide],
    seen: Mapping[bytes, State | None],
    unclear: set[bytes],
) -> Steps[dict[bytes, State]]:
    changed: dict[bytes, State] = {}
    doubtful: dict[
        bytes, list[State]
    ] = {}  # what may have been applied, and what then is there if nobody changed it since
    rest = dict(wanted)
    for _ in range(MAX_TRIES):
        changes = []
        for id, decide in list(rest.items()):
            old = seen.get(id)
            new = old if old is not None and old in doubtful.get(id, ()) else decide(old)
            if new is None or new == old:
                del rest[id]
                if new is not None:
                    changed[id] = new
                elif id in doubtful:
                    unclear.add(id)
            else:
                changes.append(Change(id, old, new))
        if not changes:
            return changed
        answer: Swapped = yield Swap(place, changes, client.clock.now())
        if answer.applied:
            changed.update((change.id, change.new) for change in changes)
            return changed
        if answer.applied is None:
            for change in changes:
                doubtful.setdefault(change.id, []).append(change.new)
            seen = yield ReadClaims(place, list(rest), settled=True)
        else:
            seen = answer.seen
    raise StoreUnavailable(
        "claims could not be changed: others change the same ones again and again, or Cassandra does not answer in time",
        outcome="unknown" if doubtful else "not_applied",
    )


def _parts(wanted: Mapping[bytes, Decide]) -> Iterator[Mapping[bytes, Decide]]:
    if len(wanted) <= MAX_ROWS:
        yield wanted
        return
    items = list(wanted.items())
    for start in range(0, len(items), MAX_ROWS):
        yield dict(items[start : start + MAX_ROWS])
