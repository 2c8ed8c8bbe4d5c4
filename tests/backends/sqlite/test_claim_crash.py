"""kill -9 between claim and complete, and in the middle of a move to the dead letters: no task is in neither place."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time

import pytest

from atleastonce.claims import WORKER_LOST, Failure, Held
from atleastonce.record import TaskKey
from atleastonce_sqlite import SqliteStore

from .helpers import in_child, needs_fork, raw, record

pytestmark = needs_fork

NOW = 1_700_000_000_000_000
LEASE = 60_000_000
ROUNDS = 60
STEPS_AT_LEAST = 30  # a round, on average
DEADLINE_SECONDS = 60.0


def store_at(path, now):
    """A store with a clock that stands still."""
    return SqliteStore(path, clock=lambda: now)


def held(it):
    return Held(it.task_list, it.id, it.saved_at, it.claim.token)


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


def _work(path, round_, now, acks):
    """Save, claim, begin, fail, bury, release and complete for ever; tell of each step before and after it."""
    store = store_at(path, now)
    drawn = random.Random(round_)

    def tell(word, it, number=0):
        os.write(acks, f"{word} {it.id} {number}\n".encode())  # shorter than PIPE_BUF: written in one piece

    for batch in range(100_000):
        new = [record(f"{round_:03}-{batch:05}-{part}") for part in range(8)]
        store.store(new)
        for it in new:
            tell("saved", it)
        done = None
        for it in store.claim("list", lease=LEASE, limit=8).records:
            if done is not None:
                tell("completing", done)
            key = None if done is None else TaskKey("list", done.id, done.saved_at)
            assert store.start(held(it), done=key) is not None
            if done is not None:
                tell("completed", done)
            tell("started", it, it.attempts + 1)
            done = None
            match drawn.randrange(5):
                case 0:
                    done = it
                case 1:
                    assert store.fail(Failure(held=held(it), attempts=it.attempts + 1, last_error="E"))
                    tell("failed", it, it.attempts + 1)
                case 2 | 3:
                    tell("dying", it)
                    assert store.fail(Failure(held=held(it), attempts=it.attempts + 1, last_error="E", dead=True))
                    tell("died", it, it.attempts + 1)
                case 4:
                    tell("releasing", it)
                    store.release([held(it)])
                    tell("released", it, it.attempts)
        if done is not None:
            tell("completing", done)
            store.delete([TaskKey("list", done.id, done.saved_at)])
            tell("completed", done)


def _run_and_kill(path, round_, now, drawn):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _work(path, round_, now, writing)
        finally:
            os._exit(1)
    os.close(writing)
    told = b""
    wanted, deadline = drawn.randrange(20, 200), time.monotonic() + DEADLINE_SECONDS
    while told.count(b"\n") < wanted:
        assert time.monotonic() < deadline, "the child does nothing"
        told += os.read(reading, 65_536)
    time.sleep(drawn.random() * 0.003)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reading, 65_536):
        told += more
    os.close(reading)
    return [(word, id, int(number)) for word, id, number in (line.split() for line in told.decode().splitlines())]


@pytest.mark.slow
def test_kill_at_random_moments_of_delivery(path, capsys):
    drawn = random.Random()
    steps, died_in_all, lost_workers = 0, 0, 0
    attempts, gone, dead = {}, set(), set()  # of what is there; what was completed; what is a dead letter
    now = NOW
    for round_ in range(ROUNDS):
        told = _run_and_kill(path, round_, now, drawn)
        steps += len(told)
        maybe_gone, maybe_dead, started = set(), set(), None
        for word, id, number in told:
            match word:
                case "saved":
                    attempts[id] = 0
                case "started":
                    started = id
                case "completing":
                    maybe_gone = {id}
                case "completed":
                    gone.add(id)
                    attempts.pop(id)
                case "failed" | "released":
                    attempts[id] = number
                    started = None
                case "dying":
                    maybe_dead = {id}
                case "died":
                    dead.add(id)
                    attempts.pop(id)
                    started = None
        now += LEASE
        store = store_at(path, now)
        living, letters = {it.id: it for it in store.all("list")}, {it.id: it for it in store.dead("list")}
        assert not living.keys() & letters.keys()
        assert not attempts.keys() - living.keys() - letters.keys() - maybe_gone, "lost"
        assert not attempts.keys() & (letters.keys() - maybe_dead)
        assert dead <= letters.keys()
        assert not gone & (living.keys() | letters.keys())
        assert all(living[id].attempts >= attempts[id] for id in attempts.keys() & living.keys())
        # Whatever is started and not heard of again costs an attempt, once the lease is over.
        if started in living and told[-1][0] in ("started", "dying"):
            before = living[started].attempts
            given = [it for it in _pass(store) if it.id == started]
            assert [it.attempts for it in given] == [before + given[0].claim.worker_lost]
            lost_workers += given[0].claim.worker_lost
            store.release([held(it) for it in given])
            now += LEASE
        died_in_all = len(letters)
        dead = set(letters)
        gone |= attempts.keys() - living.keys() - letters.keys()
        attempts = {it.id: it.attempts for it in store.all("list")}
        store.close()
    with capsys.disabled():
        print(  # noqa: T201 (rounds without an ack would show)
            f"\n{ROUNDS} kills: {steps:,} steps told, {len(gone):,} completed, {died_in_all:,} dead, "
            f"{lost_workers} lost workers counted, 0 lost"
        )
    assert steps >= ROUNDS * STEPS_AT_LEAST
    assert died_in_all


def _pass(store):
    found, cursor = [], None
    while True:
        page = store.claim("list", lease=1, limit=100, cursor=cursor)
        found += page.records
        cursor = page.cursor
        if cursor is None:
            return found
