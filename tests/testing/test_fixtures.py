"""The fixtures for applications: each test has a store of its own, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from atleastonce import Task, TaskStore, UnknownTaskType, configure, default_store
from atleastonce.testing import TestClock

pytest_plugins = ["atleastonce.testing.fixtures", "pytester"]


@pytest.fixture
def previous_default() -> Iterator[TaskStore]:
    """A default of the application's own, below the fixture's."""
    store = TaskStore("memory://")
    configure(store)
    yield store
    assert default_store() is store
    configure(None)


def test_the_store_is_the_default(previous_default: TaskStore, task_store: TaskStore, task_types: None) -> None:
    class Note(Task):
        text: str

    assert default_store() is task_store
    assert task_store is not previous_default
    task = Note.create(task_list="notes", text="x")
    assert task_store.count("notes") == 1
    assert previous_default.count("notes") == 0
    assert Note.find("notes", task.id) == task


def test_it_is_put_back_even_when_the_test_replaces_it(previous_default: TaskStore, task_store: TaskStore) -> None:
    configure("memory://")  # `previous_default` looks when all is over
    assert default_store() is not task_store


@pytest.mark.parametrize("run", [1, 2])
def test_each_test_has_its_own(run: int, task_store: TaskStore, task_types: None) -> None:
    class Note(Task):
        pass

    assert list(task_store.task_lists()) == []
    Note.create(task_list="notes")
    assert list(task_store.task_lists()) == ["notes"]


def test_the_store_goes_by_the_test_clock(test_clock: TestClock, task_store: TaskStore, task_types: None) -> None:
    class Note(Task):
        pass

    task = Note.create(task_list="notes")
    assert task.delivery is not None
    assert task.delivery.saved_at == datetime(2025, 1, 1, tzinfo=UTC)
    hour = timedelta(hours=1)
    assert list(Note.all("notes", older_than=hour)) == []
    test_clock.advance(2 * hour)
    assert list(Note.all("notes", older_than=hour)) == [task]


def test_without_it_by_the_systems(task_store: TaskStore, task_types: None) -> None:
    class Note(Task):
        pass

    before = datetime.now(UTC)
    task = Note.create(task_list="notes")
    assert task.delivery is not None
    assert before <= task.delivery.saved_at <= datetime.now(UTC)


def test_classes_are_forgotten(pytester: pytest.Pytester) -> None:
    """As an application uses them, in a process of their own."""
    pytester.makeconftest('pytest_plugins = ["atleastonce.testing.fixtures"]')
    pytester.makepyfile(
        """
        import pytest
        from atleastonce import DuplicateTaskType, Task, UnknownTaskType

        @pytest.mark.parametrize("run", [1, 2])
        def test_the_same_name_again(task_types, run):
            if run == 1:
                class Note(Task):
                    text: str
            else:
                class Other(Task, tag="Note"):
                    pass

        def test_it_is_gone():
            with pytest.raises(UnknownTaskType):
                Task.from_hash({"task_list": "notes", "id": "1", "type": "Note", "data": {}})

        def test_control_without_the_fixture():
            class First(Task, tag="Same"):
                pass
            with pytest.raises(DuplicateTaskType):
                class Second(Task, tag="Same"):
                    pass
        """
    )
    outcome = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error").parseoutcomes()
    assert outcome == {"passed": 4}


def test_nothing_loads_by_itself(pytester: pytest.Pytester) -> None:
    """It is no plugin of every pytest run on the machine."""
    pytester.makepyfile("def test_it(task_store): pass")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines(["*fixture 'task_store' not found*"])


def test_the_library_itself_needs_neither(pytester: pytest.Pytester) -> None:
    """And says what to install where one is missing."""
    script = pytester.makepyfile(
        """
        import sys
        sys.modules["pytest"] = sys.modules["hypothesis"] = None
        import atleastonce
        try:
            import atleastonce.testing
        except ImportError as error:
            print(error)
        """
    )
    result = pytester.runpython(script)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["atleastonce.testing needs pytest: pip install pytest hypothesis"])


def test_only_the_state_machine_needs_hypothesis(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so."""
    from atleastonce.testing import BackendConformance

    monkeypatch.setitem(__import__("sys").modules, "atleastonce.testing.machine", None)
    with pytest.raises(ImportError, match="pip install hypothesis"):
        BackendConformance().test_random_sequences_of_calls(lambda clock: pytest.fail("not opened"))


def test_unknown_after_this_module() -> None:
    """What the tests above defined is gone in this process too."""
    with pytest.raises(UnknownTaskType):
        Task.from_hash({"task_list": "notes", "id": "1", "type": "Note", "data": {}})
