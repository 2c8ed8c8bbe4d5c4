"""Task lists, ids and type tags: 1 to 1,024 (a tag 255) bytes of UTF-8, no NUL."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from atleastonce import InvalidTask, Task, TaskRecord, defaults
from atleastonce.codec import task_of
from atleastonce.keys import check_id, check_task_list, check_type

from .kit import refusal, task_class

CHECKS = [(check_task_list, "task_list", 1_024), (check_id, "id", 1_024), (check_type, "type", 255)]
every_check = pytest.mark.parametrize(("check", "name", "limit"), CHECKS, ids=["task_list", "id", "type"])


class Text(str):
    __slots__ = ()


@every_check
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda n: "", "must not be empty"),
        (lambda n: "a\0b", "NUL"),
        (lambda n: "\0", "NUL"),
        (lambda n: "a\ud800", "lone surrogate"),
        (lambda n: "\ud83d\ude42", "lone surrogate"),
        (lambda n: "x" * (n + 1), "at most {limit:,} are allowed"),
        (lambda n: "é" * (n // 2 + 1), "at most {limit:,} are allowed"),
        (lambda n: "🙂" * (n // 4 + 1), "at most {limit:,} are allowed"),
        (lambda n: None, "must be a str, not NoneType"),
        (lambda n: 5, "must be a str, not int"),
        (lambda n: b"a", "must be a str, not bytes"),
        (lambda n: ["a"], "must be a str, not list"),
        (lambda n: Text("a"), "must be a str, not Text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused(check: Any, name: str, limit: int, make: Any, message: str) -> None:
    error = refusal(lambda: check(make(limit)))
    assert str(error).startswith(name)
    assert message.format(limit=limit) in str(error)


@every_check
@pytest.mark.parametrize("unit", ["x", "é", "漢", "🙂", " ", "\n", "\x7f", "/", "%"], ids=ascii)
def test_taken_up_to_the_last_byte(check: Any, name: str, limit: int, unit: str) -> None:
    size = len(unit.encode())
    longest = unit * (limit // size) + "x" * (limit % size)
    check(unit)
    check(longest)
    refusal(lambda: check(longest + "x"))


BAD = {"empty": "", "nul": "a\0b", "surrogate": "\udfff", "long": "x" * 1_025, "long-utf8": "é" * 513, "int": 5}
bad_key = pytest.mark.parametrize("key", BAD.values(), ids=BAD)


@bad_key
@pytest.mark.parametrize("name", ["task_list", "id"])
def test_every_way_in(name: str, key: Any, store: Any) -> None:
    cls = task_class(int)
    keys = {"task_list": "l", "id": "one"} | {name: key}
    with defaults.using(store):
        for call in (
            lambda: cls(**keys, x=1),
            lambda: cls.build(**keys, x=1),
            lambda: cls.build(**keys, data={"x": 1}),
            lambda: cls.create(**keys, x=1),
            lambda: cls.from_hash({**keys, "type": "Sample", "data": {"x": 1}}),
            lambda: Task.from_hash({**keys, "type": "Sample", "data": {"x": 1}}),
            lambda: cls(task_list="l", id="one", x=1).replace(**{name: key}),
            lambda: cls.find(**keys),
            lambda: store.find(**keys),
        ):
            refusal(call)
    assert list(store.task_lists()) == []


@bad_key
def test_lists_to_read(key: Any, store: Any) -> None:
    for call in (lambda: store.all(key), lambda: list(store.all(key)), lambda: store.count(key)):
        refusal(call)


@pytest.mark.parametrize("key", [("\udfff", "one"), ("l", "\udfff"), ("é", "\udfff"), ("\udfff", "é")], ids=ascii)
def test_a_stored_key_that_is_no_text(key: Any) -> None:
    """As a damaged file may hold it."""
    task_class(int)
    assert "lone surrogate" in str(refusal(lambda: task_of(TaskRecord(*key, "Sample", b'{"x":1}'))))


@bad_key
@pytest.mark.parametrize("name", ["task_list", "id"])
def test_a_key_with_a_default_of_the_subclass(name: str, key: Any) -> None:
    namespace = {"__annotations__": {name: str}, name: "default", "__module__": __name__}
    cls = type("Sample", (Task,), namespace)
    with pytest.raises(InvalidTask):
        cls(**({"task_list": "l", "id": "one"} | {name: key}))


@bad_key
def test_a_bad_default_of_the_subclass(key: Any) -> None:
    cls = type("Sample", (Task,), {"__annotations__": {"task_list": str}, "task_list": key, "__module__": __name__})
    with pytest.raises(InvalidTask):
        cls(id="one")


@pytest.mark.parametrize("tag", ["", "a\0", "\ud800", "x" * 256, "é" * 128, "x" * 254, "a@b", "@"], ids=ascii)
@pytest.mark.parametrize("where", ["tag", "aliases"])
def test_tags(tag: str, where: str) -> None:
    arguments = {"version": 2} | ({"tag": tag} if where == "tag" else {"aliases": ("good", tag)})
    with pytest.raises(InvalidTask, match="Sample: a type tag"):
        type("Sample", (Task,), {"__module__": __name__}, **arguments)


@pytest.mark.parametrize("version", [1, 22])
def test_the_longest_tag_has_room_for_its_version(version: int, store: Any) -> None:
    room = 255 - len(f"@{version}")
    cls = type("Sample", (Task,), {"__module__": __name__}, tag="x" * room, version=version)
    task = cls(task_list="l")
    store.save(task)
    assert store.find("l", task.id) == task
    with pytest.raises(InvalidTask):
        type("Sample", (Task,), {"__module__": __name__}, tag="x" * (room + 1), version=version)


@pytest.mark.parametrize("name", ["task_list", "id"])
def test_keys_are_never_assigned(name: str) -> None:
    task = task_class(int)(task_list="l", id="one", x=1)
    with pytest.raises(attrs.exceptions.FrozenAttributeError):
        setattr(task, name, "other")
    assert (task.task_list, task.id) == ("l", "one")
