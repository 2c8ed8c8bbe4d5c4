"""What is stored never causes an import, a look-up outside the registry, or a call (I6)."""

from __future__ import annotations

import builtins
import importlib
import sys

import pytest

from atleastonce import Task, TaskRecord, UnknownTaskType, UnreadableTask, perform, redrive

TYPES = [
    "os.system",
    "os:system",
    "builtins.exec",
    "module:Class",
    "a.b.C",
    "antigravity",
    "antigravity:fly",
    "xmlrpc.client.ServerProxy",
    "__main__.Task",
    "atleastonce.Task",
    "atleastonce.task.Task",
    "atleastonce.composite:CompositeTask",
    "Task",
    "TaskBase",
    "UnreadableTask",
    "object",
    "tests.registry.test_no_imports.Trap",
    "../tasks",
    "c__builtin__\neval\n",
    "!!python/object/apply:os.system",
    "antigravity@2",
]


class Trap:
    """Must not be made by anybody."""

    def __init__(self, *args, **kwargs):
        raise AssertionError("it was called")


class Warm(Task, tag="tests.registry.warm"):
    pass


@pytest.fixture
def no_imports(monkeypatch, tmp_path):
    """Fails on any import of what is not loaded, and compares what is loaded."""
    monkeypatch.chdir(tmp_path)  # no configuration file above it
    (tmp_path / "atleastonce.toml").touch()
    with pytest.raises(UnknownTaskType):  # whatever the first look-up itself needs is loaded now
        Task.from_hash({"task_list": "l", "id": "1", "type": "nobody", "data": {}})
    Warm(task_list="l")  # likewise what converts
    before = dict(sys.modules)
    real = builtins.__import__

    def watched(name, globals=None, locals=None, fromlist=(), level=0):
        if level == 0 and name not in before:
            raise AssertionError(f"{name} was imported")
        return real(name, globals, locals, fromlist, level)

    def watched_module(name, package=None):
        raise AssertionError(f"{name} was imported")

    monkeypatch.setattr(builtins, "__import__", watched)
    monkeypatch.setattr(importlib, "import_module", watched_module)
    yield
    monkeypatch.undo()
    assert sys.modules == before


@pytest.mark.parametrize("written", TYPES)
def test_a_type_is_only_ever_looked_up_in_the_registry(written, store, no_imports):
    task_hash = {"task_list": "l", "id": "1", "type": written, "data": {"command": "touch x", "args": ["x"]}}
    for call in (Task.from_hash, perform):
        with pytest.raises(UnknownTaskType):
            call(task_hash)
    store._backend.store([TaskRecord("l", "1", written, b'{"command": "touch x"}')])
    assert type(store.find("l", "1")) is UnreadableTask
    assert [type(t) for t in Task.all("l")] == [UnreadableTask]
    report = redrive("l")
    assert (report.failed, report.completed) == (1, 0)


@pytest.mark.parametrize(
    "data",
    [
        {"py/object": "tests.registry.test_no_imports.Trap"},
        {"__class__": "Trap", "__module__": "tests.registry.test_no_imports"},
        {"__reduce__": ["os.system", ["true"]]},
        {"_type": "os.system", "_unions": 1},
        {"execute": "os.system", "_store": 1, "_meta": {}, "upcast": "x"},
    ],
)
def test_data_is_only_ever_data(data, store, no_imports):
    class Plain(Task):
        pass

    task = Task.from_hash({"task_list": "l", "id": "1", "type": "Plain", "data": data})
    assert task.extra == data
    store.save(task)
    read = store.find("l", "1")
    assert (type(read), read.extra, read._store) == (Plain, data, store)
    assert Plain.execute is Task.execute
    with pytest.raises(NotImplementedError):
        read.execute()
