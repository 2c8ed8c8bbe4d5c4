"""Ctrl-C, wherever it comes: the rest stays pending, the error says how many, and nothing hangs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from atleastonce import TaskStore, dispatch, redrive
from atleastonce.lifecycle import handover, to_executor
from tests.lifecycle import interrupted_job, jobs


def note_of(completed, failed, left):
    return (
        f"the run stopped here: {completed:,} tasks were completed, {failed:,} failed, "
        f"{left:,} are left pending: redrive them"
    )


def ids(store):
    return [task.id for task in store.all("l")]


def test_from_the_generator(memory):
    def generate():
        yield from jobs.fine_and(count=1_500)
        raise KeyboardInterrupt

    sent = []
    with pytest.raises(KeyboardInterrupt) as caught:
        dispatch(generate(), sent.append)
    assert memory.count("l") == 1_500
    assert len(sent) < 1_500  # the last batch was saved, and not handed over any more
    assert caught.value.__notes__ == [note_of(0, 0, 1_500)]


def test_from_the_generator_with_a_pool(memory):
    def generate():
        yield from jobs.fine_and(count=1_500)
        raise KeyboardInterrupt

    with ThreadPoolExecutor(2) as pool, pytest.raises(KeyboardInterrupt) as caught:
        dispatch(generate(), pool)
    left = memory.count("l")
    assert caught.value.__notes__ == [note_of(1_500 - left, 0, left)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
@pytest.mark.parametrize("verb", ["dispatch", "redrive"])
def test_from_on_result(memory, verb, error):
    results = []

    def on_result(task, result):
        results.append(task.id)
        if len(results) == 3:
            raise error

    if verb == "redrive":
        memory.save_all(jobs.fine_and(count=300))

    def run(pool):
        if verb == "dispatch":
            dispatch(jobs.fine_and(count=300), pool, on_result=on_result)
        else:
            redrive("l", to=pool, on_result=on_result)

    with ThreadPoolExecutor(2) as pool, pytest.raises(error) as caught:
        run(pool)
    assert len(results) == 3  # none is called once the run has stopped
    [note] = caught.value.__notes__
    completed, failed, left = (int(number) for number in re.findall(r"\d+", note))
    assert note == note_of(completed, failed, left)
    assert completed >= 3
    assert failed == 0
    assert completed + left <= 300
    assert memory.count("l") >= left if verb == "redrive" else memory.count("l") == left


def test_what_is_taken_back_from_a_worker_is_left(memory):
    """The worker has the second task, and has not begun it, when the first one's result ends the run."""
    start, release = memory._backend.start, memory._backend.release
    second_is_there, taken_back = threading.Event(), threading.Event()

    def start_late(held, **options):
        if held.id == "2":
            second_is_there.set()
        assert (taken_back if held.id == "2" else second_is_there).wait(jobs.DEADLINE_S)
        return start(held, **options)

    def noted_release(held, **options):
        released = release(held, **options)
        taken_back.set()
        return released

    def on_result(task, result):
        raise KeyboardInterrupt

    memory._backend.start, memory._backend.release = start_late, noted_release
    memory.save_all(jobs.Job(id=id) for id in "12")
    with ThreadPoolExecutor(2) as pool, pytest.raises(KeyboardInterrupt) as caught:
        redrive("l", to=pool, on_result=on_result)
    assert caught.value.__notes__ == [note_of(1, 0, 1)]
    assert ids(memory) == ["2"]


def test_from_on_result_here(memory):
    def on_result(task, result):
        if task.id == "2":
            raise KeyboardInterrupt

    memory.save_all(jobs.Job(id=id) for id in "12345")
    with pytest.raises(KeyboardInterrupt) as caught:
        redrive("l", on_result=on_result)
    assert ids(memory) == ["3", "4", "5"]
    assert caught.value.__notes__ == [note_of(2, 0, 0)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("is_async", [False, True])
def test_from_a_task_that_is_executed_here(memory, error, is_async):
    class Stopping(jobs.Job):
        def execute(self):
            raise error

    class AsyncStopping(jobs.Job):
        async def execute(self):
            raise error

    memory.save_all(jobs.Job(id=id) for id in "1245")
    memory.save((AsyncStopping if is_async else Stopping)(id="3"))
    with pytest.raises(error) as caught:
        redrive("l")
    assert ids(memory) == ["3", "4", "5"]
    assert caught.value.__notes__ == [note_of(2, 0, 1)]


def test_what_runs_is_waited_for_and_the_rest_is_taken_back(memory):
    """When `dispatch` has let the interrupt through, nothing of its own is under way any more."""
    running, release, executed = threading.Event(), threading.Event(), []

    class Held(jobs.Job):
        def execute(self):
            running.set()
            release.wait(jobs.DEADLINE_S)
            executed.append(self.id)

    def generate():
        yield from (Held(id=f"{number:03}") for number in range(100))
        jobs.wait_for(running.is_set)
        threading.Timer(0.2, release.set).start()  # while the interrupt is on its way out
        raise KeyboardInterrupt

    with ThreadPoolExecutor(2) as pool:
        with pytest.raises(KeyboardInterrupt) as caught:
            dispatch(generate(), pool)
        assert release.is_set()
        count = len(executed)
        assert caught.value.__notes__ == [note_of(count, 0, 100 - count)]
        assert memory.count("l") == 100 - count
    assert 1 <= len(executed) == count < 100


@pytest.mark.parametrize("verb", ["dispatch", "redrive"])
def test_on_result_is_not_called_again_after_it_raised(memory, verb):
    running, release, results = threading.Event(), threading.Event(), []

    class Quick(jobs.Job):
        def execute(self):
            running.wait(jobs.DEADLINE_S)

    class Held(jobs.Job):
        def execute(self):
            running.set()
            release.wait(jobs.DEADLINE_S)

    def on_result(task, result):
        results.append(task.id)
        release.set()
        raise ZeroDivisionError

    tasks = [Quick(id="1"), Held(id="2")]

    def run(pool):
        if verb == "dispatch":
            dispatch(tasks, pool, on_result=on_result)
        else:
            memory.save_all(tasks)
            redrive("l", to=pool, on_result=on_result)

    with ThreadPoolExecutor(2) as pool, pytest.raises(ZeroDivisionError) as caught:
        run(pool)
    assert results == ["1"]
    assert caught.value.__notes__ == [note_of(2, 0, 0)]
    assert memory.count("l") == 0


@pytest.mark.timeout(240)
@pytest.mark.parametrize("verb", ["dispatch", "redrive"])
def test_at_every_line_of_the_hand_over(verb):
    """A signal may come between any two: each line that runs is interrupted once, in a run of its own."""
    functions = {"hand", "finish", "_settle_next", "_settle", "_take", "_raise_if_broken"}
    files = {handover.__file__, to_executor.__file__}
    lines_left = 0

    def interrupt(frame, event, argument):
        nonlocal lines_left
        if event == "line":
            lines_left -= 1
            if lines_left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return interrupt

    def trace(frame, event, argument):
        code = frame.f_code
        return interrupt if code.co_filename in files and code.co_name in functions else None

    def interrupted(line):
        """Whether the run was long enough for the line; checks what it left."""
        nonlocal lines_left
        lines_left = line
        store, executed = TaskStore("memory://"), []

        class Noted(jobs.Job):
            def execute(self):
                executed.append(self.id)

        tasks = [Noted(id=str(number)) for number in range(4)]
        if verb == "redrive":
            store.save_all(tasks)
        previous, came = sys.gettrace(), None
        with ThreadPoolExecutor(1) as pool:
            sys.settrace(trace)
            try:
                if verb == "dispatch":
                    dispatch(tasks, pool, store=store)
                else:
                    redrive("l", to=pool, store=store)
            except KeyboardInterrupt as error:
                came = error.__notes__[-1].startswith("the run stopped here: ")
            finally:
                sys.settrace(previous)
        pending = set(ids(store))
        assert set(executed).isdisjoint(pending)
        assert came in (None, True)
        if not came:
            assert (len(executed), pending) == (4, set())
        if verb == "redrive":
            assert set(executed) | pending == {task.id for task in tasks}
            assert redrive("l", store=store).completed == len(pending), "none is left claimed"
        return came

    line = 1
    while interrupted(line):
        line += 1
    assert line > 40  # about a dozen for each of four tasks


@pytest.mark.parametrize("whole_group", [False, True], ids=["to the master", "to the whole group, as a terminal does"])
def test_a_real_signal(tmp_path, whole_group):
    folder, database = tmp_path / "traces", tmp_path / "tasks.db"
    folder.mkdir()
    master = subprocess.Popen(
        [sys.executable, "-m", interrupted_job.__name__, str(database), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(Path.cwd()), *sys.path]))},
    )
    store = TaskStore(f"sqlite:///{database}")
    try:
        jobs.wait_for(lambda: len(list(folder.iterdir())) == interrupted_job.WORKERS or master.poll() is not None)
        jobs.wait_for(lambda: store.count("l") == interrupted_job.TASKS or master.poll() is not None)
        (os.killpg if whole_group else os.kill)(master.pid, signal.SIGINT)
        (folder / "go").touch()
        _, errors = master.communicate(timeout=jobs.DEADLINE_S)
    finally:
        if master.poll() is None:
            os.killpg(master.pid, signal.SIGKILL)
            master.communicate(timeout=jobs.DEADLINE_S)
    assert master.returncode in (-signal.SIGINT, 128 + signal.SIGINT, 1)
    assert "KeyboardInterrupt" in errors
    [note] = set(re.findall(r"the run stopped here: .*", errors))
    completed, failed, left = (int(number) for number in re.findall(r"\d+", note))
    assert note == note_of(completed, failed, left)
    pending = ids(store)
    assert completed + left == interrupted_job.TASKS
    assert len(pending) <= left  # a worker that the signal hit as well may not have been able to say what it did
    assert len(pending) > interrupted_job.TASKS // 2
    executed = {file.name for file in folder.iterdir()} - {"go"}
    assert {f"{number:03}" for number in range(interrupted_job.TASKS)} == set(pending) | executed
    report = redrive("l", store=store)
    assert (report.completed, report.left) == (len(pending), 0)
    assert {file.name for file in folder.iterdir()} - {"go"} == {f"{n:03}" for n in range(interrupted_job.TASKS)}
    store.close()
