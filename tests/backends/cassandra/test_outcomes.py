"""What a call says of itself when its last step is refused: that nothing was written only where nothing was."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from atleastonce.claims import Failure, Held
from atleastonce.exceptions import StoreUnavailable
from atleastonce.record import TaskKey
from atleastonce_cassandra import CassandraStore, claimer
from atleastonce_cassandra.options import Options
from atleastonce_cassandra.protocol.client import Client
from atleastonce_cassandra.protocol.clock import GivenClock
from atleastonce_cassandra.protocol.state import State
from atleastonce_cassandra.protocol.steps import (
    Delete,
    Found,
    ReadClaims,
    ReadRows,
    ReadVersions,
    RegisterDead,
    Report,
    Swap,
    Swapped,
)

from .helpers import record

NOW, VERSION = 1_000_000, 4
HELD = Held("list", "1", VERSION, "token")


class Servers:
    """Answers steps in the place of a player. Everything is there, and claimed; steps of one kind are refused, from a number on."""

    def __init__(self) -> None:
        self.refused = ()
        self.granted = 0
        self.played = []  # pairs of player and kind of step

    def answer(self, player, step):
        self.played.append((player, type(step)))
        if isinstance(step, self.refused):
            if not self.granted:
                raise StoreUnavailable("refused", outcome="not_applied")
            self.granted -= 1
        if isinstance(step, ReadRows):
            return {id: Found(id, (b"T", b"{}", b""), None, VERSION) for id in step.ids}
        if isinstance(step, ReadVersions):
            return dict.fromkeys(step.ids, VERSION)
        if isinstance(step, ReadClaims):
            return {id: State(VERSION, b"token", NOW + 60, 60) for id in step.ids}
        return Swapped(True) if isinstance(step, Swap) else None


@pytest.fixture
def servers():
    return Servers()


@pytest.fixture
def claims(servers, monkeypatch):
    """A claimer on them."""

    class Player:
        def __init__(self, link, client, deadline):
            pass

        def play(self, steps):
            answer, wrote = None, False
            while True:
                try:
                    step = steps.send(answer)
                    answer = servers.answer(self, step)
                    wrote = wrote or isinstance(step, (Swap, Delete))
                except StopIteration as end:
                    return end.value
                except StoreUnavailable as error:
                    error.outcome = "unknown" if wrote else error.outcome
                    raise

        def play_all(self, many):
            return [self.play(steps) for steps in many]

    class Links:
        @contextmanager
        def use(self):
            yield SimpleNamespace(settings=SimpleNamespace(shards=64))

    monkeypatch.setattr(claimer, "Player", Player)
    return claimer.Claimer(Links(), Client(GivenClock(lambda: NOW), lambda limit: 0), 10, 65_536, None)


def outcome(call) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        call()
    return caught.value.outcome


@pytest.mark.parametrize(("refused", "dead"), [(Report, False), (RegisterDead, True)])
def test_a_failure_that_is_counted_and_not_shown(servers, claims, refused, dead):
    servers.refused = refused
    assert outcome(lambda: claims.fail(Failure(held=HELD, attempts=1, last_error="E", dead=dead))) == "unknown"


def test_a_failure_that_was_not_counted(servers, claims):
    servers.refused = Swap
    assert outcome(lambda: claims.fail(Failure(held=HELD, attempts=1, last_error="E"))) == "not_applied"


def test_what_is_shown_has_a_time_of_its_own(servers, claims):
    """However long it took to be counted."""
    assert claims.fail(Failure(held=HELD, attempts=1, last_error="E"))
    players = {kind: player for player, kind in servers.played}
    assert players[Report] not in {players[ReadRows], players[Swap]}


def test_a_release_that_is_not_shown(servers, claims):
    servers.refused = Report
    assert outcome(lambda: claims.release([HELD], NOW + 9, unstarted=False)) == "unknown"
    servers.refused = Swap
    assert outcome(lambda: claims.release([HELD], NOW + 9, unstarted=False)) == "not_applied"


def test_the_second_change_of_one_claim(servers, claims):
    """It comes after the first, which stays."""
    servers.refused, servers.granted = Swap, 1
    both = [Held("list", "1", VERSION), HELD]
    assert outcome(lambda: claims.release(both, NOW + 9, unstarted=False)) == "unknown"


@pytest.mark.parametrize("step", ["store", "claim"])
def test_tasks_that_are_saved_and_not_claimed(monkeypatch, step):
    def refuse(*_, **__):
        raise StoreUnavailable("refused", outcome="not_applied")

    store = CassandraStore(Options(keyspace="k", hosts=(("h", 9042),)))
    monkeypatch.setattr(store._writer, "store", refuse if step == "store" else lambda records: [VERSION])
    monkeypatch.setattr(store._claimer, "claim_saved", refuse)
    assert outcome(lambda: store.store_claimed([record()], lease=1)) == (
        "not_applied" if step == "store" else "unknown"
    )
    assert outcome(lambda: store.claim_saved([TaskKey("list", "1", VERSION)], lease=1)) == "not_applied"
