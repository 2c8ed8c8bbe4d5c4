"""`CompositeTask`: executes and completes the tasks of another list."""

from __future__ import annotations

import asyncio
import pickle

import pytest

from atleastonce import (
    ChildrenFailed,
    CompositeTask,
    ConfigurationError,
    Discard,
    InvalidTask,
    StoreUnavailable,
    Task,
    TaskStore,
    perform,
)
from atleastonce.record import TaskRecord
from atleastonce_memory import MemoryStore


class Child(Task, tag="tests.composite.child"):
    task_list: str = "children"
    value: int = 0

    def execute(self, *, times=1):
        if self.value < 0:
            raise ValueError(f"{self.id} cannot be done")
        return self.value * times


class AsyncChild(Child, tag="tests.composite.async_child"):
    async def execute(self, *, times=1):
        await asyncio.sleep(0)
        return self.value * times


def composite(**fields):
    return CompositeTask(**{"task_list": "composites", "child_task_list": "children", **fields})


def save_children(store, *values):
    store.save_all(Child(id=str(number), value=value) for number, value in enumerate(values))


def ids(store, task_list="children"):
    return [task.id for task in store.all(task_list)]


def test_results_come_in_order_and_children_are_completed(store):
    save_children(store, 3, 1, 2)
    assert composite().execute() == [3, 1, 2]
    assert ids(store) == []


def test_no_children_no_results(store):
    assert composite().execute() == []


def test_options_go_to_every_child(store):
    save_children(store, 3, 1)
    assert composite().execute(times=10) == [30, 10]


def test_children_that_failed_stay_and_stop_nobody(store):
    save_children(store, 1, -1, 2, -1, 3)
    with pytest.raises(ChildrenFailed, match="2 of 5 children failed: ValueError") as caught:
        composite().execute()
    assert isinstance(caught.value, ExceptionGroup)
    assert caught.value.results == [1, 2, 3]
    assert [str(e) for e in caught.value.exceptions] == ["1 cannot be done", "3 cannot be done"]
    assert all(type(e) is ValueError for e in caught.value.exceptions)
    assert ids(store) == ["1", "3"]


def test_a_second_pass_takes_up_what_was_left(store):
    save_children(store, 1, -1)
    with pytest.raises(ExceptionGroup):
        composite().execute()
    store.save(Child(id="1", value=5))
    assert composite().execute() == [5]


def test_parts_of_the_group_keep_the_results(store):
    save_children(store, 1, -1)
    with pytest.raises(ChildrenFailed) as caught:
        composite().execute()
    assert caught.value.subgroup(ValueError).results == [1]
    matched, rest = caught.value.split(ValueError)
    assert (matched.results, rest) == ([1], None)


def test_an_except_star_clause_meets_it(store):
    save_children(store, -1)
    met = []
    try:
        composite().execute()
    except* ValueError as group:
        met.extend(group.exceptions)
    assert len(met) == 1


def test_it_makes_one_pass(store):
    """What its children save meanwhile, behind the place where it reads, is for the next."""

    class Parent(Task):
        def execute(self):
            Child.create(id="0-behind")

    store.save(Parent(task_list="children", id="5"))
    composite().execute()
    assert ids(store) == ["0-behind"]


def test_a_child_that_was_saved_anew_meanwhile_stays(store):
    class Again(Task):
        def execute(self):
            Child(id=self.id, value=7).save()

    store.save(Again(task_list="children", id="1"))
    assert composite().execute() == [None]
    assert store.find("children", "1").value == 7


def test_whoever_performs_the_composite_completes_it(store):
    save_children(store, 1)
    task = composite()
    task.save()
    task.execute()
    assert ids(store, "composites") == [task.id]
    assert perform(task.as_hash()) == []
    assert ids(store, "composites") == []


def test_perform_lets_the_group_through_and_the_composite_stays(store):
    save_children(store, -1)
    task = composite()
    task.save()
    with pytest.raises(ChildrenFailed):
        perform(task.as_hash())
    assert ids(store, "composites") == [task.id]


def test_children_come_from_the_store_that_the_composite_is_bound_to(store):
    own = TaskStore("memory://")
    save_children(own, 5)
    save_children(store, 6)
    task = composite()
    own.save(task)
    assert own.find("composites", task.id).execute() == [5]
    assert (ids(own), ids(store)) == ([], ["0"])


def test_perform_with_a_store_takes_the_children_from_it(store):
    own = TaskStore("memory://")
    save_children(own, 5)
    task = composite()
    own.save(task)
    assert perform(task.as_hash(), store=own) == [5]
    assert (ids(own), ids(own, "composites")) == ([], [])


@pytest.mark.parametrize("make", [
    lambda: composite(child_task_list="composites"),
    lambda: CompositeTask.build(task_list="composites", data={"child_task_list": "composites"}),
    lambda: Task.from_hash({"task_list": "composites", "id": "1", "type": "CompositeTask",
                            "data": {"child_task_list": "composites"}}),
    lambda: composite().replace(child_task_list="composites"),
    lambda: composite().replace(task_list="children"),
], ids=["constructor", "build", "from_hash", "replace", "replace_list"])  # a way a line  # fmt: skip
def test_its_own_list_is_refused(store, make):
    with pytest.raises(InvalidTask, match="child_task_list"):
        make()


def test_its_own_list_is_refused_when_set_later(store):
    """It would take itself for its child, for ever."""
    task = composite()
    task.save()
    task.child_task_list = "composites"
    with pytest.raises(InvalidTask, match="child_task_list"):
        task.save()
    with pytest.raises(InvalidTask, match="child_task_list"):
        task.execute()


@pytest.mark.parametrize("child_task_list", ["", None, 5, "a\0", "x" * 1_025, "\ud800"])
def test_a_child_list_that_is_none_is_refused(child_task_list):
    with pytest.raises(InvalidTask):
        composite(child_task_list=child_task_list)


def test_async_children_are_run(store):
    store.save_all([AsyncChild(id="1", value=2), Child(id="2", value=3)])
    assert composite().execute(times=2) == [4, 6]
    assert ids(store) == []


def test_an_async_child_inside_a_running_loop_fails_alone_and_stays(store):
    store.save_all([AsyncChild(id="1", value=2), Child(id="2", value=3)])

    async def run():
        return composite().execute()

    with pytest.raises(ChildrenFailed) as caught:
        asyncio.run(run())
    assert isinstance(caught.value.exceptions[0], ConfigurationError)
    assert caught.value.results == [3]
    assert ids(store) == ["1"]


def test_a_child_that_cannot_be_read_fails_alone_and_stays(store):
    save_children(store, 1, 2)
    store._backend.store([TaskRecord("children", "0-bad", "Nobody", b"{}")])
    with pytest.raises(ChildrenFailed) as caught:
        composite().execute()
    assert caught.value.results == [1, 2]
    assert ids(store) == ["0-bad"]


def test_a_child_may_be_a_composite(store):
    save_children(store, 1, -1)
    store.save(CompositeTask(task_list="middle", id="m", child_task_list="children"))
    outer = CompositeTask(task_list="top", child_task_list="middle")
    with pytest.raises(ChildrenFailed) as caught:
        outer.execute()
    [inner] = caught.value.exceptions
    assert inner.results == [1]
    assert ids(store, "middle") == ["m"]
    store.complete(Child(id="1"))
    assert outer.execute() == [[]]
    assert ids(store, "middle") == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_goes_through_at_once(store, error):
    class Stopping(Task):
        def execute(self):
            raise error

    store.save(Stopping(task_list="children", id="0"))
    store.save(Child(id="1"))
    with pytest.raises(error):
        composite().execute()
    assert ids(store) == ["0", "1"]


def test_a_child_whose_complete_fails_is_among_the_failed(store, monkeypatch):
    save_children(store, 1, 2)
    delete = store._backend.delete

    def failing(keys):
        if keys[0].id == "0":
            raise OSError("no disk")
        delete(keys)

    monkeypatch.setattr(store._backend, "delete", failing)
    with pytest.raises(ChildrenFailed, match="1 of 2") as caught:
        composite().execute()
    assert caught.value.results == [2]
    assert ids(store) == ["0"]


def test_a_subclass_works_as_its_base(store):
    class Summed(CompositeTask):
        factor: int = 1

        def execute(self, **options):
            return self.factor * sum(super().execute(**options))

    save_children(store, 1, 2)
    task = Summed(task_list="composites", child_task_list="children", factor=10)
    task.save()
    assert Task.find("composites", task.id) == task
    assert perform(task.as_hash()) == 30


def test_the_group_crosses_processes(store):
    save_children(store, 1, -1)
    with pytest.raises(ChildrenFailed) as caught:
        composite().execute()
    made = pickle.loads(pickle.dumps(caught.value))
    assert (made.results, str(made.exceptions[0])) == ([1], "1 cannot be done")


@pytest.mark.parametrize("discards", [False, True])
def test_a_completion_that_fails_costs_the_child_nothing_and_stops_nobody(discards):
    class Full(MemoryStore):
        def delete(self, keys):
            if keys[0].id == "0":
                raise StoreUnavailable("the disk is full")
            super().delete(keys)

    class Mortal(Child, max_attempts=1):
        def execute(self):
            if discards:
                raise Discard("not needed")

    store = TaskStore(Full())
    store.save_all([Mortal(id="0"), Child(id="1", value=3)])
    parent = composite()
    store.save(parent)
    with pytest.raises(ChildrenFailed, match="1 of 2 children failed: StoreUnavailable") as caught:
        parent.execute()
    assert caught.value.results == [3]
    [left] = store.all("children")
    assert (left.id, left.delivery.attempts) == ("0", 0)
    assert list(store.dead("children")) == []
