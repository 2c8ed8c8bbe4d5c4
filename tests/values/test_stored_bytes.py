"""Hand-made bytes in the storage: numbers that a JSON library would bend, text that is none, nesting without end."""

from __future__ import annotations

import json
import sys
from typing import Any, Literal, NewType

import attrs
import pytest

from atleastonce import InvalidTask, TaskRecord, TaskStore, UnreadableTask

from .kit import Mixed, Node, refusal, same, task_class

BIG = b"18446744073709551616"  # 2**64: orjson loads it as a float
SMALL = b"-9223372036854775809"


@attrs.define
class Shelf:
    things: list[dict[str, Any]]
    label: str = ""


@attrs.define
class Chain:
    name: str = ""
    next: Chain | None = None


def read(store: Any, data: bytes) -> Any:
    """The record between two neighbours, which must be unharmed; its bytes are looked at again."""
    plain = task_class(Any, name="Neighbour")
    store.save_all([plain(task_list="l", id=id, x=id) for id in ("1", "3")])
    store._backend.store([TaskRecord("l", "2", "Sample", data)])
    one, task, three = store.all("l")
    assert (one.x, three.x) == ("1", "3")
    assert store._backend.find("l", "2").data == data
    return task


UNREADABLE: dict[str, tuple[Any, bytes]] = {
    "int-beyond-signed": (int, b'{"x":9223372036854775808}'),
    "int-beyond-unsigned": (int, b'{"x":%s}' % BIG),
    "int-below": (int, b'{"x":%s}' % SMALL),
    "int-as-exponent": (int, b'{"x":1e2}'),
    "any-beyond-signed": (Any, b'{"x":9223372036854775808}'),
    "any-beyond-unsigned": (Any, b'{"x":%s}' % BIG),
    "any-below": (Any, b'{"x":%s}' % SMALL),
    "any-of-thousands-of-digits": (Any, b'{"x":%s}' % (b"1" * 300)),
    "any-deep-inside": (Any, b'{"x":[{"a":[1.5,%s]}]}' % BIG),
    "list-any": (list[Any], b'{"x":[%s]}' % BIG),
    "dict-any": (dict[str, Any], b'{"x":{"a":%s}}' % BIG),
    "bare-list": (list, b'{"x":[%s]}' % BIG),
    "any-in-nested-class": (Shelf, b'{"x":{"things":[{"a":%s}]}}' % BIG),
    "int-or-float": (int | float, b'{"x":%s}' % BIG),
    "int-or-float-in-list": (list[float | int | None], b'{"x":[1.5,%s]}' % SMALL),
    "extra": (int, b'{"x":1,"more":%s}' % BIG),
    "extra-below": (int, b'{"x":1,"more":[%s]}' % SMALL),
    "extra-beyond-signed": (int, b'{"x":1,"more":9223372036854775808}'),
    "float-infinite": (float, b'{"x":1e999}'),
    "float-nan": (float, b'{"x":NaN}'),
    "any-infinity": (Any, b'{"x":-Infinity}'),
    "any-infinite": (Any, b'{"x":[1e999]}'),
    "surrogate": (str, b'{"x":"\\ud800"}'),
    "surrogate-key": (Any, b'{"x":{"\\udfff":1}}'),
    "surrogate-bytes": (str, b'{"x":"\xed\xa0\x80"}'),
    "overlong-nul": (str, b'{"x":"\xc0\x80"}'),
    "latin-1": (str, b'{"x":"\xe9"}'),
    "utf-16": (str, '{"x":"a"}'.encode("utf-16")),
    "byte-order-mark": (str, b'\xef\xbb\xbf{"x":"a"}'),
    "raw-control-character": (str, b'{"x":"a\nb"}'),
    "trailing-comma": (int, b'{"x":1,}'),
    "two-values": (int, b'{"x":1}{"x":1}'),
    "cut-off": (int, b'{"x":1'),
    "python-repr": (str, b"{'x': 'a'}"),
    "leading-zero": (int, b'{"x":01}'),
    "empty": (int, b""),
    "null": (int, b"null"),
    "array": (int, b'[{"x":1}]'),
    "number": (int, b"5"),
    "string": (int, b'"x"'),
    "missing": (int, b"{}"),
    "other-case": (int, b'{"X":1}'),
    "deep-any": (Any, b'{"x":%s1%s}' % (b"[" * 255, b"]" * 255)),
    "one-level-deeper-than-can-be-written": (Any, b'{"x":%s1%s}' % (b"[" * 254, b"]" * 254)),
    "deeper-than-a-parser-goes": (Any, b'{"x":%s1%s}' % (b"[" * 100_000, b"]" * 100_000)),
    "deep-nested-class": (Node, b'{"x":%s{"value":1}%s}' % (b'{"value":1,"children":[' * 400, b"]}" * 400)),
    "deep-extra": (int, b'{"x":1,"more":%s1%s}' % (b"[" * 300, b"]" * 300)),
}


@pytest.mark.parametrize(("annotation", "data"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_exactly_is_left_as_it_is(annotation: Any, data: bytes, store: Any) -> None:
    cls = task_class(annotation)
    task = read(store, data)
    assert type(task) is UnreadableTask
    assert type(task.reason) is InvalidTask
    with pytest.raises(InvalidTask):
        task.execute()
    store.save(task)
    assert store._backend.find("l", "2").data == data
    assert [type(task) for task in store.all("l", cls=cls)] == []


def test_one_field_of_no_type_is_enough_to_look_closer(store: Any) -> None:
    task_class(Any, __annotations__={"given": int, "x": Any})
    assert type(read(store, b'{"given":1,"x":%s}' % BIG).reason) is InvalidTask


JSON_KINDS = {"array": b"[1]", "string": b'"x"', "null": b"null", "boolean": b"true", "number": b"5"}


@pytest.mark.parametrize(("kind", "data"), JSON_KINDS.items(), ids=JSON_KINDS)
def test_data_that_is_no_object_is_told_by_its_kind(kind: str, data: bytes, memory: Any) -> None:
    task_class(int)
    assert str(read(memory, data).reason) == f"data is a JSON {kind}, not an object"


@pytest.mark.parametrize("data", [b"", b"{", b'{"x":\xff}', b"[" * 2_000])
def test_data_that_is_no_json_is_told_by_its_size(data: bytes, memory: Any) -> None:
    task_class(int)
    assert str(read(memory, data).reason) == f"data is not JSON ({len(data):,} bytes)"


def test_a_field_that_is_missing_is_named(memory: Any) -> None:
    task_class(int)
    assert str(read(memory, b"{}").reason) == "Sample: x: is missing"


@attrs.define
class Weighed:
    weight: float


BESIDE_A_FLOAT: dict[str, tuple[Any, bytes, Any]] = {
    "none": (None, b"null", None),
    "optional": (int | None, b"5", 5),
    "enum-of-ints-and-floats": (Mixed, b"2.5", Mixed.NUMBER),
    "nested-class": (Weighed, b'{"weight":%s}' % BIG, Weighed(2.0**64)),
    "literal": (Literal["a", 1], b'"a"', "a"),
    "tuple": (tuple[int, ...], b"[1]", (1,)),
}


@pytest.mark.parametrize("defaults", [{}, {"more": 7}], ids=["all-there", "one-by-default"])
@pytest.mark.parametrize(("annotation", "data", "value"), BESIDE_A_FLOAT.values(), ids=BESIDE_A_FLOAT)
def test_an_integer_for_a_float_may_be_long(
    annotation: Any, data: bytes, value: Any, defaults: dict[str, int], memory: Any
) -> None:
    """Its digits matter to a field of no type, or of ints as well. No other field of the class changes that."""
    annotations = {"given": annotation, "x": float} | dict.fromkeys(defaults, int)
    cls = task_class(float, __annotations__=annotations, **defaults)
    task = read(memory, b'{"given":%s,"x":%s}' % (data, BIG))
    assert type(task) is cls
    assert same((task.given, task.x), (value, 2.0**64))


READABLE: dict[str, tuple[Any, bytes, Any]] = {
    "spaces": (int, b' { "x" : 1 } ', 1),
    "escapes": (str, b'{"x":"\\u00e9\\ud83d\\ude42\\u0000\\/"}', "é🙂\0/"),
    "biggest-int": (Any, b'{"x":9223372036854775807}', 2**63 - 1),
    "smallest-int": (Any, b'{"x":-9223372036854775808}', -(2**63)),
    "biggest-int-beside-big-float": (Any, b'{"x":[9223372036854775807,1e300]}', [2**63 - 1, 1e300]),
    "big-number-with-a-point": (Any, b'{"x":18446744073709551616.0}', 2.0**64),
    "big-number-with-an-exponent": (Any, b'{"x":-1e19}', -1e19),
    "digits-in-a-string": (Any, b'{"x":["%s",1e20]}' % BIG, [BIG.decode(), 1e20]),
    "int-or-float-float": (int | float, b'{"x":1e20}', 1e20),
    "int-or-float-int": (int | float, b'{"x":5}', 5),
    "float-as-int": (float, b'{"x":5}', 5.0),
    "float-underflow": (float, b'{"x":1e-999}', 0.0),
    "as-deep-as-can-be-written": (
        Any,
        b'{"x":%s1%s}' % (b"[" * 200, b"]" * 200),
        json.loads("[" * 200 + "1" + "]" * 200),
    ),
}


def test_a_task_with_more_than_its_fields_belongs_to_its_store(memory: Any) -> None:
    task_class(int)
    task = read(memory, b'{"x":1,"more":2}')
    task.x = 5
    task.save()
    assert memory.find("l", "2").data == {"x": 5, "more": 2}


@pytest.mark.parametrize(("annotation", "data", "value"), READABLE.values(), ids=READABLE)
def test_what_other_writers_write_is_read(annotation: Any, data: bytes, value: Any, store: Any) -> None:
    cls = task_class(annotation)
    task = read(store, data)
    assert type(task) is cls
    assert same(task.x, value)


DEEP: dict[str, tuple[Any, Any]] = {
    "any": (Any, lambda deep: deep(200)),
    "any-in-typed-containers": (list[list[list[Any]]], lambda deep: [[[deep(200)]]]),
    "any-in-nested-class": (Shelf, lambda deep: Shelf([{"a": deep(200)}])),
}


@pytest.mark.parametrize(("annotation", "make"), DEEP.values(), ids=DEEP)
@pytest.mark.parametrize("key", [None, "a"], ids=["lists", "objects"])
def test_whatever_could_be_saved_can_be_read(annotation: Any, make: Any, key: str | None, store: Any) -> None:
    def deep(levels: int) -> Any:
        value: Any = 1
        for _ in range(levels):
            value = [value] if key is None else {key: value}
        return value

    cls = task_class(annotation)
    task = cls(task_list="l", id="one", x=make(deep))
    store.save(task)
    assert store.find("l", "one") == task
    assert cls.from_hash(task.as_hash()) == task
    assert cls.build(task_list="l", id="one", data=task.data) == task
    more = cls.build(task_list="l", id="two", data={**task.data, "more": deep(200)})
    store.save(more)
    assert store.find("l", "two") == more


@pytest.mark.parametrize("levels", [253, 254])
def test_typed_containers_around_a_deep_value(levels: int, memory: Any) -> None:
    annotation: Any = Any
    value: Any = json.loads("[" * 200 + "1" + "]" * 200)
    for _ in range(levels - 200):
        annotation, value = list[annotation], [value]
    task = task_class(annotation)(task_list="l", id="one", x=value)
    if levels == 253:  # and the object around all
        memory.save(task)
        assert memory.find("l", "one") == task
    else:
        assert "cannot be written as JSON" in str(refusal(lambda: memory.save(task)))
        refusal(task.as_hash)


@pytest.mark.parametrize("annotation", [Node, NewType("Tree", Node)])
@pytest.mark.parametrize("levels", [1, 48, 49, 125, 10_000])
def test_deep_nested_classes_are_refused_or_come_back(annotation: Any, levels: int, memory: Any) -> None:
    node = Node(0)
    for value in range(levels):
        node = Node(value, [node])
    cls = task_class(annotation)
    try:
        task = cls(task_list="l", id="one", x=node)
        memory.save(task)
    except InvalidTask:
        assert levels > 48  # the leaf is one more; two levels of JSON each, and one around all
        assert memory.count("l") == 0
    else:
        assert levels <= 48
        assert memory.find("l", "one") == task
        assert cls.from_hash(task.as_hash()) == task


def test_a_class_that_may_hold_itself_nests_100_levels_deep(memory: Any) -> None:
    """Seen when the task is made: at a save it may be too late to mend it."""
    node = Node(0)
    for value in range(97):
        node = Node(value, parent=node)  # a level each, between `data` and the list of the first
    cls = task_class(Node)
    task = cls(task_list="l", id="one", x=node)
    memory.save(task)
    assert memory.find("l", "one") == task
    deeper = Node(97, parent=node)
    assert "nest too deeply" in str(refusal(lambda: cls(task_list="l", x=deeper)))
    task.x = deeper
    assert "nest too deeply" in str(refusal(lambda: memory.save(task)))


def test_so_does_one_that_holds_itself_in_a_union_only_beside_other_fields() -> None:
    chain = Chain()
    for _ in range(98):
        chain = Chain("x", chain)
    cls = task_class(Chain, __annotations__={"given": int, "x": Chain}, given=5)
    assert cls(task_list="l", x=chain).x is chain
    assert "nest too deeply" in str(refusal(lambda: cls(task_list="l", x=Chain("x", chain))))


def test_nesting_that_python_cannot_follow_is_a_typed_error(memory: Any) -> None:
    """250 levels are well-formed JSON, yet take more frames of the stack than there are by default."""
    wire: Any = {"value": 0}
    for value in range(250):
        wire = {"value": value, "parent": wire}
    cls = task_class(Node, __annotations__={"given": int, "x": Node}, given=5)
    for data in ({"given": 1, "x": wire}, {"given": 1, "x": wire, "more": 1}, {"x": wire}):
        assert "nests too deeply" in str(refusal(lambda data=data: cls.build(task_list="l", data=data)))
        reason = read(memory, json.dumps(data).encode()).reason
        assert type(reason) is InvalidTask
        assert "nests too deeply" in str(reason)


def test_a_stack_with_too_little_room_is_a_typed_error(memory: Any) -> None:
    """Of an application that asks from deep within calls of its own."""
    annotation: Any = int
    value: Any = 1
    for _ in range(75):
        annotation, value = list[annotation], [value]
    task = task_class(annotation)(task_list="l", id="one", x=value)
    memory.save(task)
    frame, used = sys._getframe(), 0
    while frame := frame.f_back:
        used += 1

    def find_below(calls: int) -> Any:
        return find_below(calls - 1) if calls else memory.find("l", "one")

    assert memory.find("l", "one") == task
    reason = find_below(sys.getrecursionlimit() - used - 60).reason
    assert "nests too deeply to be read" in str(reason)


def test_data_over_the_backends_limit() -> None:
    store = TaskStore("memory://?max_data_bytes=12")
    cls = task_class(str)
    store.save(cls(task_list="l", id="fits", x="aaaa"))  # {"x":"aaaa"}
    for text in ("aaaaa", "ééé"):
        with pytest.raises(InvalidTask, match="at most 12"):
            store.save(cls(task_list="l", id="one", x=text))
    with pytest.raises(InvalidTask):
        store.save_all([cls(task_list="l", id="two", x="a"), cls(task_list="l", id="one", x="aaaaa")])
    assert [task.id for task in store.all("l")] == ["fits"]
    assert store.find("l", "one") is None
