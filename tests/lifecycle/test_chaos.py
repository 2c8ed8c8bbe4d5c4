"""Redrivers that are killed, or paused, while they share a list: nothing is lost, nothing runs twice at once."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest

from atleastonce import TaskStore
from atleastonce.claims import WORKER_LOST
from tests.lifecycle import chaotic, jobs

REDRIVERS = 8
KILLING_S = 60
DRAINING_S = 180
pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL and no SIGSTOP")


def start(store, folder, lease=chaotic.LEASE):
    """A redriver, as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", chaotic.__name__, store.capabilities.url, str(folder), str(lease.total_seconds())],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(Path.cwd()), *sys.path]))},
    )


def kill(process):
    """End it at once."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGCONT)
        process.kill()
    process.wait(jobs.DEADLINE_S)


def journal(folder):
    """id -> what its executions wrote down, in the order of time."""
    told = defaultdict(list)
    for line in (folder / "journal").read_text().splitlines():
        what, id, moment = line.split(" ")
        told[id].append((int(moment), what))
    return {id: sorted(events) for id, events in told.items()}


def check_no_overlap(events, lease):
    """An execution begins after the one before ended; or, where that was killed, once its lease had ended.

    The lease is renewed before the execution can write down that it begins: 23 ms before were seen on Cassandra.
    """
    for (before, what), (moment, then) in itertools.pairwise(events):
        if then == "begin":
            assert what == "end" or moment - before >= 0.9 * (lease / timedelta(microseconds=1)), events


def share_a_list(store, folder, lease):
    """Eight redrivers share a list that grows, and are killed at random for a minute; then it is drained, and judged."""
    rng = random.Random(5)
    saved, expected_dead = set(), set()
    redrivers = [start(store, folder, lease) for _ in range(REDRIVERS)]
    kills = 0
    try:
        end = time.monotonic() + KILLING_S
        while time.monotonic() < end:
            batch = [chaotic.Noted(folder=str(folder)) for _ in range(40)]
            if rng.random() < 0.5:
                batch.append(chaotic.Fails(folder=str(folder)))
                expected_dead.add(batch[-1].id)
            if rng.random() < 0.1:
                batch.append(chaotic.Poison(folder=str(folder)))
                expected_dead.add(batch[-1].id)
            rng.shuffle(batch)
            store.save_all(batch)
            saved.update(task.id for task in batch)
            time.sleep(rng.random())
            which = rng.randrange(REDRIVERS)
            kill(redrivers[which])
            kills += 1
            redrivers[which] = start(store, folder, lease)
        deadline = time.monotonic() + DRAINING_S
        while store.count("l"):
            assert time.monotonic() < deadline, f"{store.count('l')} tasks are still there"
            redrivers = [start(store, folder, lease) if it.poll() is not None else it for it in redrivers]  # poison
            time.sleep(0.2)
        (folder / "stop").touch()
    finally:
        for redriver in redrivers:
            kill(redriver)
    dead = {task.id: task.delivery for task in store.dead("l")}
    assert store.claim("l") == []
    told = journal(folder)
    assert kills > KILLING_S / 4
    assert set(told) == saved, "every task was executed, and nothing else was"
    for events in told.values():
        check_no_overlap(events, lease)
    assert set(dead) == expected_dead
    assert {delivery.attempts for delivery in dead.values()} == {3}
    for id in expected_dead:
        assert sum(what == "begin" for _, what in told[id]) <= 3
    print(f"{len(saved)} tasks, {kills} kills, {len(dead)} dead, {sum(map(len, told.values()))} lines")  # noqa: T201 - shown with -rA


@pytest.mark.slow
@pytest.mark.timeout(KILLING_S + DRAINING_S + 60)
def test_eight_redrivers_with_kills_for_a_minute(tmp_path):
    with TaskStore(f"sqlite:///{tmp_path}/tasks.db") as store:
        share_a_list(store, tmp_path, chaotic.LEASE)


def test_a_worker_that_is_paused_beyond_its_lease_cannot_harm(tmp_path):
    lease = timedelta(seconds=1)
    with TaskStore(f"sqlite:///{tmp_path}/tasks.db") as store:
        store.save(chaotic.Held(id="1", folder=str(tmp_path)))
        paused = start(store, tmp_path, lease)
        try:
            jobs.wait_for((tmp_path / "journal").exists)
            paused.send_signal(signal.SIGSTOP)
            mine = []
            jobs.wait_for(lambda: mine.extend(store.claim("l", lease=timedelta(minutes=5))) or mine)
            store.start(mine[0])
            (tmp_path / "go").touch()
            (tmp_path / "stop").touch()
            paused.send_signal(signal.SIGCONT)
            assert paused.wait(jobs.DEADLINE_S) == 0
        finally:
            kill(paused)
        store.heartbeat(mine[0])  # the claim is still mine
        delivery = store.find("l", "1").delivery
        assert (delivery.attempts, delivery.last_error) == (1, WORKER_LOST)
        assert store.claim("l") == []
        check_no_overlap(journal(tmp_path)["1"], lease)
        store.complete(mine[0])
        assert store.count("l") == 0
