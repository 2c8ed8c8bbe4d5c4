"""Clocks that jump while tasks are claimed: leases end neither early nor late, no two claims hold at once, and all comes back."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest

from atleastonce import Backoff, ClaimLost, Task, TaskStore, clock, redrive
from atleastonce.clock import system_clock
from atleastonce.testing import TestClock

from .helpers import opened
from .requests_sent import Requests

LEASE = timedelta(minutes=10)
JUMPS = {"back an hour": timedelta(hours=-1), "forward a day": timedelta(days=1)}
SLACK_US = 120 * 1_000_000  # for a call on a busy machine; far below the jumps and the lease
SEEDS = 3
US = timedelta(microseconds=1)

each_jump = pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)


class Timed(Task, tag="tests.cassandra.claim_clocks.timed"):
    task_list: str

    def execute(self):
        pass


class Retried(Timed, tag="tests.cassandra.claim_clocks.retried", backoff=Backoff(cap=timedelta(seconds=1))):
    def execute(self):
        raise ValueError(self.id)


class Wall:
    """This machine's wall clock, which somebody sets."""

    def __init__(self):
        self.ahead = timedelta(0)

    def time_ns(self):
        return time.time_ns() + self.ahead // US * 1_000


@pytest.fixture
def wall(monkeypatch):
    """For all stores of this process. The clock since boot goes on as it does."""
    wall = Wall()
    real = {name: getattr(time, name) for name in dir(time) if not name.startswith("_")}
    monkeypatch.setattr(clock, "time", SimpleNamespace(**{**real, "time_ns": wall.time_ns}))
    return wall


@pytest.fixture
def two_stores(url):
    """Those of two workers, connected."""
    with TaskStore(url) as a, TaskStore(url) as b:
        for store in (a, b):
            store.claim("nothing")
        yield a, b


def until(task):
    """When its claim ends, microseconds by the servers."""
    return task._claim.until


def assert_held_for_a_lease(task):
    """From now on, by the clock of this machine as it really is; the servers' may be a minute off."""
    assert abs(until(task) - time.time_ns() // 1_000 - LEASE // US) < SLACK_US


VERBS = {
    "start": lambda store, task: store.start(task),
    "heartbeat": lambda store, task: store.heartbeat(task),
    "complete": lambda store, task: store.complete(task),
    "fail": lambda store, task: store.fail(task, "E"),
    "release": lambda store, task: store.release(task),
}


def assert_only_this_is_held(mine, task, other, again):
    """A claim that was taken since ends mine for good."""
    if again:
        for verb in ("start", "heartbeat", "fail", "release"):
            if task._claim is not None:
                with pytest.raises(ClaimLost):
                    VERBS[verb](mine, task)
        other.heartbeat(again[0])


class TestTheServers:
    """Leases go by the servers' clock, whatever somebody sets this machine's to."""

    @each_jump
    @pytest.mark.parametrize("verb", VERBS)
    def test_between_claim_and_what_comes_then(self, two_stores, wall, task_list, verb, jump):
        mine, other = two_stores
        mine.save(Timed(task_list=task_list, id="1"))
        (task,) = mine.claim(task_list, lease=LEASE)
        wall.ahead = jump
        assert other.claim(task_list, lease=LEASE) == []
        VERBS[verb](mine, task)
        if verb in {"start", "heartbeat"}:
            assert_held_for_a_lease(task)
            assert other.claim(task_list, lease=LEASE) == []
            wall.ahead = timedelta(0)
            assert other.claim(task_list, lease=LEASE) == []
            mine.release(task)
        again = other.claim(task_list, lease=LEASE)
        assert [it.delivery.attempts for it in again] == ([] if verb == "complete" else [verb == "fail"])
        for it in again:
            assert_held_for_a_lease(it)
            other.complete(it)
        assert list(mine.all(task_list)) == []

    @pytest.mark.parametrize("seed", range(SEEDS))
    def test_two_claimers_while_the_clock_jumps_at_each_request(self, two_stores, wall, task_list, monkeypatch, seed):
        """Also in the middle of a call, after it has made sure that it knows the time."""
        drawn = random.Random(seed)

        def jump(number):
            wall.ahead = drawn.choice([timedelta(0), *JUMPS.values(), *(-it for it in JUMPS.values())])

        requests = Requests(monkeypatch, before=jump)
        a, b = two_stores
        a.save(Timed(task_list=task_list, id="1"))

        def take(store):
            (task,) = store.claim(task_list, lease=LEASE)
            assert_held_for_a_lease(task)
            return task

        for attempts in range(3):
            task = take(a)
            assert task.delivery.attempts == attempts
            assert b.claim(task_list, lease=LEASE) == []
            a.start(task)
            assert_held_for_a_lease(task)
            assert b.claim(task_list, lease=LEASE) == []
            a.heartbeat(task)
            assert_held_for_a_lease(task)
            assert b.claim(task_list, lease=LEASE) == []
            a.fail(task, "E")
            task = take(b)
            assert a.claim(task_list, lease=LEASE) == []
            b.release(task)
        task = take(a)
        a.complete(task)
        assert b.claim(task_list, lease=LEASE) == list(b.all(task_list)) == list(b.dead(task_list)) == []
        assert requests.number > 50

    @pytest.mark.parametrize("seed", range(SEEDS))
    def test_redrives_while_the_clock_jumps_at_each_request(self, two_stores, wall, task_list, monkeypatch, seed):
        drawn = random.Random(seed)
        store, _ = two_stores
        store.save_all([Timed(task_list=task_list) for _ in range(20)])
        store.save_all([Retried(task_list=task_list, id=f"fails {number}") for number in range(3)])

        def jump(number):
            wall.ahead = drawn.choice([timedelta(0), *JUMPS.values()])

        with monkeypatch.context() as patch:
            Requests(patch, before=jump)
            executed = []
            for _ in range(10):  # what seems to be newer than a redrive is left to the next
                redrive(task_list, store=store, lease=LEASE, on_result=lambda task, _: executed.append(task.id))
        wall.ahead = timedelta(0)
        assert len(executed) == len(set(executed)) == 20
        assert sorted(it.id for it in store.all(task_list)) == ["fails 0", "fails 1", "fails 2"]
        backend = opened(store.capabilities.url, clock=lambda: system_clock() + timedelta(days=2) // US)
        with TaskStore(backend) as later:  # a clock that was ahead made their wait longer; no more than that
            assert sorted(it.id for it in later.claim(task_list)) == ["fails 0", "fails 1", "fails 2"]


class TestGiven:
    """A clock that the store was given is believed: whoever sets it ends leases. Of two who then think that they hold a task, one does."""

    @pytest.fixture
    def clocks(self):
        return TestClock(), TestClock()

    @pytest.fixture
    def two_stores(self, url, clocks):
        backends = [opened(url, clock=it) for it in clocks]
        with TaskStore(backends[0], clock=clocks[0]) as a, TaskStore(backends[1], clock=clocks[1]) as b:
            yield a, b

    @pytest.mark.parametrize("verb", VERBS)
    def test_back_an_hour_and_forth(self, two_stores, clocks, task_list, verb):
        mine, other = two_stores
        mine.save(Timed(task_list=task_list, id="1"))
        (task,) = mine.claim(task_list, lease=LEASE)
        for it in clocks:
            it.advance(timedelta(hours=-1))
        assert other.claim(task_list, lease=LEASE) == []
        VERBS[verb](mine, task)
        for it in clocks:
            it.advance(timedelta(hours=1))
        again = other.claim(task_list, lease=LEASE)  # what was renewed an hour ago is over
        assert [it.delivery.attempts for it in again] == ([] if verb == "complete" else [verb in {"fail", "start"}])
        assert again == [] or mine.claim(task_list, lease=LEASE) == []
        assert_only_this_is_held(mine, task, other, again)

    @each_jump
    def test_of_two_whose_clocks_differ_one_holds_it(self, two_stores, clocks, task_list, jump):
        a, b = two_stores
        clocks[0].advance(jump)
        b.save(Timed(task_list=task_list, id="1"))
        (first,) = a.claim(task_list, lease=LEASE)
        second = b.claim(task_list, lease=LEASE)
        assert len(second) == (jump < timedelta(0))  # it begins, and so ends, an hour ago
        assert_only_this_is_held(a, first, b, second)
        clocks[1].advance(timedelta(days=2))
        (third,) = b.claim(task_list, lease=LEASE)
        assert_only_this_is_held(a, first, b, [third])
        b.complete(third)
        assert list(a.all(task_list)) == []
