"""`Hooks`: called around everything, and in nobody's way."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from atleastonce import (
    ConfigurationError,
    Discard,
    Hooks,
    Snooze,
    StoreUnavailable,
    TaskStore,
    add_hooks,
    dispatch,
    hooks,
    perform,
    redrive,
    remove_hooks,
)
from atleastonce_memory import MemoryStore
from tests.lifecycle import jobs

NAMES = ("save", "execute", "complete", "fail")


class Noting(Hooks):
    """Notes what it is called with."""

    def __init__(self):
        self.calls = []

    def before_save(self, task):
        self.calls.append(("before_save", task.id))

    def after_save(self, task):
        self.calls.append(("after_save", task.id, task.delivery is not None))

    def before_execute(self, task):
        self.calls.append(("before_execute", task.id))

    def after_execute(self, task, error):
        self.calls.append(("after_execute", task.id, type(error).__name__))

    def before_complete(self, task):
        self.calls.append(("before_complete", task.id))

    def after_complete(self, task):
        self.calls.append(("after_complete", task.id))

    def before_fail(self, task, error):
        self.calls.append(("before_fail", task.id, str(error)))

    def after_fail(self, task, error, dead):
        self.calls.append(("after_fail", task.id, dead))


@pytest.fixture(autouse=True)
def none_left():
    yield
    hooks.active = ()


@pytest.fixture
def noting():
    it = Noting()
    add_hooks(it)
    return it


SAVED = [("before_save", "1"), ("after_save", "1", True)]
EXECUTED = [("before_execute", "1"), ("after_execute", "1", "NoneType")]
COMPLETED = [("before_complete", "1"), ("after_complete", "1")]
FAILED = [
    ("before_execute", "1"),
    ("after_execute", "1", "ValueError"),
    ("before_fail", "1", "it broke"),
    ("after_fail", "1", False),
]


def test_around_perform(memory, noting):
    perform(jobs.Job.create(id="1").as_hash())
    assert noting.calls == [*SAVED, *EXECUTED, *COMPLETED]
    noting.calls.clear()
    with pytest.raises(ValueError, match="it broke"):
        perform(jobs.Failing.create(id="1").as_hash())
    assert noting.calls == [*SAVED, *FAILED]


@pytest.mark.parametrize("on_result", [None, lambda *_: None])
def test_around_redrive_and_batches(memory, noting, on_result):
    memory.save_all([jobs.Job(id="1")])
    redrive("l", on_result=on_result)
    assert noting.calls == [*SAVED, *EXECUTED, *COMPLETED]
    noting.calls.clear()
    task = jobs.Failing(id="1")
    dispatch([task], None)
    memory.complete_all([task])
    assert noting.calls == [*SAVED, *FAILED, *COMPLETED]


def test_a_death_is_told(memory, noting):
    class Dies(jobs.Failing, max_attempts=1):
        pass

    Dies.create(id="1")
    redrive("l")
    assert noting.calls[-1] == ("after_fail", "1", True)


def test_neither_snooze_nor_discard_is_a_failure(memory, noting):
    class Off(jobs.Job):
        def execute(self):
            raise Snooze(timedelta(hours=1)) if self.number else Discard("gone")

    Off.create(id="1", number=1)
    redrive("l")
    assert noting.calls == [*SAVED, ("before_execute", "1"), ("after_execute", "1", "Snooze")]
    noting.calls.clear()
    Off.create(id="1", number=0)
    redrive("l")
    assert noting.calls == [*SAVED, ("before_execute", "1"), ("after_execute", "1", "Discard"), *COMPLETED]


class Raising(Hooks):
    """Raises everywhere."""

    def __getattribute__(self, name):
        if name.startswith(("before_", "after_")):
            raise RuntimeError("sesame")
        return super().__getattribute__(name)


@pytest.mark.parametrize("verb", ["perform", "redrive", "dispatch"])
def test_what_they_raise_is_logged_and_changes_nothing(memory, caplog, verb):
    class Dies(jobs.Failing, max_attempts=1):
        pass

    add_hooks(Raising())
    add_hooks(noting := Noting())
    tasks = [jobs.Job(id="1"), Dies(id="2")]
    if verb == "dispatch":
        report = dispatch(tasks, None)
    elif verb == "redrive":
        memory.save_all(tasks)
        report = redrive("l")
    else:
        memory.save_all(tasks)
        perform(tasks[0].as_hash())
        with pytest.raises(ValueError, match="it broke"):
            perform(tasks[1].as_hash())
        report = None
    assert report is None or (report.completed, report.failed, report.dead) == (1, 1, 1)
    assert memory.count("l") == 0
    assert [task.id for task in memory.dead("l")] == ["2"]
    assert {call[0] for call in noting.calls} == {f"{when}_{name}" for when in ("before", "after") for name in NAMES}
    messages = [record.getMessage() for record in caplog.records if "hook" in record.getMessage()]
    assert len(messages) == len(noting.calls)
    assert all("RuntimeError" in message and "sesame" not in message for message in messages)


def test_an_interrupt_in_a_hook_goes_through(memory):
    class Interrupting(Hooks):
        def before_execute(self, task):
            raise KeyboardInterrupt

    jobs.Job.create(id="1")
    add_hooks(Interrupting())
    with pytest.raises(KeyboardInterrupt):
        redrive("l")
    assert memory.find("l", "1").delivery.attempts == 0
    hooks.active = ()
    assert redrive("l").completed == 1


def test_a_save_that_fails_has_no_after():
    class Full(MemoryStore):
        def store(self, records):
            raise StoreUnavailable("full")

    add_hooks(noting := Noting())
    store = TaskStore(Full())
    for save in (store.save, lambda task: store.save_all([task])):
        with pytest.raises(StoreUnavailable):
            save(jobs.Job(id="1"))
    assert noting.calls == [("before_save", "1")] * 2


def test_added_twice_they_are_called_once_and_can_be_removed(memory, noting):
    add_hooks(noting)
    jobs.Job.create(id="1")
    assert noting.calls == SAVED
    remove_hooks(noting)
    remove_hooks(noting)
    jobs.Job.create(id="1")
    assert noting.calls == SAVED


@pytest.mark.parametrize("bad", [Hooks, object(), None, print])
def test_what_is_no_hooks_object_is_refused(bad):
    with pytest.raises(ConfigurationError, match="Hooks"):
        add_hooks(bad)


def test_unasked_they_do_nothing(memory, caplog):
    add_hooks(Hooks())
    with caplog.at_level(logging.ERROR, "atleastonce"):
        memory.save_all([jobs.Job(id="1"), jobs.Failing(id="2")])
        redrive("l")
    assert caplog.records == []
