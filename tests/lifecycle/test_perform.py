"""`perform`: what a worker does with a hash."""

from __future__ import annotations

import asyncio

import pytest

from atleastonce import ConfigurationError, InvalidTask, StoreUnavailable, Task, TaskStore, UnknownTaskType, perform
from atleastonce_memory import MemoryStore
from tests.lifecycle import jobs


def test_it_executes_completes_and_gives_the_result(memory):
    task = jobs.Job.create(number=4)
    assert perform(task.as_hash()) == 8
    assert memory.count("l") == 0


def test_options_go_to_execute(memory):
    task = jobs.Job.create(number=4)
    assert perform(task.as_hash(), options={"times": 5}) == 20
    task.save()
    with pytest.raises(TypeError):
        perform(task.as_hash(), options={"unknown": 5})
    assert memory.count("l") == 1


def test_what_execute_raises_goes_through_unchanged_and_the_task_stays(memory):
    error = jobs.OneWayError(1, "mine")

    class Raising(jobs.Job):
        def execute(self):
            raise error

    task = Raising.create()
    with pytest.raises(jobs.OneWayError) as caught:
        perform(task.as_hash())
    assert caught.value is error
    assert getattr(error, "__notes__", []) == []
    assert memory.count("l") == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_goes_through_and_the_task_stays(memory, error):
    class Raising(jobs.Job):
        def execute(self):
            raise error

    task = Raising.create()
    with pytest.raises(error):
        perform(task.as_hash())
    assert memory.count("l") == 1


def test_the_store_may_be_given_and_the_task_is_bound_to_it(memory):
    class Saves(jobs.Job):
        def execute(self):
            self.replace(id="follow-up").save()
            self.replace(number=self.number).complete()
            return self._bound_store()

    given = TaskStore("memory://")
    task = Saves(id="1")
    given.save(task)
    assert perform(task.as_hash(), store=given) is given
    assert given.count("l") == 0
    assert [t.id for t in memory.all("l")] == ["follow-up"]  # another key is not bound any more


def test_a_version_saved_while_it_ran_stays(memory):
    class Again(jobs.Job):
        def execute(self):
            Again(id="1", number=7).save()

    task = Again.create(id="1")
    perform(task.as_hash())
    assert memory.find("l", "1").number == 7


def test_an_older_hash_leaves_the_newer_version(memory):
    old = jobs.Job.create(id="1", number=1)
    sent = old.as_hash()
    jobs.Job.create(id="1", number=2)
    assert perform(sent) == 2
    assert memory.find("l", "1").number == 2


def test_a_hash_without_a_version_removes_what_is_there(memory):
    jobs.Job.create(id="1")
    perform(jobs.Job(id="1").as_hash())
    assert memory.count("l") == 0


def test_a_hash_may_be_performed_twice(memory):
    sent = jobs.Job.create(number=1).as_hash()
    assert perform(sent) == perform(sent) == 2


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"type": "Nobody"}, UnknownTaskType),
        ({"data": {"number": "x"}}, InvalidTask),
        ({"saved_at": True}, InvalidTask),
    ],
)
def test_a_hash_that_cannot_be_read_does_nothing(memory, changes, error):
    task = jobs.Job.create()
    with pytest.raises(error):
        perform({**task.as_hash(), **changes})
    assert memory.count("l") == 1


def test_a_complete_that_fails_is_raised_after_the_work():
    class Failing(MemoryStore):
        def delete(self, keys):
            raise StoreUnavailable("the disk is full")

    store, done = TaskStore(Failing()), []

    class Noted(jobs.Job):
        def execute(self):
            done.append(1)

    task = Noted()
    store.save(task)
    with pytest.raises(StoreUnavailable):
        perform(task.as_hash(), store=store)
    assert done == [1]
    assert store.count("l") == 1


def test_an_async_execute_is_run(memory):
    task = jobs.AsyncJob.create(number=3)
    assert perform(task.as_hash(), options={"times": 3}) == 9
    assert memory.count("l") == 0


def test_what_an_async_execute_raises_goes_through(memory):
    class Raising(jobs.Job):
        async def execute(self):
            await asyncio.sleep(0)
            raise KeyError("mine")

    task = Raising.create()
    with pytest.raises(KeyError, match="mine"):
        perform(task.as_hash())
    assert memory.count("l") == 1


@pytest.mark.parametrize("kind", ["async def", "returns a coroutine"])
def test_inside_a_running_loop_a_typed_error_says_what_to_do(memory, kind):
    """And nothing is left over that was never awaited: that would warn, and warnings are errors here."""
    begun = []

    async def work():
        begun.append(1)

    class AsyncWork(jobs.Job):
        async def execute(self):
            await work()

    class Returning(jobs.Job):
        def execute(self):
            return work()

    task = (AsyncWork if kind == "async def" else Returning).create()

    async def main():
        with pytest.raises(ConfigurationError, match="to_thread"):
            perform(task.as_hash())
        assert memory.count("l") == 1
        assert begun == []
        await asyncio.to_thread(perform, task.as_hash())

    asyncio.run(main())
    assert begun == [1]
    assert memory.count("l") == 0


def test_a_plain_execute_may_be_performed_inside_a_running_loop(memory):
    task = jobs.Job.create(number=1)

    async def main():
        return perform(task.as_hash())

    assert asyncio.run(main()) == 2


def test_the_hash_is_not_changed(memory):
    task_hash = jobs.Job.create(number=1).as_hash()
    before = {**task_hash, "data": {**task_hash["data"]}}
    perform(task_hash)
    assert task_hash == before


def test_only_the_hash_is_positional(memory):
    task = jobs.Job.create()
    with pytest.raises(TypeError):
        perform(task.as_hash(), memory)
    with pytest.raises(TypeError):
        perform(task_hash=task.as_hash())
    assert isinstance(Task.find("l", task.id), jobs.Job)


def test_an_awaitable_that_is_no_coroutine_is_run_too(memory):
    class Later:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return 5

    class Returning(jobs.Job):
        def execute(self):
            return Later()

    assert perform(Returning.create().as_hash()) == 5
    assert memory.count("l") == 0


@pytest.mark.parametrize("kind", ["generator", "async generator", "from a coroutine"])
def test_a_generator_that_is_returned_is_no_completion(memory, kind):
    async def pages():
        yield 1

    class Returning(jobs.Job):
        def execute(self):
            return (page for page in "abc") if kind == "generator" else pages()

    class AsyncReturning(jobs.Job):
        async def execute(self):
            return (page for page in "abc")

    task = (AsyncReturning if kind == "from a coroutine" else Returning).create(id="1")
    with pytest.raises(TypeError, match="execute returned a generator"):
        perform(task.as_hash())
    assert memory.find("l", "1").delivery.attempts == 1
