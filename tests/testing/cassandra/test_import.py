"""Without the driver the import says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

IMPORT = """
import importlib.util, sys
for name in sys.argv[1:]:
    sys.modules[name] = None
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if sys.modules.get(name, 1) is None else find_spec(name)
import atleastonce.testing.cassandra
"""


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (["cassandra", "cassandra.auth"], "ImportError: atleastonce.testing.cassandra needs the driver: pip install"),
        (["cassandra.auth"], "import of cassandra.auth halted"),
    ],
)
def test_what_is_missing_is_named(missing: list[str], message: str) -> None:
    ran = subprocess.run([sys.executable, "-c", IMPORT, *missing], capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert message in ran.stderr.splitlines()[-1]
