"""Wire forms are permanent: what is frozen in tests/golden is still written, byte for byte, and still read.

A new form gets a new case here and a new file: run this module as a script to write the files that are missing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from atleastonce import Task, TaskStore, UnreadableTask
from atleastonce.codec import record_of

from .accepted import ACCEPTED
from .kit import same, task_class

GOLDEN = Path(__file__).parents[1] / "golden"
SAVED_AT = 1_700_000_000_123_456


def field_case(name: str) -> Any:
    """A task with one field, of a case in the table of accepted values."""
    annotation, value, _ = ACCEPTED[name]
    return task_class(annotation, name="Golden")(task_list="golden", id=name, x=value)


def versioned() -> Any:
    cls = type("Golden", (Task,), {"__annotations__": {"x": int}, "__module__": __name__}, tag="renamed", version=12)
    return cls(task_list="golden", id="versioned", x=1)


def saved() -> Any:
    task = type("Golden", (Task,), {"__module__": __name__})(task_list="golden", id="saved")
    TaskStore("memory://", clock=lambda: SAVED_AT).save(task)
    return task


def with_run_at_and_meta() -> Any:
    type("Golden", (Task,), {"__module__": __name__})
    return Task.from_hash(
        {
            "task_list": "golden",
            "id": "run-at-and-meta",
            "type": "Golden",
            "data": {},
            "saved_at": 0,
            "run_at": 2**53 - 1,
            "meta": {"trace": "é", "": "\0"},
        }
    )


def claimed() -> Any:
    type("Golden", (Task,), {"__module__": __name__})
    return Task.from_hash(
        {
            "task_list": "golden",
            "id": "claimed",
            "type": "Golden",
            "data": {},
            "saved_at": SAVED_AT,
            "run_at": SAVED_AT + 1,
            "meta": {"trace": "a"},
            "claim_token": "0123456789abcdef0123456789abcdef",
        }
    )


def with_extra() -> Any:
    cls = task_class(int, name="Golden")
    return cls.build(task_list="golden", id="extra", data={"z": [1, {"b": None}], "x": 1, "a": 2.5})


def with_odd_keys() -> Any:
    return task_class(int, name="Golden")(task_list="golden é/@\n", id="odd keys ?#%", x=1)


SPECIAL = {
    "versioned": versioned,
    "saved": saved,
    "run-at-and-meta": with_run_at_and_meta,
    "claimed": claimed,
    "extra": with_extra,
    "odd-keys": with_odd_keys,
}
NAMES = [*ACCEPTED, *SPECIAL]


def make(name: str) -> Any:
    return SPECIAL[name]() if name in SPECIAL else field_case(name)


def written(task: Any) -> bytes:
    """The hash as one line of compact JSON, as a program that sends it would write it."""
    return json.dumps(task.as_hash(), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


@pytest.mark.parametrize("name", NAMES)
def test_written_as_ever(name: str) -> None:
    assert written(make(name)) == (GOLDEN / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_stored_as_ever(name: str) -> None:
    """The bytes in a store are the hash's data, written the same way."""
    frozen = json.loads((GOLDEN / f"{name}.json").read_bytes())
    record = record_of(make(name))
    assert json.loads(record.data) == frozen["data"]
    assert list(json.loads(record.data)) == list(frozen["data"])
    assert (record.task_list, record.id, record.type) == (frozen["task_list"], frozen["id"], frozen["type"])


@pytest.mark.parametrize("name", NAMES)
def test_read_as_ever(name: str, memory: Any) -> None:
    task = make(name)
    again = Task.from_hash(json.loads((GOLDEN / f"{name}.json").read_bytes()))
    assert again == task
    assert again.delivery == task.delivery
    assert again.extra == task.extra
    assert name in SPECIAL or same(again.x, task.x)
    assert written(again) == written(task)
    memory.save(again)
    found = memory.find(again.task_list, again.id)
    assert type(found) is not UnreadableTask
    assert found == task


def test_every_file_has_its_case_and_every_case_its_file() -> None:
    assert {file.stem for file in GOLDEN.glob("*.json")} == set(NAMES)


def test_every_kind_of_type_in_the_table_is_frozen() -> None:
    kinds = {name.partition("-")[0] for name in ACCEPTED}
    assert kinds >= {
        *("str", "int", "float", "bool", "none", "list", "dict", "tuple", "set", "frozenset", "enum", "literal"),
        *("newtype", "annotated", "uuid", "decimal", "datetime", "date", "time", "timedelta", "bytes", "nested"),
        *("optional", "union", "any", "flag"),
    }


def write_missing() -> None:
    from atleastonce.registry import registry

    for name in NAMES:
        file = GOLDEN / f"{name}.json"
        if not file.exists():
            with registry.isolated():
                file.write_bytes(written(make(name)))


if __name__ == "__main__":
    write_missing()
