"""The recipes for Celery and RQ on a real Redis: workers that are killed, a broker that refuses, a broker that dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from .conftest import needs_package
from .queues import QUEUES
from .waiting import wait_for

BREAK_BROKER = Path(__file__).with_name("break_broker.py")


@pytest.fixture(params=QUEUES)
def queue(request):
    needs_package(request.param)
    needs_package("redis")
    return QUEUES[request.param]


@pytest.fixture
def place(queue, redis, workplace):
    return workplace(REDIS_URL=redis.url)


def wait_until_pending(place, count, worker):
    """Until so few are pending; the deadline is for each step, since RQ forks for every task."""
    while (pending := place.store.count("photos")) > count:
        wait_for(lambda before=pending: place.store.count("photos") < before, "a task is completed", [worker])


def complete_by_redrive(queue, place):
    """With a new worker; one redrive is enough."""
    worker = place.start(queue.worker)
    code, output = place.run(queue.redrive)
    assert code == 0, output
    wait_until_pending(place, 0, worker)
    place.assert_all_done()


@pytest.mark.parametrize("who", ["the process that executes", "the whole worker"])
def test_a_killed_worker_loses_nothing(queue, redis, place, who):
    redis.start()
    worker = place.start(queue.worker)
    code, output = place.run(queue.job)
    assert (code, "saved 60, handed 60, completed 0, failed 0" in output) == (0, True), output
    if who == "the whole worker":
        holder = place.held_by(worker)
        os.killpg(worker.pid, signal.SIGKILL)  # a forked child of RQ's has a group of its own
        os.kill(holder, signal.SIGKILL)
        worker.wait()
        assert place.pending() > {"30"}
    else:
        place.kill_holder(worker)
        wait_until_pending(place, 1, worker)
        assert place.pending() == {"30"}
    assert "30" not in place.executed()
    assert place.lost() == set()
    complete_by_redrive(queue, place)


@pytest.fixture
def unheld(place):
    """The folder, where no worker is to be killed."""
    place.hold_none()
    return place


def assert_refused(code, output, handed):
    assert code == 1, output
    assert f"saved 60, handed {handed}, completed 0, failed 10" in output
    assert (
        "HandoverFailed: handing over stopped: it refused 10 tasks in a row; "
        f"60 tasks were saved and {handed} handed over, 60 are pending: redrive them"
    ) in output


def test_a_broker_that_is_down(queue, redis, unheld):
    assert_refused(*unheld.run(queue.job), handed=0)
    assert unheld.store.count("photos") == 60
    redis.start()
    complete_by_redrive(queue, unheld)


def test_a_broker_that_refuses_to_write(queue, redis, unheld):
    redis.start()
    redis.refuse_writes(True)
    code, output = unheld.run(queue.job)
    assert_refused(code, output, handed=0)
    assert "Not enough good replicas to write" in output
    assert unheld.store.count("photos") == 60
    redis.refuse_writes(False)
    complete_by_redrive(queue, unheld)


def test_a_broker_that_is_killed_in_the_middle(queue, redis, unheld):
    """It keeps nothing, so even what it had taken is lost with it, but for the records."""
    redis.start()
    (unheld.folder / "break_broker.py").write_text(BREAK_BROKER.read_text("utf-8"), "utf-8")
    code, output = unheld.run(f"python break_broker.py {queue.script} {redis.pid} {redis.port} 30")
    assert_refused(code, output, handed=30)
    assert unheld.store.count("photos") == 60
    redis.kill()
    redis.start()
    complete_by_redrive(queue, unheld)
