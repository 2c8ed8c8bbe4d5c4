"""A Python value that is not exactly of its field's type is refused by every way in, and nothing is written."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest

from atleastonce import defaults, dispatch

from .kit import refusal, task_class
from .refused import PYTHON, good_value

every_case = pytest.mark.parametrize(
    ("annotation", "value"), [pytest.param(*case, id=name) for name, case in PYTHON.items()]
)


@every_case
def test_at_construction(annotation: Any, value: Any) -> None:
    cls = task_class(annotation)
    for call in (
        lambda: cls(task_list="l", x=value),
        lambda: cls.build(task_list="l", x=value),
        lambda: cls(task_list="l", x=good_value(annotation)).replace(x=value),
    ):
        assert re.match(r"x[:.]|x: |Sample: a field holds itself", str(refusal(call)))


@every_case
def test_create_writes_nothing(annotation: Any, value: Any, memory: Any) -> None:
    cls = task_class(annotation)
    with defaults.using(memory):
        refusal(lambda: cls.create(task_list="l", id="one", x=value))
    assert memory.count("l") == 0
    assert memory.find("l", "one") is None


@every_case
def test_assigned_and_saved(annotation: Any, value: Any, store: Any) -> None:
    cls = task_class(annotation)
    task = cls(task_list="l", id="one", x=good_value(annotation))
    task.x = value
    for call in (
        lambda: store.save(task),
        lambda: store.save_all([cls(task_list="l", id="two", x=good_value(annotation)), task]),
        lambda: dispatch([task], lambda task_hash: None, store=store),
        task.as_hash,
        lambda: task.data,
        lambda: pickle.dumps(task),
        lambda: copy.deepcopy(task),
    ):
        refusal(call)
    assert store.count("l") == 0
    assert store.find("l", "one") is None


@every_case
def test_what_was_saved_before_stays(annotation: Any, value: Any, memory: Any) -> None:
    task = task_class(annotation)(task_list="l", id="one", x=good_value(annotation))
    memory.save(task)
    before = memory._backend.find("l", "one")
    task.x = value
    refusal(lambda: memory.save(task))
    assert memory._backend.find("l", "one") == before


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(value, id=name)
        for name, (_, value) in PYTHON.items()
        if name.startswith("any-") and "too-deep" not in name
    ],
)
def test_in_extra(value: Any, memory: Any) -> None:
    """Extra keys are plain JSON: what a field of type Any refuses, `extra` refuses."""
    cls = task_class(int)
    task = cls(task_list="l", id="one", x=1)
    task.extra["more"] = value
    for call in (lambda: memory.save(task), task.as_hash, lambda: task.data, lambda: pickle.dumps(task)):
        refusal(call)
    refusal(lambda: cls.build(task_list="l", data={"x": 1, "more": value}))
    refusal(lambda: cls.from_hash({"task_list": "l", "id": "a", "type": "Sample", "data": {"x": 1, "more": value}}))
    assert memory.count("l") == 0
    assert memory.find("l", "one") is None
