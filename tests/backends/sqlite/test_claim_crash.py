"""kill -9 between claim and complete, and in the middle of a move to the dead letters: no task is in neither place."""

from __future__ import annotations

import os
import signal
import sqlite3

import pytest

from atleastonce.claims import WORKER_LOST, Failure
from atleastonce.record import TaskKey
from atleastonce_sqlite import SqliteStore

from ..children import in_child, needs_fork
from ..delivery_kills import LEASE, NOW, held, kill_at_random_moments
from .helpers import raw, record

pytestmark = needs_fork

ROUNDS = 60


def store_at(path, now):
    """A store with a clock that stands still."""
    return SqliteStore(path, clock=lambda: now)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


STEPS = {
    "claim": lambda store, it: None,
    "start": lambda store, it: store.start(held(it)),
    "heartbeat": lambda store, it: store.heartbeat([held(it)]),
    "next": lambda store, it: store.start(held(it), done=TaskKey("list", "0")),
    "complete": lambda store, it: store.delete([TaskKey("list", it.id, it.saved_at)]),
}


@pytest.mark.parametrize("last", STEPS)
def test_killed_after_each_step(path, last):
    """Claimed but not started costs nothing; started costs an attempt; completed is completed."""

    def work():
        store = store_at(path, NOW)
        store.store([record("1"), record("0")])
        _, it = store.claim("list", lease=LEASE, limit=2).records
        for name, step in STEPS.items():
            step(store, it)
            if name == last:
                die()

    with pytest.raises(AssertionError):
        in_child(work)
    store = store_at(path, NOW + LEASE - 1)
    assert store.claim("list", lease=LEASE, limit=9).records == []
    store = store_at(path, NOW + LEASE)
    found = {
        it.id: (it.attempts, it.last_error, it.claim.worker_lost)
        for it in store.claim("list", lease=1, limit=9).records
    }
    once, never = (1, WORKER_LOST, True), (0, None, False)
    assert (
        found
        == {
            "claim": {"0": never, "1": never},
            "start": {"0": never, "1": once},
            "heartbeat": {"0": never, "1": once},
            "next": {"1": once},
            "complete": {},
        }[last]
    )
    store.close()


@pytest.mark.parametrize("survived", range(6))
def test_killed_within_a_move_to_the_dead_letters(path, survived):
    """Before the statement of that number: BEGIN, the report, the copy, the removal, COMMIT; or after all."""

    class Dying(sqlite3.Cursor):
        left = None

        def execute(self, *args):
            if Dying.left == 0:
                die()
            if Dying.left is not None:
                Dying.left -= 1
            return super().execute(*args)

    class Connection(sqlite3.Connection):
        def cursor(self, *args):
            return super().cursor(Dying)

    def work():
        real = sqlite3.connect
        sqlite3.connect = lambda *args, **options: real(*args, factory=Connection, **options)
        store = store_at(path, NOW)
        store.store([record("1", data=b"kept")])
        (it,) = store.claim("list", lease=LEASE, limit=9).records
        store.store([record("2")])  # so that the connection is set to sync
        Dying.left = survived
        store.fail(Failure(held=held(it), attempts=1, last_error="E", dead=True))
        die()

    with pytest.raises(AssertionError):
        in_child(work)
    store = store_at(path, NOW)
    living, dead = [it.id for it in store.all("list")], [it.id for it in store.dead("list")]
    assert (living, dead) == ((["2"], ["1"]) if survived == 5 else (["1", "2"], []))
    if living == ["1", "2"]:
        assert store.find("list", "1").attempts == 0
    with raw(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store.close()


@pytest.mark.slow
def test_kill_at_random_moments_of_delivery(path, capsys):
    done = kill_at_random_moments(lambda now: store_at(path, now), "list", ROUNDS)
    with capsys.disabled():
        print(f"\n{done}")  # noqa: T201 (rounds without an ack would show)
