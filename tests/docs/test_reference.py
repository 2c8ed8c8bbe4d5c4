"""The reference names everything that is public."""

from __future__ import annotations

import re

import atleastonce
import atleastonce.testing
import atleastonce.testing.cassandra
import atleastonce_cassandra
from atleastonce.testing import fixtures
from atleastonce.testing.cassandra import fixtures as cassandra_fixtures

from .documents import ROOT

REFERENCE = (ROOT / "docs" / "reference.md").read_text("utf-8")


def documented() -> set[str]:
    """The names that an auto-directive of the page is for, as `from ... import` has them."""
    return {name.rpartition(".")[2] for name in re.findall(r"^\.\. auto\w+:: (\S+)$", REFERENCE, re.MULTILINE)}


def test_every_public_name_is_there() -> None:
    """What ``import atleastonce``, ``atleastonce.testing``, its ``cassandra`` and the Cassandra backend offer."""
    public = (atleastonce, atleastonce.testing, atleastonce.testing.cassandra, atleastonce_cassandra)
    assert {name for module in public for name in module.__all__} <= documented()


def test_every_fixture_is_there() -> None:
    """What an application's tests may ask for, on both pages."""
    things = {**vars(fixtures), **vars(cassandra_fixtures)}
    names = {name for name, it in things.items() if type(it).__name__ == "FixtureFunctionDefinition"}
    assert names == {"task_store", "task_types", "test_clock", "cassandra_server", "cassandra_keyspace"}
    unit_testing = (ROOT / "docs" / "unit-testing.md").read_text("utf-8")
    for name in names:
        assert name in REFERENCE
        assert f"| `{name}` |" in unit_testing


def test_every_error_is_on_the_page_of_errors() -> None:
    """Each has a row that says what to do."""
    errors = (ROOT / "docs" / "errors.md").read_text("utf-8")
    for name in atleastonce.__all__:
        thing = getattr(atleastonce, name)
        if isinstance(thing, type) and issubclass(thing, Exception) and name != "AtLeastOnceError":
            assert f"| `{name}` |" in errors


def test_every_reserved_name_is_on_the_page_of_wire_forms() -> None:
    """A field's author finds them there."""
    from atleastonce.task_class import KEY_FIELDS, RESERVED

    section = (ROOT / "docs" / "wire-forms.md").read_text("utf-8").partition("## Names that a field cannot have")[2]
    names = section.partition("What later releases add")[0]
    assert set(re.findall(r"`(\w+)`", names)) == RESERVED | set(KEY_FIELDS)
