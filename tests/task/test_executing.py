"""`execute`: the application's own code."""

from __future__ import annotations

import pytest

from atleastonce import InvalidTask, Task


def test_execute_must_be_overridden():
    class Idle(Task):
        pass

    with pytest.raises(NotImplementedError, match="Idle"):
        Idle(task_list="l").execute()


def test_execute_takes_options_and_gives_its_result():
    class Remove(Task):
        item_id: str

        def execute(self, *, dry_run=False):
            return (self.item_id, dry_run)

    assert Remove(task_list="l", item_id="a").execute(dry_run=True) == ("a", True)
    with pytest.raises(TypeError):
        Remove(task_list="l", item_id="a").execute(unknown=1)


def test_execute_does_not_complete(store):
    class Work(Task):
        def execute(self):
            return 1

    task = Work.create(task_list="l")
    task.execute()
    assert store.count("l") == 1


@pytest.mark.parametrize("registered", [True, False])
@pytest.mark.parametrize("kind", ["generator", "async generator"])
def test_a_generator_is_refused_since_a_call_of_it_runs_nothing(kind, registered):
    def generator(self):
        yield

    async def async_generator(self):
        yield

    execute = generator if kind == "generator" else async_generator
    with pytest.raises(InvalidTask, match=r"Yields\.execute must not be a generator"):
        type(Task)("Yields", (Task,), {"execute": execute}, registered=registered)
