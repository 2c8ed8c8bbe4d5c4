"""The page "write your own backend": its backend keeps the contract, by its own test module."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs" / "write-a-backend.md"


def python_blocks() -> list[str]:
    """The page's blocks of Python, in order."""
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_pages_backend_keeps_the_contract(pytester: pytest.Pytester) -> None:
    """The first block is the backend, the second its tests; both run as they stand."""
    pytest.importorskip("fcntl", reason="the page says: for systems with flock")
    backend, tests, _ = python_blocks()
    pytester.makeini("[pytest]\npythonpath = .")  # its own: the temporary folder may lie inside this checkout
    pytester.makepyfile(folder_store=backend, test_folder_store=tests)
    pytester.makeconftest(Path(__file__).parents[1].joinpath("conftest.py").read_text(encoding="utf-8"))
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-ra", "--durations=6")
    outcomes = result.parseoutcomes()
    assert set(outcomes) == {"passed", "skipped"}
    assert outcomes["passed"] > 100
    skips = [line for line in result.outlines if line.startswith("SKIPPED")]
    assert all(line.endswith("folder announces no claims") for line in skips)
    assert sum(int(re.findall(r"SKIPPED \[(\d+)\]", line)[0]) for line in skips) == outcomes["skipped"]


def test_the_pages_waiver_names_a_test() -> None:
    """The block that shows a waiver holds no name that is gone."""
    from atleastonce.testing import BackendConformance

    namespace: dict[str, dict[str, str]] = {}
    exec(python_blocks()[2], namespace)
    assert [hasattr(BackendConformance, name) for name in namespace["waivers"]] == [True]
