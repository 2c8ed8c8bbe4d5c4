"""No two hold a task at once, no attempt is forgotten, and nothing is lost, whatever becomes of requests and answers."""

from __future__ import annotations

import os

import pytest

from atleastonce_cassandra import retries
from atleastonce_cassandra.protocol import claim, hold, swap
from atleastonce_cassandra.protocol.state import State
from atleastonce_cassandra.protocol.steps import ReadClaims, ReadVersions, Swap

from .simulation.claiming import run_claims

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "500"))


def test_whatever_happens():
    claimed = dead = 0
    for seed in range(SEEDS):
        world = run_claims(seed)
        assert not world.findings, seed
        claimed += len(world.holds)
        dead += len(world.dead)
    assert claimed > SEEDS  # else nothing was judged
    assert dead > 0


def plain_writes(client, place, wanted, seen, unclear=None):
    """What is there is read and written over."""
    there = yield ReadClaims(place, list(wanted), settled=True)
    made = {id: decide(there.get(id)) for id, decide in wanted.items()}
    for id, new in made.items():
        old = there.get(id)
        while new is not None and new != old:
            answer = yield Swap(place, [swap.Change(id, old, new)], 0)
            if answer.applied:
                break
            old = (yield ReadClaims(place, [id], settled=True)).get(id)
    return {id: new for id, new in made.items() if new is not None}


def believed_lost(client, place, wanted, seen, unclear=None):
    """What is not answered is taken for applied."""
    steps = swap.swap(client, place, wanted, seen)
    answer = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as stop:
            return stop.value
        answer = yield step
        if isinstance(step, Swap) and answer.applied is None:
            answer = answer._replace(applied=True)


def hints_believed(client, place, wanted):
    """What is remembered or hinted may say that a claim is lost."""
    seen = {id: client.known.get(place, id) for id in wanted}
    unknown = [id for id, state in seen.items() if state is None]
    if unknown:
        seen.update((yield ReadClaims(place, unknown)))
    changed = yield from swap.swap(client, place, wanted, seen)
    there = (yield ReadVersions(place, list(changed))) if changed else {}
    return {id: state for id, state in changed.items() if there.get(id) == state.version}


def denied(client, place, wanted, seen, unclear):
    """What may have been changed before somebody else did, was not."""
    return (yield from swap.swap(client, place, wanted, seen))


def sent_again(self, query, consistency, error, *args, retry_num, **kwargs):
    return self._next(retry_num)


def not_read_again(client, place, takings, seen):
    return (yield from swap.swap(client, place, {id: taking.decide for id, taking in takings.items()}, seen))


def newer_only_where_it_is_seen(client, place, rows):
    """A claim of a newer version says nothing where the row is still the older one."""
    seen = (yield ReadClaims(place, [row.id for row in rows])) if rows else {}
    newer = [row for row in rows if row.id in seen and seen[row.id].is_newer(row.version)]
    there = (yield ReadVersions(place, [row.id for row in newer])) if newer else {}
    return seen, {row.id for row in newer if there.get(row.id) != row.version}


def is_held_half(self, now):
    return self.token is not None and now < self.until - self.lease // 2


MUTANTS = {
    "plain writes": (("TWO HOLD",), [(claim, "swap", plain_writes), (hold, "swap", plain_writes)]),
    "no answer is a good answer": (
        ("TWO HOLD", "LEFT", "FORGOTTEN"),
        [(claim, "swap", believed_lost), (hold, "swap", believed_lost)],
    ),
    "hints are believed": (("REFUSED THOUGH HELD",), [(hold, "change", hints_believed)]),
    "what may have been is denied": (("REFUSED THOUGH APPLIED",), [(hold, "swap", denied)]),
    "what may have been is denied, and told again": (("COUNTED TWICE",), [(hold, "swap", denied)]),
    "too few alive is taken for nothing done": (
        ("REFUSED THOUGH APPLIED",),
        [(retries.Once, "on_unavailable", retries.Idempotent.on_unavailable)],
    ),
    "too busy is taken for nothing done": (
        ("REFUSED THOUGH APPLIED",),
        [(retries.Once, "on_request_error", sent_again)],
    ),
    "tasks are not read again": (("GIVEN THOUGH COMPLETED",), [(claim, "claimed_of", not_read_again)]),
    "a row that lags behind its claim is believed": (
        ("OVERWRITTEN",),
        [(claim, "_seen", newer_only_where_it_is_seen)],
    ),
    "a lease ends early": (("TWO HOLD", "RENEWED THOUGH TAKEN"), [(State, "is_held", is_held_half)]),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_without_the_rule_it_shows(name, monkeypatch):
    shows, changes = MUTANTS[name]
    for target, attribute, value in changes:
        monkeypatch.setattr(target, attribute, value)
    for seed in range(5_000):
        if any(finding.startswith(shows) for finding in run_claims(seed).findings):
            return
    pytest.fail(f"none of {shows}")
