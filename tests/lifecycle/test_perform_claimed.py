"""`perform` under a claim, and what it writes down of failures with and without one."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from datetime import timedelta

import pytest

from atleastonce import (
    Capabilities,
    ClaimLost,
    ConfigurationError,
    Discard,
    InvalidTask,
    Snooze,
    StoreUnavailable,
    Task,
    TaskStore,
    perform,
)
from atleastonce.lifecycle.heartbeats import Heartbeats
from atleastonce_memory import MemoryStore
from tests.lifecycle import jobs


def claimed(store, task, lease=timedelta(minutes=5)):
    """The hash of the task, saved and claimed."""
    store.save(task)
    [mine] = store.claim(task.task_list, lease=lease)
    return mine.as_hash()


def delivery(store, id="1"):
    return store.find("l", id).delivery


def test_it_executes_and_completes(store):
    task_hash = claimed(store, jobs.Job(id="1", number=2))
    assert perform(task_hash) == 4
    assert store.count("l") == 0


def test_a_lost_claim_executes_nothing(store):
    executed = []

    class Noted(jobs.Job):
        def execute(self):
            executed.append(self.id)

    task_hash = claimed(store, Noted(id="1"))
    store.release(Task.from_hash(task_hash))
    [other] = store.claim("l")
    with pytest.raises(ClaimLost) as caught:
        perform(task_hash)
    assert caught.value.outcome == "not_applied"
    assert executed == []
    store.heartbeat(other)


def test_the_lease_is_renewed_while_it_runs(store):
    lease = timedelta(milliseconds=300)

    class Slow(jobs.Job):
        def execute(self):
            taken = []
            deadline = time.monotonic() + 4 * lease.total_seconds()
            while time.monotonic() < deadline:
                taken += store.claim("l")
                time.sleep(0.02)
            return taken

    assert perform(claimed(store, Slow(id="1"), lease)) == []
    assert store.count("l") == 0
    assert not any(thread.name.startswith("atleastonce") for thread in threading.enumerate())


def test_a_failure_gives_it_back_and_costs_an_attempt(store):
    error = ValueError("mine")

    class Raises(jobs.Job):
        def execute(self):
            raise error

    with pytest.raises(ValueError, match="mine") as caught:
        perform(claimed(store, Raises(id="1")))
    assert caught.value is error
    assert getattr(error, "__notes__", []) == []
    assert delivery(store).attempts == 1
    assert delivery(store).last_error.startswith("ValueError: mine\n")
    assert len(store.claim("l")) == 1


def test_a_failure_without_a_claim_costs_an_attempt_too(store):
    task = jobs.Failing.create(id="1")
    for attempts in (1, 2, 3):
        with pytest.raises(ValueError, match="it broke"):
            perform(task.as_hash())
        assert delivery(store).attempts == attempts
    old = task.as_hash()
    task.save()
    with pytest.raises(ValueError, match="it broke"):
        perform(old)
    assert delivery(store).attempts == 0


def test_a_failure_of_what_was_never_saved_is_nobodys(store):
    with pytest.raises(ValueError, match="it broke") as caught:
        perform(jobs.Failing(id="1").as_hash())
    assert getattr(caught.value, "__notes__", []) == []


def test_many_workers_that_fail_at_once_are_all_counted(store):
    task = jobs.Failing.create(id="1")

    def work():
        with pytest.raises(ValueError, match="it broke"):
            perform(task.as_hash(), store=store)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(jobs.DEADLINE_S)
    assert delivery(store).attempts == 4


def test_it_dies(store):
    class Dies(jobs.Failing, max_attempts=2):
        pass

    task = Dies.create(id="1")
    for _ in range(2):
        with pytest.raises(ValueError, match="it broke"):
            perform(task.as_hash())
    assert [dead.id for dead in store.dead("l")] == ["1"]
    with pytest.raises(ValueError, match="it broke"):  # a message that comes late
        perform(task.as_hash())
    assert [dead.delivery.attempts for dead in store.dead("l")] == [2]


@pytest.mark.parametrize("with_claim", [True, False])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_shutdown_costs_no_attempt(store, error, with_claim):
    class Stops(jobs.Job):
        def execute(self):
            raise error

    task_hash = claimed(store, Stops(id="1")) if with_claim else Stops.create(id="1").as_hash()
    with pytest.raises(error):
        perform(task_hash)
    assert delivery(store).attempts == 0
    assert len(store.claim("l")) == 1


@pytest.mark.parametrize("with_claim", [True, False])
def test_a_snooze_is_free(store, with_claim):
    class Snoozes(jobs.Job):
        def execute(self):
            raise Snooze(timedelta(hours=1))

    task_hash = claimed(store, Snoozes(id="1")) if with_claim else Snoozes.create(id="1").as_hash()
    assert perform(task_hash) is None
    told = delivery(store)
    assert (told.attempts, told.last_error) == (0, None)
    assert told.run_at - told.saved_at > timedelta(minutes=59)
    assert store.claim("l") == []


@pytest.mark.parametrize("with_claim", [True, False])
def test_a_discard_completes_and_is_logged_without_its_reason(store, caplog, with_claim):
    class Discards(jobs.Job):
        def execute(self):
            raise Discard("sesame")

    task_hash = claimed(store, Discards(id="1")) if with_claim else Discards.create(id="1").as_hash()
    with caplog.at_level(logging.INFO, "atleastonce"):
        assert perform(task_hash) is None
    assert store.count("l") == 0
    assert "id='1'" in caplog.text
    assert "discarded" in caplog.text
    assert "sesame" not in caplog.text


def test_a_failure_that_cannot_be_written_down_masks_nothing(caplog):
    class Full(MemoryStore):
        def fail(self, failure):
            raise StoreUnavailable("the disk is full")

    store = TaskStore(Full())
    task = jobs.Failing(id="1", text="sesame")
    store.save(task)
    with pytest.raises(ValueError, match="sesame") as caught:
        perform(task.as_hash(), store=store)
    assert caught.value.__notes__ == [
        "atleastonce: this failure could not be written down (StoreUnavailable: the disk is full)"
    ]
    assert "could not be written down" in caplog.text
    assert "sesame" not in caplog.text


def test_a_completion_that_fails_gives_the_claim_back():
    class Full(MemoryStore):
        def delete(self, keys):
            raise StoreUnavailable("the disk is full")

    store = TaskStore(Full())
    task_hash = claimed(store, jobs.Job(id="1"))
    with pytest.raises(StoreUnavailable):
        perform(task_hash, store=store)
    [again] = store.claim("l")
    assert again.delivery.attempts == 0


def test_inside_a_running_loop_nothing_is_done_and_it_costs_nothing(store):
    task_hash = claimed(store, jobs.AsyncJob(id="1"))

    async def main():
        with pytest.raises(ConfigurationError, match="to_thread"):
            perform(task_hash)

    asyncio.run(main())
    [again] = store.claim("l")
    assert again.delivery.attempts == 0


def test_without_claims_it_works_as_before():
    class Bare(MemoryStore):
        capabilities = Capabilities(name="bare", max_data_bytes=10_000)

    store = TaskStore(Bare())
    good, bad = jobs.Job(id="1"), jobs.Failing(id="2")
    store.save_all([good, bad])
    perform(good.as_hash(), store=store)
    with pytest.raises(ValueError, match="it broke") as caught:
        perform(bad.as_hash(), store=store)
    assert getattr(caught.value, "__notes__", []) == []
    assert [task.id for task in store.all("l")] == ["2"]
    with pytest.raises(ConfigurationError, match="no claims"):
        perform({**bad.as_hash(), "claim_token": "a"}, store=store)


def test_a_paused_worker_cannot_harm(store):
    """Its lease runs out while it is paused, somebody else works on the task; then it goes on."""
    lease = timedelta(milliseconds=50)
    store.save(jobs.Job(id="1"))
    [mine] = store.claim("l", lease=lease)
    store.start(mine)
    others = []
    jobs.wait_for(lambda: others.extend(store.claim("l")) or others)
    [other] = others
    assert other.delivery.attempts == 1  # the pause cost one
    for verb in (store.heartbeat, store.release, store.start):
        with pytest.raises(ClaimLost):
            verb(mine)
    with pytest.raises(ClaimLost):
        store.fail(mine, "mine, long ago")
    assert delivery(store).attempts == 1
    store.heartbeat(other)


@pytest.mark.parametrize("trouble", ["interrupted complete", "discard", "no thread"])
def test_what_is_no_failure_of_the_task_leaves_no_claim_begun(monkeypatch, trouble):
    """Else it would cost an attempt, as that of a lost worker, once the lease ends."""
    wrong = {"interrupted complete": KeyboardInterrupt(), "discard": StoreUnavailable("the disk is full")}

    class Full(MemoryStore):
        def delete(self, keys):
            raise wrong[trouble]

    class Work(jobs.Job):
        def execute(self):
            if trouble == "discard":
                raise Discard("not needed")

    store = TaskStore(Full())
    task_hash = claimed(store, Work(id="1"))
    with monkeypatch.context() as patched:
        if trouble == "no thread":
            patched.setattr(threading.Thread, "start", cannot_start)
        with pytest.raises((KeyboardInterrupt, StoreUnavailable, RuntimeError)):
            perform(task_hash, store=store)
    [again] = store.claim("l")
    assert again.delivery.attempts == 0


def cannot_start(thread):
    raise RuntimeError("can't start new thread")


def test_a_failure_that_cannot_be_written_down_is_not_free():
    class Full(MemoryStore):
        def fail(self, failure):
            raise StoreUnavailable("the disk is full")

    store = TaskStore(Full())
    with pytest.raises(ValueError, match="it broke"):
        perform(claimed(store, jobs.Failing(id="1")), store=store)
    assert store.claim("l") == []  # until the lease ends


def test_a_cancelled_event_loop_is_a_failure_like_any(store):
    with pytest.raises(asyncio.CancelledError):
        perform(claimed(store, jobs.Cancelled(id="1")))
    assert delivery(store).attempts == 1


def test_an_interrupt_as_the_heartbeats_begin_leaves_no_thread(store, monkeypatch):
    begin = Heartbeats.begin

    def interrupted(self):
        begin(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(Heartbeats, "begin", interrupted)
    with pytest.raises(KeyboardInterrupt):
        perform(claimed(store, jobs.Job(id="1")))
    assert not any(thread.name.startswith("atleastonce") for thread in threading.enumerate())


def test_heartbeats_go_on_after_any_error(caplog):
    beats = []

    class Odd(MemoryStore):
        def heartbeat(self, held):
            beats.append(held)
            if len(beats) == 1:
                raise InvalidTask("sesame")
            return super().heartbeat(held)

    class Slow(jobs.Job):
        def execute(self):
            jobs.wait_for(lambda: len(beats) > 2)

    store = TaskStore(Odd())
    perform(claimed(store, Slow(id="1"), timedelta(milliseconds=300)), store=store)
    assert "could not be renewed: InvalidTask" in caplog.text
    assert "sesame" not in caplog.text


def test_a_newer_version_stays_held_when_the_older_is_dropped(memory):
    heartbeats = Heartbeats(memory, 1_000_000)
    memory.save(jobs.Job(id="1"))
    [old] = memory.claim("l")
    heartbeats.hold([old])
    memory.save(jobs.Job(id="1"))
    [new] = memory.claim("l")
    heartbeats.hold([new])
    heartbeats.drop(old)
    assert [holder.saved_at for holder in heartbeats.end()] == [new.as_hash()["saved_at"]]
    heartbeats.hold([new])
    heartbeats.drop(new)
    assert heartbeats.end() == []
