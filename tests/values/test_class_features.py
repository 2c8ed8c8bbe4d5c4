"""What an attrs class may have, a task class may have too."""

# No `from __future__ import annotations` here: these annotations are the types themselves.

import dataclasses
import sys
from typing import Any, ClassVar, Literal

import attrs
import pytest

from atleastonce import InvalidTask, Task, TaskRecord, UnreadableTask

from .kit import Node, Point, refusal, same, task_class


def again(task: Any) -> Any:
    return type(task).from_hash(task.as_hash())


def test_defaults_and_factories() -> None:
    class Sample(Task):
        number: int = 5
        items: list[int] = attrs.field(factory=list)
        doubled: int = attrs.field(default=attrs.Factory(lambda self: self.number * 2, takes_self=True))
        point: Point = attrs.Factory(lambda: Point(1))

        later: int = attrs.field()

        @later.default
        def _later(self) -> int:
            return self.doubled + 1

    one, two = Sample(task_list="l"), Sample(task_list="l", number=7)
    assert one.data == {"number": 5, "items": [], "doubled": 10, "point": {"x": 1, "y": 0}, "later": 11}
    assert two.data["later"] == 15
    assert one.items is not two.items
    assert again(two) == two
    old = Sample.from_hash({"task_list": "l", "id": "a", "type": "Sample", "data": {"number": 1}})
    assert (old.doubled, old.later) == (2, 3)


def test_validators_run_at_construction_and_before_a_write(memory: Any) -> None:
    class Sample(Task):
        x: int = attrs.field(validator=attrs.validators.gt(0))
        y: int = 0

    with pytest.raises(ValueError, match="'x' must be > 0"):  # the application's own error, from its own constructor
        Sample(task_list="l", x=0)
    refusal(lambda: Sample.build(task_list="l", data={"x": 0}))
    task = Sample(task_list="l", id="one", x=1)
    task.__dict__["x"] = -1  # past attrs' own check on assignment
    refusal(lambda: memory.save(task))
    refusal(task.as_hash)
    assert memory.count("l") == 0


@pytest.mark.parametrize(("annotation", "value"), [(int, 1), (Node, Node(1))], ids=["plain", "may-hold-itself"])
def test_a_validator_runs_once_at_construction(annotation: Any, value: Any) -> None:
    seen: list[Any] = []
    cls = task_class(annotation, x=attrs.field(validator=lambda _task, _field, value: seen.append(value)))
    cls(task_list="l", x=value)
    assert seen == [value]


def test_validators_and_converters_run_when_a_task_is_read(memory: Any) -> None:
    class Checked(Task):
        x: int = attrs.field(validator=attrs.validators.gt(0))
        y: int

    class Converted(Task):
        x: str = attrs.field(converter=str.strip)
        y: int

    refusal(lambda: Task.from_hash({"task_list": "l", "id": "one", "type": "Checked", "data": {"x": 0, "y": 1}}))
    assert Task.from_hash({"task_list": "l", "id": "one", "type": "Converted", "data": {"x": " a ", "y": 1}}).x == "a"
    memory._backend.store(
        [TaskRecord("l", "1", "Checked", b'{"x":0,"y":1}'), TaskRecord("l", "2", "Converted", b'{"x":" a ","y":1}')]
    )
    checked, converted = memory.all("l")
    assert type(checked) is UnreadableTask
    assert converted.x == "a"


def test_a_validator_may_say_itself_why_it_refuses(memory: Any) -> None:
    def not_below_zero(_task: Any, _field: Any, value: int) -> None:
        if value < 0:
            raise InvalidTask("below zero")

    class Sample(Task):
        x: int = attrs.field(validator=not_below_zero)

    assert str(refusal(lambda: Sample.build(task_list="l", data={"x": -1}))) == "below zero"
    task = Sample(task_list="l", x=1)
    task.__dict__["x"] = -1
    assert str(refusal(lambda: memory.save(task))) == "below zero"


def test_a_type_given_to_attrs_in_place_of_an_annotation() -> None:
    class Sample(Task):
        x = attrs.field(type=int)

    assert again(Sample(task_list="l", x=5)).x == 5
    refusal(lambda: Sample(task_list="l", x="5"))


def test_what_a_converter_makes_is_checked() -> None:
    class Sample(Task):
        x: int = attrs.field(converter=int)
        y: str = attrs.field(converter=attrs.converters.optional(str.strip), default="")

    task = Sample(task_list="l", x="5", y=" a ")
    assert task.data == {"x": 5, "y": "a"}
    refusal(lambda: Sample(task_list="l", x=1, y=None))
    refusal(lambda: Sample.build(task_list="l", data={"x": "5"}))  # wire values are checked before any converter


def test_inheritance_adds_overrides_and_narrows() -> None:
    class Parent(Task):
        a: int
        b: str = "b"

        def execute(self) -> str:
            return f"parent {self.a}"

    class Child(Parent):
        b: Literal["b", "c"] = "c"
        c: bool = False

        def execute(self) -> str:
            return f"child of {super().execute()}"

    child = Child(task_list="l", a=1)
    assert child.data == {"a": 1, "b": "c", "c": False}
    assert child.execute() == "child of parent 1"
    assert again(child) == child
    assert type(Parent.from_hash(child.as_hash())) is Child
    refusal(lambda: Child(task_list="l", a=1, b="x"))
    assert Parent(task_list="l", a=1, b="x").b == "x"


def test_a_mixin_of_attrs_and_a_plain_one() -> None:
    @attrs.define(slots=False)
    class Owned:
        owner: str = "nobody"

    class Greets:
        def greet(self) -> str:
            return f"hello {self.owner}"

    class Sample(Owned, Greets, Task):
        x: int

    task = Sample(task_list="l", x=1, owner="me")
    assert task.greet() == "hello me"
    assert again(task) == task
    refusal(lambda: Sample(task_list="l", x=1, owner=5))


def test_an_alias_is_for_the_constructor_only() -> None:
    class Sample(Task):
        long_name: int = attrs.field(alias="short")

    task = Sample(task_list="l", short=5)
    assert task.data == {"long_name": 5}
    assert again(task) == task
    assert task.replace(short=6).long_name == 6
    assert Sample.build(task_list="l", data={"long_name": 7}).long_name == 7
    assert Sample.build(task_list="l", data={"long_name": 7, "short": 1}).extra == {"short": 1}


def test_fields_outside_the_constructor_are_not_stored() -> None:
    class Sample(Task):
        x: int
        cache: dict = attrs.field(init=False, factory=dict)
        anything: object = attrs.field(init=False, default=None)

    task = Sample(task_list="l", x=1)
    task.cache["a"] = 1
    assert task.data == {"x": 1}
    assert again(task).cache == {}
    assert Sample.from_hash(task.as_hash() | {"data": {"x": 1, "cache": {"b": 2}}}).extra == {"cache": {"b": 2}}


@pytest.mark.parametrize("kind", ["attrs", "dataclass"])
def test_nested_classes_may_have_defaults_and_fields_outside_the_constructor(kind: str) -> None:
    """What an older process wrote without a field that has a default is read with it."""

    if kind == "attrs":

        @attrs.define
        class Inner:
            needed: int
            given: int = 5
            made: list = attrs.field(factory=list)
            cache: int = attrs.field(init=False, default=0)

    else:

        @dataclasses.dataclass
        class Inner:
            needed: int
            given: int = 5
            made: list = dataclasses.field(default_factory=list)
            cache: int = dataclasses.field(init=False, default=0)

    cls = task_class(Inner)
    task = cls(task_list="l", x=Inner(1, 2, [3]))
    assert task.data == {"x": {"needed": 1, "given": 2, "made": [3]}}
    assert again(task) == task
    assert cls.build(task_list="l", data={"x": {"needed": 1}}).x == Inner(1)
    for missing in ({}, {"given": 1, "made": []}):
        assert "needed: is missing" in str(
            refusal(lambda missing=missing: cls.build(task_list="l", data={"x": missing}))
        )


def test_class_variables_properties_and_methods_are_no_fields() -> None:
    class Sample(Task):
        limit: ClassVar[int] = 5
        not_annotated = "kept"
        x: int

        @property
        def double(self) -> int:
            return self.x * 2

        @staticmethod
        def helper() -> int:
            return 1

    task = Sample(task_list="l", x=2)
    assert task.data == {"x": 2}
    assert (task.limit, task.not_annotated, task.double, task.helper()) == (5, "kept", 4, 1)
    with pytest.raises(TypeError):
        Sample(task_list="l", x=1, limit=6)


@pytest.mark.parametrize("fields", [{"x": int}, {}], ids=["a-field", "no-field"])
def test_attrs_post_init_runs_for_read_tasks_too(fields: dict[str, Any], memory: Any) -> None:
    def note(self: Any) -> None:
        self.__dict__["seen"] = True

    cls: Any = type("Sample", (Task,), {"__annotations__": fields, "__module__": __name__, "__attrs_post_init__": note})
    task = cls(task_list="l", id="one", **dict.fromkeys(fields, 1))
    memory.save(task)
    assert all(t.__dict__["seen"] for t in (task, memory.find("l", "one"), again(task)))


def test_an_init_of_its_own(memory: Any) -> None:
    class Sample(Task):
        x: int

        def __init__(self, **fields: Any) -> None:
            self.__attrs_init__(**fields)
            self.__dict__["made"] = True

    task = Sample(task_list="l", id="one", x=1)
    memory.save(task)
    assert memory.find("l", "one").__dict__["made"]
    refusal(lambda: Sample(task_list="l", x="1"))


def test_a_constructor_may_write_the_first_task_of_its_class() -> None:
    class Sample(Task):
        x: int

        def __attrs_post_init__(self) -> None:
            self.__dict__["written"] = self.data

    assert Sample(task_list="l", x=1).__dict__["written"] == {"x": 1}


def test_a_field_that_was_deleted_is_told(memory: Any) -> None:
    task = task_class(int)(task_list="l", id="one", x=1)
    del task.x
    assert "'x'" in str(refusal(lambda: memory.save(task)))
    assert memory.count("l") == 0


def test_a_field_that_is_not_set_at_construction_is_told() -> None:
    class Sample(Task):
        x: int

        def __attrs_post_init__(self) -> None:
            del self.x

    assert "'x'" in str(refusal(lambda: Sample(task_list="l", x=1)))


def test_the_definition_of_a_class_in_a_nested_function_of_a_method() -> None:
    class Outer:
        def make(self) -> Any:
            class Inner(Task):
                x: "list[Local]"

            @attrs.define
            class Local:
                n: int

            globals()["Local"] = Local
            try:
                task = Inner(task_list="l", x=[Local(1)])
                return same(again(task).x, task.x)
            finally:
                del globals()["Local"]

    assert Outer().make()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 is syntax from Python 3.12 on")
class TestTypeStatements:
    @staticmethod
    def run(source: str) -> dict[str, Any]:
        names: dict[str, Any] = {"Task": Task, "Any": Any, "Point": Point, "__name__": __name__}
        exec(source, names)
        return names

    @pytest.mark.parametrize(
        ("alias", "value"),
        [
            ("int", 5),
            ("int | None", None),
            ("list[Point]", [Point(1)]),
            ("Later", "text"),
            ("dict[str, Later | None]", {"a": None}),
        ],
    )
    def test_aliases(self, alias: str, value: Any) -> None:
        names = self.run(f"type Alias = {alias}\ntype Later = str\nclass Sample(Task):\n    x: Alias\n")
        task = names["Sample"](task_list="l", x=value)
        assert same(again(task).x, value)

    def test_an_optional_alias_made_optional_again(self) -> None:
        names = self.run("type Maybe = int | None\nclass Sample(Task):\n    x: Maybe | None\n")
        for value in (None, 5):
            assert again(names["Sample"](task_list="l", x=value)).x == value
        with pytest.raises(InvalidTask):
            names["Sample"](task_list="l", x="5")

    def test_an_alias_that_names_what_comes_later(self) -> None:
        names = self.run("type Alias = list[Later]\nclass Sample(Task):\n    x: Alias\ntype Later = int\n")
        assert again(names["Sample"](task_list="l", x=[1])).x == [1]

    @pytest.mark.parametrize(
        "alias", ["str | list[Json]", "dict[str, Json]", "int | dict[str, Json | None]", "list[tuple[Json, ...]]"]
    )
    def test_an_alias_that_holds_itself(self, alias: str) -> None:
        error = refusal(lambda: self.run(f"type Json = {alias}\nclass Sample(Task):\n    x: Json\n"))
        assert "Sample.x is a type alias that holds itself" in str(error)

    @pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
    def test_type_parameters(self, future: str) -> None:
        error = refusal(lambda: self.run(f"{future}class Sample[T](Task):\n    x: list[T]\n"))
        assert "type variable T" in str(error)
        mixin = f"{future}import attrs\n@attrs.define(slots=False)\nclass Mixin[T]:\n    x: list[T]\n"
        error = refusal(lambda: self.run(f"{mixin}class Sample(Mixin[int], Task):\n    pass\n"))
        assert "type variable T" in str(error)
        error = refusal(lambda: self.run(f"{future}type Many[T] = list[T]\nclass Sample(Task):\n    x: Many[int]\n"))
        assert "Many[int]" in str(error)
