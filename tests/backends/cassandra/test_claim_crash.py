"""kill -9 at every request between claim and complete, and within the move to the dead letters: nothing is lost, attempts are exact.

At every one that writes: a process that is killed while it reads leaves what the write before it left.
"""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from itertools import count

import attrs
import pytest

from atleastonce import Task, TaskStore, redrive
from atleastonce.claims import WORKER_LOST
from atleastonce.clock import system_clock

from ..children import Telling, forks_with_threads, needs_fork
from ..delivery_kills import Ledger, kill_at_random_moments
from .helpers import opened
from .requests_sent import Requests

pytestmark = [needs_fork, forks_with_threads, pytest.mark.slow]

LEASE = timedelta(minutes=10)  # none ends by itself: the parent looks with a clock that is ahead
AHEAD_US = LEASE // timedelta(microseconds=1)
ROUNDS = 8
CHILDREN = 6  # at once: most of their time they connect
MOST_REQUESTS = 200
DOUBT_S = 0.002  # a request takes about as long

executed: dict[tuple[str, str], int] = {}


class Delivered(Task, tag="tests.cassandra.claim_crash.delivered"):
    task_list: str

    def execute(self):
        key = self.task_list, self.id
        executed[key] = executed.get(key, 0) + 1


class Failing(Delivered, tag="tests.cassandra.claim_crash.failing", max_attempts=2):
    def execute(self):
        super().execute()
        raise ValueError(self.id)


@attrs.define
class Known:
    """What is known of a task."""

    attempts: int = 0
    max_attempts: int | None = None
    began: bool = False
    gone: bool = False

    def after(self, step):
        """The same, once that step was taken."""
        match step:
            case "start":
                return attrs.evolve(self, began=True)
            case "complete":
                return attrs.evolve(self, gone=True, began=False)
            case "fail":
                return attrs.evolve(self, attempts=self.attempts + 1, began=False)
            case "release":
                return attrs.evolve(self, began=False)
        return self

    def found(self):
        """Where it is, and with how many attempts, once a lease was over and it was claimed again."""
        attempts = self.attempts + self.began
        if self.gone:
            return "gone", 0
        return "dead" if self.max_attempts is not None and attempts >= self.max_attempts else "free", attempts


def deliver(store, task_list, say):
    """All that there is between claim and complete. What it is about to do and has done is said before and after it."""

    def step(verb, task, *args):
        say(f"{verb} {task.id}")
        getattr(store, verb)(task, *args)
        say(f"ok {task.id}")

    def execute(task):
        say(f"executed {task.id}")
        task.execute()

    def fail(task):
        step("start", task)
        with pytest.raises(ValueError) as caught:
            execute(task)
        step("fail", task, caught.value)

    tasks = {task.id: task for task in store.claim(task_list, lease=LEASE, limit=9)}
    assert set(tasks) == {"completes", "dies", "fails", "left", "released"}
    step("start", tasks["completes"])
    step("heartbeat", tasks["completes"])
    execute(tasks["completes"])
    step("complete", tasks["completes"])
    fail(tasks["fails"])
    fail(tasks["dies"])
    step("start", tasks["released"])
    step("release", tasks["released"])
    again = {task.id: task for task in store.claim(task_list, lease=LEASE, limit=9)}
    assert set(again) == {"fails", "released"}
    fail(again["fails"])
    store.heartbeat(tasks["left"])


def save(store, task_list):
    """Five tasks, one of which has failed before; what is known of them."""
    tasks = [Delivered(task_list=task_list, id=id) for id in ("completes", "left", "released")]
    dies, fails = (Failing(task_list=task_list, id=id) for id in ("dies", "fails"))
    store.save_all([*tasks, dies, fails])
    store.fail(dies, "before")
    return {
        "completes": Known(),
        "left": Known(),
        "released": Known(),
        "dies": Known(attempts=1, max_attempts=2),
        "fails": Known(max_attempts=2),
    }


def die():
    os.kill(os.getpid(), signal.SIGKILL)


MOMENTS = {
    "sent": lambda: time.sleep(DOUBT_S) or die(),  # it may arrive, or be done, or its answer on its way
    "answered": die,
}


def killed_at(url, task_list, moment, number):
    """A child that is killed at that request."""

    def work(say):
        store = TaskStore(url)
        store.count("nothing")  # connects
        store.claim("nothing")
        Requests(writing=True, **{moment: lambda n: n == number and MOMENTS[moment]()})
        deliver(store, task_list, say)
        say("end")

    return Telling(work)


def judge(ahead, task_list, known, told):
    """What the child left, and what comes of it."""
    executions = dict.fromkeys(known, 0) | {"dies": 1}  # in `save`
    under_way = {}  # id to the step that was, when the child died
    for line in told:
        if line == "end":
            break
        word, id = line.split(" ")
        match word:
            case "executed":
                executions[id] += 1
            case "ok":
                known[id] = known[id].after(under_way.pop(id))
            case _:
                under_way[id] = word
    may_be = {id: {it.found(), it.after(under_way.get(id)).found()} for id, it in known.items()}

    living, dead = {it.id for it in ahead.all(task_list)}, {it.id for it in ahead.dead(task_list)}
    assert all(under_way.get(id) == "fail" for id in living & dead), told  # killed between the copy and the move
    for id, founds in may_be.items():
        places = {place for place, _ in founds}
        assert id in living | dead or "gone" in places, told
        assert id not in dead or "dead" in places, told
        assert id not in living or places != {"gone"}, told

    claimed = {task.id: task for task in ahead.claim(task_list, limit=99)}
    buried = {task.id: task for task in ahead.dead(task_list)}
    assert not claimed.keys() & buried.keys(), told
    for id, it in known.items():
        task = claimed.get(id) or buried.get(id)
        place = "free" if id in claimed else "dead" if id in buried else "gone"
        assert (place, task.delivery.attempts if task else 0) in may_be[id], (id, told)
        if it.began and id not in under_way:
            assert task.delivery.last_error == WORKER_LOST
    for task in claimed.values():
        ahead.release(task)

    executed.clear()
    for _ in range(2):
        redrive(task_list, store=ahead)
    assert list(ahead.all(task_list)) == ahead.claim(task_list) == []
    assert {task.id: task.delivery.attempts for task in ahead.dead(task_list)} == {"dies": 2, "fails": 2}, told
    for id, it in known.items():
        assert 1 <= executions[id] + executed.get((task_list, id), 0) <= (it.max_attempts or 2), (id, told)


@pytest.fixture
def ahead(url):
    """A store by whose clock the children's leases are over."""
    backend = opened(url, clock=lambda: system_clock() + AHEAD_US)
    with TaskStore(backend) as store:
        yield store


class TestKills:
    @pytest.mark.parametrize("moment", MOMENTS)
    def test_killed_at_each_write(self, url, ahead, task_list, moment, capsys):
        with TaskStore(url) as store:
            lists = {}
            for first in count(1, CHILDREN):
                numbers = range(first, first + CHILDREN)
                known = {number: save(store, f"{task_list}-{number}") for number in numbers}
                children = {number: killed_at(url, f"{task_list}-{number}", moment, number) for number in numbers}
                ends = {number: child.end() for number, child in children.items()}
                for number, (code, told) in ends.items():
                    assert code == -9 or (code == 0 and told[-1] == "end"), told[-1]
                    judge(ahead, f"{task_list}-{number}", known[number], told)
                    lists[number] = told
                if any(code == 0 for code, _ in ends.values()):
                    break
                assert first < MOST_REQUESTS
        with capsys.disabled():
            print(f"\nkilled at {sum(told[-1:] != ['end'] for told in lists.values())} writes ({moment})")  # noqa: T201 - none would show
        assert len(lists) > 20

    def test_killed_at_random_moments(self, url, task_list, capsys):
        done = kill_at_random_moments(
            lambda now: opened(url, clock=lambda: now), task_list, ROUNDS, Ledger(copies_first=True)
        )
        with capsys.disabled():
            print(f"\n{done}")  # noqa: T201 - rounds without an ack would show
