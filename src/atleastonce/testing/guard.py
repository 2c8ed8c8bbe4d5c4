"""A test of the suite may be overridden or expected to fail only with a reason, which is written down."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

QUIETING_MARKS = {"skip", "skipif", "xfail"}


def check_overrides(suite: type, cls: type, waivers: object) -> None:
    """Raise TypeError when `cls` takes a test of `suite` away, or weakens one, without a reason in `waivers`."""
    if not isinstance(waivers, Mapping):
        raise TypeError(f"{cls.__name__}.waivers must be a dict of test name to reason")
    tests = suite_tests(suite)
    for name, reason in waivers.items():
        if name not in tests:
            raise TypeError(f"{cls.__name__}.waivers names {name!r}, which is no test of {suite.__name__}")
        if not isinstance(reason, str) or not reason.strip():
            raise TypeError(f"{cls.__name__}.waivers[{name!r}] must be a text that gives the reason")
    for name, test in tests.items():
        quieted = QUIETING_MARKS & marks_of(test)  # set on the suite's own function, so for every backend
        if quieted or (name not in waivers and is_overridden(cls, name, test)):
            raise TypeError(
                f"{cls.__name__} overrides {name} of {suite.__name__}. A backend that cannot keep a clause of the "
                f'contract says why: waivers = {{"{name}": "the reason"}}; the test is then expected to fail'
            )
    if "xfail" in marks_of(cls) or "skip" in marks_of(cls):
        raise TypeError(f"{cls.__name__} quiets all of {suite.__name__}; give waivers for single tests instead")


def suite_tests(suite: type) -> dict[str, Any]:
    """The tests of the suite, by name."""
    return {name: inspect.getattr_static(suite, name) for name in dir(suite) if name.startswith("test")}


def is_overridden(cls: type, name: str, test: object) -> bool:
    """Whether `cls` has something else under that name, from whichever of its bases."""
    return inspect.getattr_static(cls, name, None) is not test


def marks_of(thing: object) -> set[str]:
    """The names of the pytest marks on a function or in a class's own body."""
    marks = vars(thing).get("pytestmark", []) if isinstance(thing, type) else getattr(thing, "pytestmark", [])
    return {mark.name for mark in (marks if isinstance(marks, list | tuple) else [marks])}
