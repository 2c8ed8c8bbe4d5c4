"""Generators: iterables of tasks, one after another."""

from __future__ import annotations

import pytest

from atleastonce import CombinedGenerator, ExistingTasks, Generator, Task, TaskStore, UnreadableTask, dispatch
from atleastonce.record import TaskRecord


class Made(Task, tag="tests.generators.made"):
    task_list: str = "l"


class Numbers(Generator):
    """Has a constructor that calls nobody else's."""

    def __init__(self, *ids):
        self.ids = ids
        self.rounds = 0

    def __iter__(self):
        self.rounds += 1
        for id in self.ids:
            yield Made(id=id)


def ids(tasks):
    return [task.id for task in tasks]


def test_a_generator_needs_an_iter():
    class Empty(Generator):
        pass

    with pytest.raises(TypeError, match="__iter__"):
        Empty()


def test_a_generator_needs_no_constructor():
    class Simple(Generator):
        def __iter__(self):
            yield Made(id="1")

    assert ids(Simple()) == ["1"]
    assert ids(Simple().append(Simple())) == ["1", "1"]


def test_it_begins_anew_for_every_iteration():
    numbers = Numbers("1", "2")
    assert ids(numbers) == ids(numbers) == ["1", "2"]
    assert numbers.rounds == 2


def test_append_gives_one_after_the_other_and_changes_neither():
    first, second = Numbers("1", "2"), Numbers("3")
    both = first.append(second)
    assert isinstance(both, CombinedGenerator)
    assert ids(both) == ids(both) == ["1", "2", "3"]
    assert (ids(first), ids(second)) == (["1", "2"], ["3"])


def test_append_to_a_combined_one_changes_neither():
    both = Numbers("1").append(Numbers("2"))
    more = both.append(Numbers("3"))
    assert ids(more) == ["1", "2", "3"]
    assert ids(both) == ["1", "2"]
    assert ids(Numbers("0").append(both).append(more)) == ["0", "1", "2", "1", "2", "3"]


def test_any_iterable_of_tasks_may_be_appended():
    assert ids(Numbers("1").append([Made(id="2")]).append(Made(id=i) for i in "34")) == ["1", "2", "3", "4"]


def test_a_combined_generator_takes_any_number():
    assert ids(CombinedGenerator()) == []
    assert ids(CombinedGenerator(Numbers("1"), [], Numbers("2"))) == ["1", "2"]


def test_the_next_part_is_iterated_only_when_its_turn_comes():
    first, second = Numbers("1"), Numbers("2")
    tasks = iter(first.append(second))
    next(tasks)
    assert second.rounds == 0
    next(tasks)
    assert second.rounds == 1


def test_a_long_chain_does_not_nest():
    chain = Numbers("0")
    for number in range(1, 3_000):
        chain = chain.append(Numbers(str(number)))
    assert ids(chain) == [str(number) for number in range(3_000)]


def test_existing_tasks_are_read_anew_for_every_iteration(store):
    tasks = ExistingTasks("l")
    assert ids(tasks) == []
    Made.create(id="1")
    Made.create(id="2", task_list="other")
    assert ids(tasks) == ["1"]
    Made.create(id="2")
    assert ids(tasks) == ["1", "2"]
    assert ids(tasks.append(ExistingTasks("other"))) == ["1", "2", "2"]


def test_existing_tasks_may_come_from_another_store(store):
    other = TaskStore("memory://")
    other.save(Made(id="theirs"))
    Made.create(id="ours")
    assert ids(ExistingTasks("l", other)) == ids(ExistingTasks("l", store=other)) == ["theirs"]
    [task] = ExistingTasks("l", other)
    task.complete()
    assert (other.count("l"), store.count("l")) == (0, 1)


def test_existing_tasks_use_the_default_store_of_the_moment(store):
    from atleastonce import configure

    tasks = ExistingTasks("l")
    Made.create(id="1")
    other = TaskStore("memory://")
    other.save(Made(id="2"))
    configure(other)
    assert ids(tasks) == ["2"]


def test_existing_tasks_give_what_cannot_be_read(store):
    store._backend.store([TaskRecord("l", "1", "Nobody", b"{}")])
    assert [type(t) for t in ExistingTasks("l")] == [UnreadableTask]


def test_dispatch_takes_a_generator(store):
    sent = []
    report = dispatch(Numbers("1").append(Numbers("2")), sent.append)
    assert [h["id"] for h in sent] == ["1", "2"]
    assert (report.saved, report.handed) == (2, 2)
