"""Type tags and aliases: which class a stored type means."""

from __future__ import annotations

import sys
import types

import pytest

from atleastonce import DuplicateTaskType, InvalidTask, Task, UnknownTaskType
from atleastonce.registry import registry


def wire(type, data=None):
    return {"task_list": "l", "id": "1", "type": type, "data": data or {}}


def class_of(type):
    return Task.from_hash(wire(type)).__class__


def test_the_tag_is_the_name_of_the_class():
    class DeleteItem(Task):
        pass

    assert DeleteItem(task_list="l").type == "DeleteItem"
    assert class_of("DeleteItem") is DeleteItem


def test_a_tag_of_its_own_takes_the_place_of_the_name():
    class DeleteItem(Task, tag="delete-item"):
        pass

    assert DeleteItem(task_list="l").as_hash()["type"] == "delete-item"
    assert class_of("delete-item") is DeleteItem
    with pytest.raises(UnknownTaskType):
        class_of("DeleteItem")


def test_aliases_are_read_and_never_written():
    class DeleteItem(Task, aliases=("RemoveItem", "Löschen")):
        pass

    assert class_of("RemoveItem") is class_of("Löschen") is class_of("DeleteItem") is DeleteItem
    assert Task.from_hash(wire("RemoveItem")).as_hash()["type"] == "DeleteItem"


def test_a_subclass_has_a_tag_of_its_own():
    class Base(Task, tag="base", aliases=("old-base",)):
        pass

    class Derived(Base):
        pass

    assert Derived(task_list="l").type == "Derived"
    assert class_of("base") is class_of("old-base") is Base
    assert class_of("Derived") is Derived


@pytest.mark.parametrize(
    "arguments",
    [
        {"tag": "a@b"},
        {"tag": ""},
        {"tag": "a\0"},
        {"tag": "\ud800"},
        {"tag": 5},
        {"tag": "x" * 256},
        {"tag": "é" * 128},
        {"tag": "x" * 254, "version": 2},  # 256 bytes with its @2
        {"aliases": ("fine", "a@2")},
        {"aliases": ("",)},
        {"aliases": "OldName"},
        {"aliases": (None,)},
        {"version": 0},
        {"version": -1},
        {"version": True},
        {"version": 1.0},
        {"version": "2"},
        {"version": 10**9},
    ],
    ids=repr,
)
def test_a_tag_or_version_that_is_no_good_is_refused(arguments):
    with pytest.raises(InvalidTask, match="Bad"):

        class Bad(Task, **arguments):
            pass

    with pytest.raises(UnknownTaskType):
        class_of("Bad")


def test_the_longest_tag_is_taken(store):
    class Long(Task, tag="x" * 253, version=2):
        pass

    task = Long.create(task_list="l", id="1")
    assert Task.find("l", "1") == task


def test_two_classes_with_one_tag_are_refused_when_the_second_is_made():
    class First(Task, tag="shared"):
        pass

    with pytest.raises(DuplicateTaskType, match=r"shared.*Second.*First"):

        class Second(Task, tag="shared"):
            pass

    assert class_of("shared") is First


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"tag": "a"}, {"tag": "b", "aliases": ("a",)}),
        ({"tag": "a", "aliases": ("b",)}, {"tag": "b"}),
        ({"tag": "a", "aliases": ("x",)}, {"tag": "b", "aliases": ("y", "x")}),
    ],
)
def test_aliases_clash_as_tags_do_and_nothing_of_the_second_stays(first, second):
    class First(Task, **first):
        pass

    with pytest.raises(DuplicateTaskType):

        class Second(Task, **second):
            pass

    for tag in (first["tag"], *first.get("aliases", ())):
        assert class_of(tag) is First
    for tag in {second["tag"], *second.get("aliases", ())} - {first["tag"], *first.get("aliases", ())}:
        with pytest.raises(UnknownTaskType):
            class_of(tag)


def test_the_same_class_defined_again_replaces():
    def define(**arguments):
        class Again(Task, **arguments):
            pass

        return Again

    first = define(tag="one", aliases=("older",))
    assert class_of("one") is first
    second = define(tag="one")
    assert second is not first
    assert class_of("one") is second
    with pytest.raises(UnknownTaskType):  # what only its predecessor had goes with it
        class_of("older")


def test_a_class_defined_again_may_take_another_tag():
    def define(tag):
        class Again(Task, tag=tag):
            pass

        return Again

    define("before")
    renamed = define("after")
    assert class_of("after") is renamed
    with pytest.raises(UnknownTaskType):
        class_of("before")


def make_in(module, name="Notebook", qualname=None):
    """The class that a class statement in that module makes."""
    return type(Task)(name, (Task,), {"__module__": module, "__qualname__": qualname or name}, tag="cell")


def test_a_notebook_cell_run_again_replaces():
    first, second = make_in("no_file"), make_in("no_file")  # as a notebook's __main__ has none
    assert first is not second
    assert class_of("cell") is second


def test_the_same_name_in_another_module_is_another_class():
    make_in("tests.one")
    with pytest.raises(DuplicateTaskType):
        make_in("tests.two")


def test_the_same_module_and_another_qualname_is_another_class():
    make_in("tests.one", qualname="Outer.Notebook")
    with pytest.raises(DuplicateTaskType):
        make_in("tests.one", qualname="Other.Notebook")


@pytest.mark.parametrize("same", [True, False])
def test_two_module_names_of_one_file_are_one(monkeypatch, tmp_path, same):
    """``python app/tasks.py`` makes ``__main__``; whoever imports ``app.tasks`` makes the class again."""
    (tmp_path / "tasks.py").touch()
    (tmp_path / "link.py").symlink_to(tmp_path / "tasks.py")
    (tmp_path / "others.py").touch()
    for name, file in (("one_name", "tasks.py"), ("other_name", "link.py" if same else "others.py")):
        module = types.ModuleType(name)
        module.__file__ = str(tmp_path / file)
        monkeypatch.setitem(sys.modules, name, module)
    make_in("one_name")
    if same:
        second = make_in("other_name")
        assert class_of("cell") is second
    else:
        with pytest.raises(DuplicateTaskType):
            make_in("other_name")


def test_modules_without_a_file_are_not_one():
    make_in("gone_1")
    with pytest.raises(DuplicateTaskType):
        make_in("gone_2")


def test_isolated_forgets_what_was_made_inside_and_restores_what_it_replaced():
    def define():
        class Replaced(Task):
            pass

        return Replaced

    outer = define()
    with registry.isolated():
        inner = define()

        class Inside(Task):
            pass

        assert class_of("Replaced") is inner
        assert class_of("Inside") is Inside
    assert class_of("Replaced") is outer
    with pytest.raises(UnknownTaskType):
        class_of("Inside")
