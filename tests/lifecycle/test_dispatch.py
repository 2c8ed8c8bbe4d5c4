"""`dispatch`: order, bounds, callables, refusals, reports."""

from __future__ import annotations

import pickle
import queue
import threading
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor

import pytest

from atleastonce import (
    ConfigurationError,
    HandoverFailed,
    InvalidTask,
    RunReport,
    StoreUnavailable,
    TaskRecord,
    TaskStore,
    batches,
    defaults,
    dispatch,
    perform,
    redrive,
)
from atleastonce_memory import MemoryStore
from tests.lifecycle import jobs


def ids(store, task_list="l"):
    return [task.id for task in store.all(task_list)]


class Recording(MemoryStore):
    """Knows which saves have returned."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.saved = set()
        self.batches = []
        self.fail_on = 0

    def store(self, records):
        self.batches.append(len(records))
        if len(self.batches) == self.fail_on:
            raise StoreUnavailable("the disk is full", outcome="not_applied")
        versions = super().store(records)
        self.saved.update(record.id for record in records)
        return versions


class Inline(Executor):
    """Executes at once, in the caller's thread; may be told to refuse or to break at some submissions."""

    def __init__(self, refuse=(), error=None):
        self.refuse = refuse
        self.error = error
        self.submitted = []

    def submit(self, function, parcel):
        self.submitted.append(parcel)
        if len(self.submitted) in self.refuse:
            raise self.error
        future = Future()
        future.set_result(function(parcel))
        return future


class Deferred(Executor):
    """Executes in one other thread; knows how many submissions were unfinished at most."""

    def __init__(self):
        self.lock = threading.Lock()
        self.unfinished = self.most = self.submitted = 0
        self.queue = queue.SimpleQueue()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def submit(self, function, parcel):
        with self.lock:
            self.submitted += 1
            self.unfinished += 1
            self.most = max(self.most, self.unfinished)
        future = Future()
        self.queue.put((future, function, parcel))
        return future

    def run(self):
        while (item := self.queue.get()) is not None:
            future, function, parcel = item
            if future.set_running_or_notify_cancel():
                result = function(parcel)
                with self.lock:
                    self.unfinished -= 1
                future.set_result(result)

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.queue.put(None)
        self.thread.join(jobs.DEADLINE_S)


@pytest.mark.parametrize("kind", ["callable", "executor"])
def test_nothing_is_handed_over_before_its_save_returned(kind):
    backend = Recording()
    handed = []

    def take(task_hash):
        assert task_hash["id"] in backend.saved
        handed.append(task_hash["id"])

    class Checking(Inline):
        def submit(self, function, parcel):
            take(parcel._hash)
            return super().submit(function, parcel)

    tasks = [jobs.Job(number=number) for number in range(2_500)]
    report = dispatch(tasks, take if kind == "callable" else Checking(), store=TaskStore(backend))
    assert (report.saved, report.handed, report.failed) == (2_500, 2_500, 0)
    assert handed == [task.id for task in tasks]
    assert 1 < max(backend.batches) <= 1_000


def test_what_is_handed_over_has_its_version(memory):
    sent = []
    dispatch([jobs.Job()], sent.append)
    assert sent[0]["saved_at"] == next(memory.all("l")).as_hash()["saved_at"]
    perform(sent[0])
    assert memory.count("l") == 0


@pytest.mark.parametrize("kind", ["callable", "executor"])
def test_at_most_10_000_are_generated_and_not_yet_handed_over(memory, kind):
    handed, most = 0, 0

    def take(_):
        nonlocal handed
        handed += 1

    class Counting(Inline):
        def submit(self, function, parcel):
            take(parcel)
            self.submitted.clear()
            return super().submit(function, parcel)

    def generate():
        nonlocal most
        for generated in range(25_000):
            most = max(most, generated - handed)
            yield jobs.Job()

    assert dispatch(generate(), take if kind == "callable" else Counting()).handed == 25_000
    assert 0 < most <= 10_000


@pytest.mark.slow
def test_a_bounded_number_is_in_flight_however_many_there_are(memory):
    tasks, results = 100_000, 0

    def count(task, result):
        nonlocal results
        results += 1

    executor = Deferred()
    try:
        report = dispatch((jobs.Job() for _ in range(tasks)), executor, on_result=count)
    finally:
        executor.shutdown()
    assert report == RunReport(saved=tasks, handed=tasks, completed=tasks)
    assert results == executor.submitted == tasks
    assert 1 < executor.most <= 1_000
    assert memory.count("l") == 0


def test_a_bounded_number_is_in_flight_in_redrive_too(memory):
    memory.save_all(jobs.Job() for _ in range(5_000))
    executor = Deferred()
    try:
        report = redrive("l", to=executor)
    finally:
        executor.shutdown()
    assert report == RunReport(handed=5_000, completed=5_000)
    assert 1 < executor.most <= 1_000


def test_results_come_while_tasks_are_still_generated(memory):
    results, generated = [], 0

    def generate():
        nonlocal generated
        while not results and generated < 200_000:
            generated += 1
            yield jobs.Job()

    with ThreadPoolExecutor(2) as pool:
        report = dispatch(generate(), pool, on_result=lambda *args: results.append(args))
    assert 0 < generated < 200_000
    assert report.completed == len(results) == generated


def test_a_slow_generator_does_not_hold_back_what_it_gave(memory):
    """Each is saved and handed over long before a batch is full."""
    handed = threading.Event()

    def generate():
        yield jobs.Job()
        jobs.wait_for(handed.is_set)  # by then the first is with the callable: nothing else sets it
        yield jobs.Job()

    assert dispatch(generate(), lambda _: handed.set()).handed == 2


def test_tasks_of_several_lists_and_types_go_together(memory):
    sent = []
    dispatch([jobs.Job(), jobs.Failing(task_list="m"), jobs.AsyncJob(task_list="n")], sent.append)
    assert [(h["task_list"], h["type"]) for h in sent] == [
        ("l", "tests.lifecycle.job"),
        ("m", "tests.lifecycle.failing"),
        ("n", "tests.lifecycle.async_job"),
    ]
    assert sorted(memory.task_lists()) == ["l", "m", "n"]


def test_nothing_to_do_is_no_error(memory):
    assert dispatch([], lambda _: None) == RunReport()
    assert redrive("l") == RunReport()
    assert list(memory.task_lists()) == []


def test_a_callables_tasks_are_left_for_its_workers(memory):
    results = []
    report = dispatch(jobs.fine_and(), lambda _: None, on_result=lambda *args: results.append(args))
    assert report == RunReport(saved=5, handed=5, left=5)
    assert results == []
    assert memory.count("l") == 5


def test_a_callable_may_do_what_it_likes_with_the_hash(memory):
    def take(task_hash):
        task_hash["data"]["number"] = "changed"
        task_hash.clear()

    task = jobs.Job(number=3)
    dispatch([task], take)
    assert task.number == 3
    assert memory.find("l", task.id) == task


# Refusals -------------------------------------------------------------------------------------------------------------


def refusing(numbers, error):
    """A callable that refuses at these calls (1 is the first); with `.calls`."""

    def take(task_hash):
        take.calls += 1
        if take.calls in numbers:
            raise error

    take.calls = 0
    return take


ERROR = ConnectionError("the broker is down")


@pytest.mark.parametrize("kind", ["callable", "executor"])
def test_single_refusals_are_counted(memory, kind):
    nine_in_a_row = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 30}
    to = refusing(nine_in_a_row, ERROR) if kind == "callable" else Inline(nine_in_a_row, ERROR)
    tasks = [jobs.Job() for _ in range(30)]
    report = dispatch(tasks, to)
    completed = 17 if kind == "executor" else 0
    assert (report.saved, report.handed, report.failed, report.completed) == (30, 17, 13, completed)
    assert report.left == 30 - completed
    assert [e.id for e in report.errors] == [tasks[number - 1].id for number in sorted(nine_in_a_row)]
    assert {e.error for e in report.errors} == {"ConnectionError: the broker is down"}
    assert memory.count("l") == report.left


@pytest.mark.parametrize("kind", ["callable", "executor"])
def test_ten_in_a_row_stop_handing_over_and_the_rest_is_saved(memory, kind):
    ten = set(range(6, 10_000))
    to = refusing(ten, ERROR) if kind == "callable" else Inline(ten, ERROR)
    with pytest.raises(HandoverFailed, match="10 tasks in a row") as caught:
        dispatch((jobs.Job() for _ in range(5_000)), to)
    report = caught.value.report
    completed = 5 if kind == "executor" else 0
    assert (report.saved, report.handed, report.failed, report.completed) == (5_000, 5, 10, completed)
    assert report.left == memory.count("l") == 5_000 - completed
    assert caught.value.__cause__ is ERROR
    assert (to.calls if kind == "callable" else len(to.submitted)) == 15
    assert caught.value.outcome == "unknown"
    if kind == "executor":
        assert redrive("l").completed == 4_995


@pytest.mark.parametrize("kind", ["callable", "executor"])
def test_redrive_stops_after_ten_in_a_row_as_well(memory, kind):
    memory.save_all(jobs.Job() for _ in range(50))
    ten = set(range(3, 100))
    to = refusing(ten, ERROR) if kind == "callable" else Inline(ten, ERROR)
    with pytest.raises(HandoverFailed, match="10 tasks in a row") as caught:
        redrive("l", to=to)
    report = caught.value.report
    completed = 2 if kind == "executor" else 0
    assert (report.handed, report.failed, report.completed) == (2, 10, completed)
    assert report.left == 12 - completed  # seen in this run: never a count of the list
    assert caught.value.__cause__ is ERROR
    assert memory.count("l") == 50 - completed


def test_an_interrupt_of_the_callable_is_no_refusal(memory):
    take = refusing({3}, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt) as caught:
        dispatch(jobs.fine_and(), take)
    assert "left pending" in caught.value.__notes__[-1]


@pytest.mark.parametrize("at", [1, 4])
def test_a_broken_executor_stops_handing_over_at_once_and_the_rest_is_saved(memory, at):
    broken = BrokenExecutor("it died")
    executor = Inline({at}, broken)
    with pytest.raises(HandoverFailed, match="broke") as caught:
        dispatch((jobs.Job() for _ in range(3_000)), executor)
    report = caught.value.report
    assert (report.saved, report.handed, report.completed) == (3_000, at - 1, at - 1)
    assert report.left == memory.count("l") == 3_001 - at
    assert len(executor.submitted) == at
    assert caught.value.__cause__ is broken


def test_an_executor_that_breaks_under_way(memory):
    class Breaking(Inline):
        def submit(self, function, parcel):
            future = super().submit(function, parcel)
            if len(self.submitted) == 3:
                future = Future()
                future.set_exception(BrokenExecutor("it died"))
            return future

    with pytest.raises(HandoverFailed, match="broke") as caught:
        dispatch([jobs.Job(id=str(number)) for number in range(9)], Breaking())
    report = caught.value.report
    assert (report.saved, report.failed) == (9, 0)  # no fault of the task, as far as anybody knows
    assert report.completed + report.left == 9


@pytest.mark.parametrize("verb", ["dispatch", "redrive"])
def test_an_executor_that_cancels_what_it_had_accepted_is_broken(memory, verb):
    """One that another thread shuts down with ``cancel_futures``, or a cluster's that loses its scheduler."""

    class Cancelling(Inline):
        def submit(self, function, parcel):
            if len(self.submitted) < 3:
                return super().submit(function, parcel)
            future = Future()
            future.cancel()
            return future

    tasks = [jobs.Job(id=str(number)) for number in range(9)]
    if verb == "redrive":
        memory.save_all(tasks)
    with pytest.raises(HandoverFailed, match="broke") as caught:
        dispatch(tasks, Cancelling()) if verb == "dispatch" else redrive("l", to=Cancelling())
    assert isinstance(caught.value.__cause__, CancelledError)
    assert (caught.value.report.completed, caught.value.report.failed) == (3, 0)
    assert memory.count("l") == 6


def test_the_error_keeps_its_report_across_processes(memory):
    with pytest.raises(HandoverFailed) as caught:
        dispatch([jobs.Job() for _ in range(12)], refusing(range(100), ERROR))
    made = pickle.loads(pickle.dumps(caught.value))
    assert (type(made), str(made), made.report) == (HandoverFailed, str(caught.value), caught.value.report)
    assert made.report.saved == 12


def test_an_interrupt_of_the_hand_over_in_the_midst_of_the_batches(memory):
    """Whatever was generated by then is saved."""
    generated = []

    def generate():
        for number in range(5_000):
            generated.append(number)
            yield jobs.Job(id=f"{number:04}")

    with pytest.raises(KeyboardInterrupt) as caught:
        dispatch(generate(), refusing({3}, KeyboardInterrupt()))
    assert 3 <= len(generated) < 5_000
    assert memory.count("l") == len(generated)
    assert f"{len(generated):,} are left pending" in caught.value.__notes__[-1]


def test_a_nested_run_that_fails_is_an_error_like_any_other(memory):
    """A follow-up of `on_result` that cannot be handed over ends this run too, which says what it has left."""

    def follow_up(task, result):
        dispatch([jobs.Job(task_list="next") for _ in range(10)], refusing(range(100), ERROR))

    with ThreadPoolExecutor(1) as pool, pytest.raises(HandoverFailed) as caught:
        dispatch([jobs.Job(id=str(number)) for number in range(3)], pool, on_result=follow_up)
    assert caught.value.report.saved == 10
    [note] = caught.value.__notes__
    assert note.startswith("the run stopped here: ")
    assert memory.count("next") == 10


# Saves that fail ------------------------------------------------------------------------------------------------------


def test_a_save_that_fails_stops_the_run_and_says_what_was_not_saved():
    backend = Recording()
    backend.fail_on = 2
    store, handed = TaskStore(backend), []
    tasks = [jobs.Job() for _ in range(2_500)]
    with pytest.raises(StoreUnavailable) as caught:
        dispatch(tasks, lambda h: handed.append(h["id"]), store=store)
    saved = backend.saved
    assert set(handed) == saved == {task.id for task in tasks[: len(saved)]}
    assert [key.id for key in caught.value.batch.not_done] == [
        task.id for task in tasks[len(saved) : len(saved) + len(caught.value.batch.not_done)]
    ]
    assert caught.value.__notes__[-1] == (
        f"the run stopped here: 0 tasks were completed, 0 failed, {len(saved):,} are left pending: redrive them"
    )


def test_a_batch_that_was_saved_in_parts_is_counted(monkeypatch):
    monkeypatch.setattr(batches, "BATCH_BYTES", 100)
    backend = Recording()
    backend.fail_on = 3
    tasks = [jobs.Failing(text="x" * 200) for _ in range(20)]

    def generate():  # the first alone, then the rest at once
        yield from tasks

    with pytest.raises(StoreUnavailable) as caught:
        dispatch(generate(), lambda _: None, store=TaskStore(backend))
    assert f"{len(backend.saved)} are left pending" in caught.value.__notes__[-1]
    assert len(backend.saved) == 2


def test_a_bad_task_stops_the_run_and_is_named(memory):
    bad = jobs.Job(id="bad")
    bad.number = "five"
    with pytest.raises(InvalidTask, match="number") as caught:
        dispatch(jobs.fine_and(bad), lambda _: None)
    assert caught.value.batch.not_done[-1].id == "bad"
    with pytest.raises(InvalidTask):
        dispatch(["no task"], lambda _: None)


def test_an_error_of_the_generator_saves_what_was_generated(memory):
    def generate():
        yield from jobs.fine_and()
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        dispatch(generate(), lambda _: None)
    assert memory.count("l") == 5
    assert caught.value.__notes__ == [
        "the run stopped here: 0 tasks were completed, 0 failed, 5 are left pending: redrive them"
    ]


def test_what_cannot_be_read_is_failed_and_stays_as_it_is(memory):
    memory._backend.store([TaskRecord("l", "1", "Nobody", b"{}"), TaskRecord("l", "2", "tests.lifecycle.job", b"{bad")])
    memory.save(jobs.Job(id="3"))
    sent = []
    report = dispatch(memory.all("l"), sent.append)
    assert [h["id"] for h in sent] == ["3"]
    assert (report.saved, report.handed, report.failed, report.left) == (3, 1, 2, 3)
    assert memory._backend.find("l", "2").data == b"{bad"


# Reports --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["here", "executor", "callable"])
def test_the_first_100_errors_are_kept_with_capped_texts(memory, to):
    memory.save_all(jobs.Failing(id=f"{number:03}", text="x" * 5_000) for number in range(150))
    if to == "callable":

        def take(task_hash):
            if take.ok:
                take.ok = False
                return
            take.ok = True
            raise ValueError("x" * 5_000)

        take.ok = False
        report, failed = redrive("l", to=take), 75
        expected = [f"{number:03}" for number in range(0, 150, 2)]
    else:
        report, failed = redrive("l", to=Inline() if to == "executor" else None), 150
        expected = [f"{number:03}" for number in range(100)]
    assert report.failed == failed
    assert [e.id for e in report.errors] == expected
    assert {len(e.error) for e in report.errors} == {1_000}
    assert all(e.error.startswith("ValueError: xxx") for e in report.errors)


def test_the_report_shows_no_payload(memory):
    report = dispatch([jobs.Failing(folder="sesame", text="t")], Inline())
    assert report.failed == 1
    assert "sesame" not in repr(report)


def test_the_default_store_is_used_where_none_is_given():
    with defaults.using(TaskStore("memory://")) as default:
        given = TaskStore("memory://")
        dispatch([jobs.Job(id="1")], lambda _: None)
        dispatch([jobs.Job(id="2")], lambda _: None, store=given)
        assert (ids(default), ids(given)) == (["1"], ["2"])
        assert redrive("l", store=given).completed == 1
        assert (ids(default), ids(given)) == (["1"], [])


class AsyncSender:
    async def __call__(self, task_hash):
        """Sends nothing, unless awaited."""


@pytest.mark.parametrize("to", [AsyncSender(), AsyncSender().__call__])
def test_an_async_callable_is_refused_before_anything_is_saved(memory, to):
    with pytest.raises(ConfigurationError, match="plain function"):
        dispatch([jobs.Job()], to)
    assert memory.count("l") == 0
    with pytest.raises(ConfigurationError, match="plain function"):
        redrive("l", to=to)


def test_a_callable_that_returns_a_coroutine_has_sent_nothing(memory):
    """It is closed as well: one that is never awaited would warn, and warnings are errors here."""
    sender = AsyncSender()
    report = dispatch([jobs.Job()], lambda task_hash: sender(task_hash))  # noqa: PLW0108 - else it is refused beforehand
    assert (report.handed, report.failed, report.left) == (0, 1, 1)
    assert report.errors[0].error.startswith("ConfigurationError: `to` returned a coroutine")
