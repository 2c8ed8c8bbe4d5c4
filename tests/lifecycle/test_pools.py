"""`dispatch` and `redrive` on pools of threads and of processes, spawned and forked."""

from __future__ import annotations

import os
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from atleastonce import (
    CompositeTask,
    ConfigurationError,
    HandoverFailed,
    RunReport,
    Task,
    TaskStore,
    defaults,
    dispatch,
    redrive,
)
from atleastonce.lifecycle.to_executor import ToExecutor, _workers_are_gone
from tests.lifecycle import jobs
from tests.lifecycle.conftest import process_pool


def ids(store, task_list="l"):
    return [task.id for task in store.all(task_list)]


def runs(folder):
    """id -> the processes that executed it."""
    return {file.name: file.read_text().split() for file in folder.iterdir() if file.is_file()}


@pytest.fixture
def folder(tmp_path):
    """Where jobs leave their traces."""
    made = tmp_path / "traces"
    made.mkdir()
    return made


def test_every_task_is_saved_executed_and_completed(store, pool, folder):
    tasks = [jobs.Job(number=number, folder=str(folder)) for number in range(50)]
    results = []
    report = dispatch(iter(tasks), pool, on_result=lambda task, result: results.append((task.id, result)))
    assert report == RunReport(saved=50, handed=50, completed=50)
    assert sorted(results) == [(task.id, 2 * task.number) for task in tasks]
    assert ids(store) == []
    assert {id: len(times) for id, times in runs(folder).items()} == {task.id: 1 for task in tasks}


def test_redrive_executes_what_was_left(store, pool, folder):
    store.save_all(jobs.Job(number=number, folder=str(folder)) for number in range(50))
    expected = ids(store)
    results = []
    report = redrive("l", to=pool, on_result=lambda task, result: results.append(task.id))
    assert report == RunReport(handed=50, completed=50)
    assert sorted(results) == expected
    assert ids(store) == []
    assert sorted(runs(folder)) == expected


def test_work_is_done_in_the_pool(store, pool, folder, request):
    dispatch([jobs.Job(folder=str(folder), id=str(number)) for number in range(20)], pool)
    pids = {int(pid) for times in runs(folder).values() for pid in times}
    threads = request.node.callspec.params["pool"] == "threads"
    assert (pids == {os.getpid()}) is threads
    assert threads or os.getpid() not in pids


def test_on_result_gets_the_callers_task_in_the_callers_thread(store, pool):
    tasks = [jobs.Job(number=number) for number in range(5)]
    seen = []
    dispatch(tasks, pool, on_result=lambda task, _: seen.append((task, threading.current_thread())))
    assert {thread for _, thread in seen} == {threading.current_thread()}
    assert all(any(task is own for own in tasks) for task, _ in seen)


def test_the_store_may_be_given(pool, tmp_path, memory):
    with TaskStore(f"sqlite:///{tmp_path}/given.db") as given:
        assert dispatch([jobs.Job(), jobs.Failing()], pool, store=given).completed == 1
        assert len(ids(given)) == 1
        assert redrive("l", to=pool, store=given).failed == 1
    assert ids(memory) == []


FAILURES = {
    "error": (jobs.Failing, "ValueError: it broke"),
    "exit": (jobs.Exits, "SystemExit: 3"),
    "interrupt": (jobs.Interrupted, "KeyboardInterrupt: "),
    "error that does not unpickle": (jobs.OneWayFailing, "OneWayError: 5: no way back"),
    "exit that does not unpickle": (jobs.OneWayExiting, "OneWayExit: 5: no way back"),
    "error without a text": (jobs.UnspeakableFailing, "Unspeakable"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_one_failing_task_stops_no_other(store, pool, failure):
    cls, text = FAILURES[failure]
    bad = cls(id="bad")
    results = []
    report = dispatch(jobs.fine_and(bad), pool, on_result=lambda task, _: results.append(task.id))
    assert (report.saved, report.handed, report.completed, report.failed, report.left) == (6, 6, 5, 1, 1)
    assert [(e.task_list, e.id, e.error) for e in report.errors] == [("l", "bad", text)]
    assert len(results) == 5
    assert "bad" not in results
    assert ids(store) == ["bad"]
    again = redrive("l", to=pool)
    assert (again.completed, again.failed, again.left) == (0, 1, 1)
    assert dispatch([jobs.Job()], pool).completed == 1  # the pool is sound


@pytest.mark.parametrize(
    ("cls", "text"),
    [(jobs.UnpicklableResult, "could not be sent back"), (jobs.OneWayResult, "RuntimeError: cannot be made here")],
)
@pytest.mark.parametrize("verb", ["dispatch", "redrive"])
def test_a_result_that_cannot_come_back_leaves_the_task_completed_and_is_reported(
    store, spawned, folder, cls, text, verb
):
    task = cls(id="odd", folder=str(folder))
    results = []
    if verb == "dispatch":
        report = dispatch(jobs.fine_and(task), spawned, on_result=lambda task, _: results.append(task.id))
    else:
        store.save_all(jobs.fine_and(task))
        report = redrive("l", to=spawned, on_result=lambda task, _: results.append(task.id))
    assert (report.completed, report.failed, report.left) == (6, 0, 0)
    [error] = report.errors
    assert error.id == "odd"
    assert text in error.error
    assert "odd" not in results
    assert len(results) == 5
    assert ids(store) == []
    assert list(runs(folder)) == ["odd"]


def test_async_tasks_are_run(store, pool):
    results = []
    report = dispatch(
        [jobs.AsyncJob(number=n) for n in range(3)], pool, on_result=lambda _, result: results.append(result)
    )
    assert (report.completed, sorted(results)) == (3, [0, 2, 4])


def test_a_composite_reads_its_children_in_the_worker(store, pool):
    store.save_all([jobs.Job(id="1", number=1), jobs.Failing(id="2"), jobs.Job(id="3", number=3)])
    report = dispatch([jobs.JobComposite(id="c")], pool)
    assert (report.completed, report.failed) == (0, 1)
    assert "1 of 3 children failed: ValueError" in report.errors[0].error
    assert ids(store) == ["2"]
    store.complete(jobs.Job(id="2"))
    store.save(jobs.Job(number=4))
    results = []
    assert redrive("top", to=pool, on_result=lambda _, result: results.append(result)).completed == 1
    assert results == [[8]]


@pytest.mark.parametrize("configured", [False, True])
def test_a_fresh_worker_knows_the_children_of_a_composite_by_the_configured_modules(
    store, tmp_path, monkeypatch, configured
):
    """A composite of the library's own class brings no module of the application with it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "atleastonce.toml").write_text(f"modules = ['{jobs.__name__}']" if configured else "")
    store.save(jobs.Job())
    with process_pool("spawn", 1) as fresh:
        report = dispatch([CompositeTask(task_list="top", child_task_list="l")], fresh)
    assert report.completed == configured
    assert len(ids(store)) == (not configured)
    if not configured:
        assert "1 of 1 children failed: UnknownTaskType" in report.errors[0].error


def test_a_class_that_the_worker_cannot_import_fails_alone(store, spawned, monkeypatch):
    module = types.ModuleType("only_here")
    monkeypatch.setitem(sys.modules, "only_here", module)
    namespace = {"__module__": "only_here", "__qualname__": "OnlyHere"}
    module.OnlyHere = type(Task)("OnlyHere", (jobs.Job,), namespace)
    report = dispatch(jobs.fine_and(module.OnlyHere(id="here")), spawned)
    assert (report.completed, report.failed) == (5, 1)
    assert report.errors[0].error.startswith("ModuleNotFoundError: No module named 'only_here'")
    assert ids(store) == ["here"]


def test_a_class_that_cannot_be_referred_to_fails_alone(store, spawned):
    class Local(jobs.Job):
        pass

    report = dispatch(jobs.fine_and(Local(id="local")), spawned)
    assert (report.completed, report.failed) == (5, 1)
    assert "Local" in report.errors[0].error
    assert ids(store) == ["local"]


def test_a_local_class_is_no_trouble_between_threads(memory):
    from concurrent.futures import ThreadPoolExecutor

    class Local(jobs.Job):
        pass

    with ThreadPoolExecutor(1) as threads:
        assert dispatch([Local()], threads).completed == 1


def test_the_class_need_not_be_known_by_its_tag_in_the_worker(store):
    """It goes by reference, beside the hash: a spawned worker has imported nothing yet."""
    with process_pool("spawn", 1) as fresh:
        assert dispatch([jobs.Job()], fresh).completed == 1


@pytest.mark.parametrize("verb", [dispatch, redrive])
@pytest.mark.parametrize("url", ["memory://", "memory://named"])
def test_a_private_store_is_refused_before_the_first_save(spawned, url, verb):
    """Its workers could complete nothing, and would have it all executed in vain."""
    generated = []

    def generate():
        generated.append(1)
        yield jobs.Job()

    with defaults.using(TaskStore(url)) as private:
        with pytest.raises(ConfigurationError, match="private"):
            dispatch(generate(), spawned) if verb is dispatch else redrive("l", to=spawned)
        assert list(private.task_lists()) == []
    assert generated == []


@pytest.mark.parametrize("to", [5, "queue", object()])
def test_what_is_neither_executor_nor_callable_is_refused_before_the_first_save(memory, to):
    for call in (lambda: dispatch([jobs.Job()], to), lambda: redrive("l", to=to)):
        with pytest.raises(ConfigurationError, match="to"):
            call()
    assert ids(memory) == []


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:.*fork")  # from 3.12 on a fork in a process with threads warns
def test_a_killed_worker_loses_nothing(store, folder, method):
    fine = [jobs.Job(number=number, folder=str(folder)) for number in range(60)]
    tasks = [*fine[:20], jobs.Killed(id="killer", folder=str(folder)), *fine[20:]]
    results = []
    with process_pool(method) as pool, pytest.raises(HandoverFailed) as caught:
        dispatch(iter(tasks), pool, on_result=lambda task, _: results.append(task.id))
    report, error = caught.value.report, caught.value
    assert type(error.__cause__).__name__ == "BrokenProcessPool"
    assert report.saved == 61
    assert report.completed == len(results)
    assert report.left == 61 - report.completed
    pending, executed = ids(store), runs(folder)
    assert "killer" in pending
    assert len(pending) <= report.left  # a worker may have completed one without being able to say so
    assert {task.id for task in tasks} == set(pending) | set(executed) - {"killed"}
    assert set(results) <= set(executed) - set(pending)

    with process_pool(method) as pool:
        again = redrive("l", to=pool)
    assert again == RunReport(handed=len(pending), completed=len(pending))
    assert ids(store) == []
    assert {task.id for task in tasks} == set(runs(folder)) - {"killed"}


def test_a_worker_killed_during_redrive_loses_nothing(store, folder):
    store.save_all([jobs.Job(folder=str(folder)) for _ in range(20)])
    store.save(jobs.Killed(folder=str(folder), id="0"))
    before = ids(store)
    with process_pool("spawn") as pool, pytest.raises(HandoverFailed) as caught:
        redrive("l", to=pool)
    report = caught.value.report
    assert report.saved == 0
    assert report.completed + report.left <= 21
    assert set(before) - set(runs(folder)) <= set(ids(store))
    assert "0" in ids(store)
    with process_pool("spawn") as pool:
        redrive("l", to=pool)
    assert ids(store) == []
    assert set(before) == set(runs(folder)) - {"killed"}


def test_after_the_pool_broke_the_rest_is_saved_all_the_same(store, folder):
    """More than one batch comes after the break."""
    with process_pool("spawn", 1) as pool:
        pool.submit(os.getpid).result()

        def generate():
            yield jobs.Killed(id="killer", folder=str(folder))
            jobs.wait_for((folder / "killed").exists)
            for _ in range(3_000):
                yield jobs.Job()

        with pytest.raises(HandoverFailed) as caught:
            dispatch(generate(), pool)
    assert caught.value.report.saved == 3_001
    assert store.count("l") == 3_001 - caught.value.report.completed
    assert "3,001" in str(caught.value)


def test_a_pool_that_was_shut_down_refuses_and_everything_is_saved(memory):
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(HandoverFailed, match="10 tasks in a row") as caught:
        dispatch([jobs.Job() for _ in range(25)], pool)
    assert isinstance(caught.value.__cause__, RuntimeError)
    report = caught.value.report
    assert (report.saved, report.handed, report.failed, report.left) == (25, 0, 10, 25)
    assert memory.count("l") == 25


def test_the_workers_password_comes_from_its_own_configuration(tmp_path, spawned, monkeypatch):
    """A backend with a password, opened in a worker that is not configured: every task says what is missing."""
    from tests.lifecycle.secret import url_for

    with TaskStore(url_for(tmp_path / "t.db")) as secret:
        report = dispatch([jobs.Job(), jobs.Job()], spawned, store=secret)
        assert (report.completed, report.failed) == (0, 2)
        assert all(e.error.startswith("ConfigurationError: ") and "password" in e.error for e in report.errors)
        assert "sesame" not in repr(report)
        monkeypatch.setenv("ATLEASTONCE_URL", url_for(tmp_path / "t.db"))
        with process_pool("spawn", 1) as configured:
            assert redrive("l", to=configured, store=secret).completed == 2


def test_what_cannot_be_pickled_is_given_back_at_once(store, spawned, monkeypatch):
    """Not at the end: a long list of such tasks would all be held, and in memory."""

    class Local(jobs.Job):
        pass

    held = []
    hand = ToExecutor.hand

    def counting(self, task):
        held.append(len(self._run.heartbeats._held))
        hand(self, task)

    monkeypatch.setattr(ToExecutor, "hand", counting)
    store.save_all(Local() for _ in range(600))
    report = redrive("l", to=spawned)
    assert report.failed == 600
    assert max(held) < 400  # a page of claims, and those in flight
    assert {task.delivery.attempts for task in store.claim("l", limit=1_000)} == {0}


def test_a_grace_longer_than_any_thread_can_wait():
    with ThreadPoolExecutor(1) as pool:
        assert _workers_are_gone(pool, timedelta.max.total_seconds())
