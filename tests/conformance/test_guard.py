"""A test of the suite can't be taken away in silence."""

from __future__ import annotations

from typing import Any

import pytest

from atleastonce.testing import BackendConformance

pytest_plugins = ["pytester"]

NAME = "test_versions_grow_when_the_clock_steps_back"


def nothing(self: object) -> None:
    """What an override does that only wants to be green."""


def subclass(*bases: type, **body: Any) -> type[BackendConformance]:
    """A subclass of the suite, as a test module would make it."""
    return type("TestMine", (*bases, BackendConformance), body)


@pytest.mark.parametrize("override", [nothing, None, property(nothing), 1, pytest.mark.skip(nothing)])
def test_an_override_without_a_reason_is_refused(override: object) -> None:
    """Whatever is put in the test's place."""
    with pytest.raises(TypeError, match=f"TestMine overrides {NAME} of BackendConformance"):
        subclass(**{NAME: override})


def test_an_override_by_another_base_is_refused() -> None:
    """It need not stand in the class itself."""
    away = type("Away", (), {NAME: None})
    with pytest.raises(TypeError, match=NAME):
        subclass(away)


def test_an_override_with_a_reason_is_taken() -> None:
    """And inherited with it."""
    mine = subclass(**{NAME: nothing, "waivers": {NAME: "its clock is the server's"}})
    assert getattr(mine, NAME) is nothing
    assert getattr(type("TestMore", (mine,), {}), NAME) is nothing


@pytest.mark.parametrize("reason", ["", "  ", None, True, 5])
def test_a_reason_is_a_text(reason: object) -> None:
    """Not a mere switch."""
    with pytest.raises(TypeError, match="reason"):
        subclass(**{NAME: nothing, "waivers": {NAME: reason}})


@pytest.mark.parametrize("waivers", [{"test_typo": "reason"}, [NAME], None])
def test_waivers_name_tests(waivers: object) -> None:
    """A waiver for what does not exist would stay there for ever."""
    with pytest.raises(TypeError, match="waivers"):
        subclass(waivers=waivers)


@pytest.mark.parametrize("mark", [pytest.mark.skip(reason="no"), pytest.mark.xfail(reason="no")])
def test_the_whole_class_cannot_be_quieted(mark: pytest.MarkDecorator) -> None:
    """Nor all tests at once."""
    with pytest.raises(TypeError, match="quiets"):
        subclass(pytestmark=mark)
    with pytest.raises(TypeError, match="quiets"):
        subclass(pytestmark=[mark])


def test_a_mark_on_the_suites_own_test_is_seen() -> None:
    """It would quiet that test for every backend."""
    test = getattr(BackendConformance, NAME)
    pytest.mark.skip(test)
    try:
        with pytest.raises(TypeError, match=NAME):
            subclass(waivers={NAME: "even so"})
    finally:
        del test.pytestmark


def test_what_is_changed_later_is_seen() -> None:
    """The suite looks once more when it runs."""
    mine = subclass()
    mine().test_no_clause_is_taken_away()
    setattr(mine, NAME, nothing)
    with pytest.raises(TypeError, match=NAME):
        mine().test_no_clause_is_taken_away()


def test_additions_are_welcome() -> None:
    """Tests, fixtures and attributes of a backend's own."""
    assert subclass(test_of_mine=nothing, many_records=5, pytestmark=pytest.mark.usefixtures("tmp_path"))


def test_the_fixture_is_asked_for() -> None:
    """A subclass without it says so."""
    with pytest.raises(NotImplementedError, match="TestMine must define the fixture open_backend"):
        BackendConformance.open_backend.__wrapped__(subclass()())  # type: ignore[attr-defined]  # pytest's own


SUITE = """
    import pytest
    from atleastonce_memory import MemoryStore
    from atleastonce.testing import BackendConformance

    class Forgetful(MemoryStore):
        def find(self, task_list, id):
            return None

    class TestMine(BackendConformance):
        persistent = False
        {body}

        @pytest.fixture
        def open_backend(self):
            return lambda clock: {store}(clock=clock)
"""


def outcomes(pytester: pytest.Pytester, body: str, store: str, select: str) -> dict[str, int]:
    """What pytest says of such a subclass."""
    pytester.makepyfile(SUITE.format(body=body, store=store))
    result = pytester.runpytest_inprocess("-k", select, "-p", "no:cacheprovider").parseoutcomes()
    result.pop("deselected", None)
    return result


def test_a_waived_test_has_to_fail(pytester: pytest.Pytester) -> None:
    """So that a waiver goes when its reason is gone."""
    name = "test_a_record_comes_back_whole"
    waiver = f'waivers = {{"{name}": "never finds anything"}}'
    assert outcomes(pytester, waiver, "Forgetful", name) == {"xfailed": 1}
    assert outcomes(pytester, waiver, "MemoryStore", name) == {"failed": 1}
    assert outcomes(pytester, "", "Forgetful", name) == {"failed": 1}


def test_a_rewritten_test_has_to_pass(pytester: pytest.Pytester) -> None:
    """As the subclass wrote it."""
    name = "test_a_record_comes_back_whole"
    waiver = f'waivers = {{"{name}": "finds nothing"}}; {name} = lambda self, backend: backend.find("list", "a")["a"]'
    assert outcomes(pytester, waiver, "MemoryStore", name) == {"failed": 1}
    assert outcomes(pytester, waiver.replace('["a"]', ""), "MemoryStore", name) == {"passed": 1}


def test_pytest_reports_an_override(pytester: pytest.Pytester) -> None:
    """As an error, before anything runs."""
    assert outcomes(pytester, f"{NAME} = None", "MemoryStore", "find") == {"errors": 1}
