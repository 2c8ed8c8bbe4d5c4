"""kill -9 at random moments: nothing that was acknowledged is lost, and nothing that was completed comes back."""

from __future__ import annotations

import os
import random
import signal
import threading
import time

import pytest

from atleastonce.record import TaskKey
from atleastonce_sqlite import SqliteStore

from ..children import needs_fork
from .helpers import record

ROUNDS = 100
ACKS_AT_LEAST = 50  # a round, on average
DEADLINE_SECONDS = 60.0  # for the acks of one round: they take milliseconds each on the slowest disk

pytestmark = needs_fork


def _work(path, round_, acks):
    """Save and complete in three threads for ever, and tell of each step on a pipe before and after it."""
    store = SqliteStore(path)

    def tell(word, id, version=0):
        os.write(acks, f"{word} {id} {version}\n".encode())  # shorter than PIPE_BUF: written in one piece

    def run(name):
        drawn = random.Random(f"{round_}-{name}")
        pending = []
        for number in range(1_000_000):
            batch = [f"{round_:03}-{name}-{number:06}-{part}" for part in range(drawn.choice([1, 1, 1, 4]))]
            versions = store.store([record(id, data=id.encode()) for id in batch])
            for id, version in zip(batch, versions, strict=True):
                tell("saved", id, version)
                pending.append((id, version))
            if number % 3 == 2:
                id, version = pending.pop(drawn.randrange(len(pending)))
                tell("completing", id)
                store.delete([TaskKey("list", id, version)])
                tell("completed", id)

    threads = [threading.Thread(target=run, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _run_and_kill(path, round_, drawn):
    """What a child told until it was killed: (word, id, version), in order."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _work(path, round_, writing)
        finally:
            os._exit(1)
    os.close(writing)
    told = b""
    if drawn.random() < 0.9:
        wanted, deadline = drawn.randrange(60, 200), time.monotonic() + DEADLINE_SECONDS
        while told.count(b"saved") < wanted:
            assert time.monotonic() < deadline, "the child saves nothing"
            told += os.read(reading, 65_536)
    time.sleep(drawn.random() * 0.003)  # the moment itself; also within the first use of the file
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reading, 65_536):
        told += more
    os.close(reading)
    return [(word, id, int(version)) for word, id, version in (line.split() for line in told.decode().splitlines())]


@pytest.mark.slow
def test_kill_at_random_moments(path, capsys):
    drawn = random.Random()
    saved, maybe, completed = {}, set(), set()
    acks = silent = 0
    for round_ in range(ROUNDS):
        told = _run_and_kill(path, round_, drawn)
        acks += sum(word == "saved" for word, _, _ in told)
        silent += not told
        saved |= {id: version for word, id, version in told if word == "saved"}
        maybe |= {id for word, id, _ in told if word == "completing"}
        completed |= {id for word, id, _ in told if word == "completed"}
        store = SqliteStore(path)
        found = {it.id: it for it in store.all("list")}
        store.close()
        lost = saved.keys() - maybe - found.keys()
        assert not lost
        assert not completed & found.keys()
        assert all(found[id].saved_at == saved[id] for id in saved.keys() & found.keys())
        assert all(it.data == it.id.encode() and it.problem is None for it in found.values())
        maybe -= found.keys()  # the recovery said so: these must not vanish, nor come back, any more
        completed |= maybe
        for id in [id for id in saved if id not in found]:
            del saved[id]
    with capsys.disabled():
        print(  # noqa: T201 (rounds without an ack are counted and shown)
            f"\n{ROUNDS} kills: {acks:,} acknowledged saves ({acks / ROUNDS:.0f} a round), "
            f"{len(completed):,} completed, {silent} rounds without any"
        )
    assert acks >= ROUNDS * ACKS_AT_LEAST
