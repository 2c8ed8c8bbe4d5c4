"""A JSON value that does not fit its field is refused from a hash and from `data`; stored, it is left as it is."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from atleastonce import InvalidTask, Task, TaskRecord, UnreadableTask

from .kit import refusal, task_class
from .refused import WIRE, good_value

every_case = pytest.mark.parametrize(
    ("annotation", "wire"), [pytest.param(*case, id=name) for name, case in WIRE.items()]
)


@every_case
def test_in_build_and_from_hash(annotation: Any, wire: Any) -> None:
    cls = task_class(annotation)
    data = {"x": wire, "more": [1]}
    task_hash = {"task_list": "l", "id": "one", "type": "Sample", "data": data}
    before = copy.deepcopy(task_hash)
    for call in (
        lambda: cls.build(task_list="l", data=data),
        lambda: cls.from_hash(task_hash),
        lambda: Task.from_hash(task_hash),
    ):
        assert str(refusal(call)).startswith(("x: ", "x."))
    assert task_hash == before


@every_case
def test_in_stored_bytes(annotation: Any, wire: Any, store: Any) -> None:
    cls = task_class(annotation)
    good = good_value(annotation)
    stored = json.dumps({"x": wire}).encode()
    store.save_all([cls(task_list="l", id=id, x=good) for id in ("1", "3")])
    store._backend.store([TaskRecord("l", "2", "Sample", stored)])
    one, bad, three = store.all("l")
    assert (one.x, three.x) == (good, good)
    for task in (bad, store.find("l", "2")):
        assert type(task) is UnreadableTask
        assert type(task.reason) is InvalidTask
        assert str(task.reason).startswith(("x: ", "x."))
    with pytest.raises(InvalidTask):
        store.find("l", "2", cls)
    store.save(bad)
    assert store._backend.find("l", "2").data == stored
    assert store.count("l") == 3
