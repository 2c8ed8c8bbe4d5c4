"""`redrive`: what was left, in this thread; ages, unreadable records, stopping."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from atleastonce import (
    Capabilities,
    InvalidTask,
    RunReport,
    StoreUnavailable,
    Task,
    TaskRecord,
    TaskStore,
    dispatch,
    redrive,
)
from atleastonce.claims import ClaimPage
from atleastonce.testing import TestClock
from atleastonce_memory import MemoryStore
from tests.lifecycle import jobs


def ids(store, task_list="l"):
    return [task.id for task in store.all(task_list)]


@pytest.fixture(params=["here", "threads"])
def to(request):
    """Where tasks are executed."""
    if request.param == "here":
        yield None
    else:
        with ThreadPoolExecutor(2) as pool:
            yield pool


def test_here_tasks_are_executed_one_by_one_in_id_order(memory):
    order = []

    class Ordered(jobs.Job):
        def execute(self):
            order.append((self.id, threading.current_thread()))
            return self.id

    memory.save_all(Ordered(id=id) for id in "bca")
    results = []
    report = redrive("l", on_result=lambda task, result: results.append((task.id, result)))
    assert report == RunReport(completed=3)
    assert order == [(id, threading.current_thread()) for id in "abc"]
    assert results == [(id, id) for id in "abc"]


def test_dispatch_may_execute_here_too(memory):
    report = dispatch([jobs.Job(), jobs.Failing()], None)
    assert (report.saved, report.handed, report.completed, report.failed, report.left) == (2, 0, 1, 1, 1)
    assert memory.count("l") == 1


def test_only_its_own_list(memory, to):
    memory.save_all([jobs.Job(), jobs.Job(task_list="m")])
    assert redrive("m", to=to).completed == 1
    assert memory.count("l") == 1


def test_a_failing_task_stops_no_other_and_stays(memory, to):
    memory.save_all(jobs.fine_and(jobs.Failing(id="bad"), jobs.OneWayFailing(id="worse")))
    report = redrive("l", to=to)
    assert (report.completed, report.failed, report.left) == (5, 2, 2)
    assert {e.id: e.error for e in report.errors} == {
        "bad": "ValueError: it broke",
        "worse": "OneWayError: 5: no way back",
    }
    assert ids(memory) == ["bad", "worse"]


def test_everything_completes_in_a_bounded_number_of_redrives_once_faults_stop(memory, to):
    """Each task fails twice (I3)."""
    attempts = {}

    class Flaky(jobs.Job):
        def execute(self):
            attempts[self.id] = attempts.get(self.id, 0) + 1
            if attempts[self.id] <= 2:
                raise ValueError("not yet")

    memory.save_all(Flaky() for _ in range(20))
    assert [redrive("l", to=to).completed for _ in range(4)] == [0, 0, 20, 0]
    assert set(attempts.values()) == {3}


def test_older_than_leaves_the_young_alone(to):
    clock = TestClock()
    store = TaskStore("memory://", clock=clock)
    store.save(jobs.Job(id="old"))
    clock.advance(timedelta(hours=2))
    store.save(jobs.Job(id="young"))
    report = redrive("l", older_than=timedelta(hours=1), store=store, to=to)
    assert (report.completed, report.left) == (1, 0)
    assert ids(store) == ["young"]


@pytest.mark.parametrize("older_than", [5, timedelta(seconds=-1), "1h"])
def test_an_age_that_is_none_is_refused(memory, older_than):
    memory.save(jobs.Job())
    with pytest.raises(InvalidTask, match="older_than"):
        redrive("l", older_than=older_than)
    assert memory.count("l") == 1


@pytest.mark.parametrize("task_list", ["", None, 5])
def test_a_list_that_is_none_is_refused(memory, task_list):
    with pytest.raises(InvalidTask, match="task_list"):
        redrive(task_list)


def test_what_cannot_be_read_is_failed_and_untouched(memory, to):
    bad = {"0": ("Nobody", b'{"a":1}'), "5": ("tests.lifecycle.job", b"{bad"), "6": ("tests.lifecycle.job@9", b"{}")}
    memory._backend.store([TaskRecord("l", id, *rest) for id, rest in bad.items()])
    versions = {id: memory._backend.find("l", id).saved_at for id in bad}
    memory.save_all([jobs.Job(id="1"), jobs.Job(id="7")])
    report = redrive("l", to=to)
    assert (report.completed, report.failed, report.left) == (2, 3, 3)
    assert [e.id for e in report.errors] == ["0", "5", "6"]
    assert [e.error.partition(":")[0] for e in report.errors] == ["UnknownTaskType", "InvalidTask", "UnknownTaskType"]
    for id, (type, data) in bad.items():
        stored = memory._backend.find("l", id)
        assert (stored.type, stored.data, stored.saved_at) == (type, data, versions[id])


def test_a_callable_gets_what_was_left_and_not_what_cannot_be_read(memory):
    memory._backend.store([TaskRecord("l", "0", "Nobody", b"{}")])
    memory.save_all([jobs.Job(id="1"), jobs.Job(id="2")])
    sent = []
    report = redrive("l", to=sent.append)
    assert [h["id"] for h in sent] == ["1", "2"]
    assert (report.handed, report.completed, report.failed, report.left) == (2, 0, 1, 3)


def test_a_task_saved_anew_while_it_runs_stays(memory, to):
    class Again(jobs.Job):
        def execute(self):
            memory.save(self.replace(number=self.number + 1))

    memory.save(Again(id="1"))
    report = redrive("l", to=to)
    assert report.completed >= 1
    assert memory.find("l", "1").number >= 1


def test_nothing_is_lost_while_others_save_and_complete(store, to):
    store.save_all(jobs.Job(id=f"{number:05}-left") for number in range(1_000))
    acked, done = [], threading.Event()

    def others():
        for number in range(300):
            task = jobs.Job(id=f"{number * 3:05}-new")
            store.save(task)
            if number % 3:
                acked.append(task.id)
            else:
                store.complete(task)
        done.set()

    thread = threading.Thread(target=others)
    completed = []
    thread.start()
    try:
        report = redrive("l", to=to, on_result=lambda task, _: completed.append(task.id))
    finally:
        thread.join(jobs.DEADLINE_S)
    assert done.is_set()
    assert {f"{number:05}-left" for number in range(1_000)} <= set(completed)
    assert (report.failed, report.left) == (0, 0)
    assert set(acked) <= set(completed) | set(ids(store))
    assert redrive("l", to=to).left == 0
    assert ids(store) == []


def test_two_redrives_at_once_lose_nothing(store):
    store.save_all(jobs.Job() for _ in range(300))
    with ThreadPoolExecutor(2) as both:
        reports = list(both.map(lambda _: redrive("l", store=store), range(2)))
    assert all((r.failed, r.left) == (0, 0) for r in reports)
    assert sum(r.completed for r in reports) >= 300
    assert store.count("l") == 0


def test_a_complete_that_fails_is_counted_and_the_task_stays(to):
    class Failing(MemoryStore):
        def delete(self, keys):
            if keys[0].id == "2":
                raise StoreUnavailable("the disk is full")
            super().delete(keys)

        def start(self, held, *, done=None):  # which completes the task before
            if done is not None and done.id == "2":
                raise StoreUnavailable("the disk is full")
            return super().start(held, done=done)

    store = TaskStore(Failing())
    store.save_all(jobs.Job(id=id) for id in "123")
    report = redrive("l", store=store, to=to)
    assert (report.completed, report.failed, report.left) == (2, 1, 1)
    assert report.errors[0].error == "StoreUnavailable: the disk is full"
    assert ids(store) == ["2"]


@pytest.mark.parametrize("claims", [True, False])
def test_a_list_that_cannot_be_read_to_its_end_is_a_typed_error_with_a_note(to, claims):
    class Breaking(MemoryStore):
        capabilities = Capabilities(name="breaking", max_data_bytes=1_000, claims=claims)

        def all(self, task_list, *, saved_before=None):
            for number, record in enumerate(super().all(task_list)):
                if number == 2:
                    raise StoreUnavailable("the disk is gone", outcome="not_applied")
                yield record

        def claim(self, task_list, *, cursor=None, limit, **others):
            if cursor == 2:
                raise StoreUnavailable("the disk is gone", outcome="not_applied")
            page = super().claim(task_list, limit=1, **others)
            return ClaimPage(page.records, 1 if cursor is None else 2)

    store = TaskStore(Breaking())
    store.save_all(jobs.Job(id=id) for id in "123")
    with pytest.raises(StoreUnavailable) as caught:
        redrive("l", store=store, to=to)
    assert caught.value.__notes__[-1].startswith("the run stopped here: ")
    assert len(caught.value.__notes__) == 1
    assert len([*MemoryStore.all(store._backend, "l")]) >= 1


def test_a_cancelled_event_loop_ends_no_redrive(memory, to):
    memory.save_all([jobs.Job(id="1"), jobs.Cancelled(id="2"), jobs.Job(id="3")])
    report = redrive("l", to=to)
    assert (report.completed, report.failed, report.left) == (2, 1, 1)
    assert report.errors[0].error.startswith("CancelledError")
    assert memory.find("l", "2").delivery.attempts == 1


def test_a_thread_that_cannot_be_started_leaves_nothing_claimed(memory, monkeypatch):
    def cannot_start(thread):
        raise RuntimeError("can't start new thread")

    memory.save_all(jobs.Job() for _ in range(5))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", cannot_start)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            redrive("l")
    assert len(memory.claim("l")) == 5


# Stopping -------------------------------------------------------------------------------------------------------------


def test_a_stop_that_is_set_begins_nothing(memory, to):
    memory.save(jobs.Job())
    stop = threading.Event()
    stop.set()
    assert redrive("l", stop=stop, to=to) == RunReport()
    assert memory.count("l") == 1


def test_a_stop_between_two_tasks_leaves_the_rest(memory):
    stop = threading.Event()

    class Stopping(jobs.Job):
        def execute(self):
            if self.id == "3":
                stop.set()

    memory.save_all(Stopping(id=id) for id in "12345")
    report = redrive("l", stop=stop)
    assert report == RunReport(completed=3)
    assert ids(memory) == ["4", "5"]


def test_a_stop_takes_back_what_was_handed_over_and_not_begun(memory):
    """While results stream in, too: what runs is waited for, the rest of what the pool has is not."""
    stop = threading.Event()
    stopper = threading.Timer(0.3, stop.set)  # by then all are handed over, or else the rest is not begun at all

    class Slow(jobs.Job):
        def execute(self):
            if not stopper.ident:
                stopper.start()
            stop.wait(jobs.DEADLINE_S)  # the first holds up the others
            threading.Event().wait(0.01)  # slower than a take back

    memory.save_all(Slow() for _ in range(300))
    results = []
    with ThreadPoolExecutor(1) as pool:
        report = redrive("l", to=pool, stop=stop, on_result=lambda task, _: results.append(task))
    assert report.failed == 0
    assert 1 <= report.completed == len(results) < 300
    assert memory.count("l") == 300 - report.completed
    assert report.errors == ()


def test_a_stop_is_looked_at_while_results_stream_in(memory):
    stop, executed = threading.Event(), []

    class Quick(jobs.Job):
        def execute(self):
            executed.append(self.id)
            if len(executed) > 1:
                threading.Event().wait(0.01)  # quicker than any poll, slower than a take back

    memory.save_all(Quick() for _ in range(400))
    with ThreadPoolExecutor(1) as pool:
        report = redrive("l", to=pool, stop=stop, on_result=lambda *_: stop.set())
    assert report.completed == len(executed) < 400
    assert memory.count("l") == 400 - len(executed)


def test_redrive_takes_every_type(memory, to):
    class Other(Task):
        task_list: str = "l"

        def execute(self):
            return "other"

    memory.save_all([Other(), jobs.AsyncJob(), jobs.Job()])
    assert redrive("l", to=to).completed == 3
