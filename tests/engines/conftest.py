"""Real engines. Where one is not installed its tests are skipped, or fail with ``ATLEASTONCE_REQUIRE_ENGINES=1``."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from .redis_server import RedisServer
from .workplace import Workplace

REQUIRE_VARIABLE = "ATLEASTONCE_REQUIRE_ENGINES"


def unavailable(reason: str) -> None:
    """Skip the test; with ``ATLEASTONCE_REQUIRE_ENGINES=1`` fail it."""
    if os.environ.get(REQUIRE_VARIABLE, "") not in {"", "0"}:
        pytest.fail(f"{reason}, and {REQUIRE_VARIABLE} is set", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def _linux() -> None:
    if sys.platform != "linux":
        unavailable("the tests of engines find the processes they started in /proc")


def needs_package(name: str) -> None:
    """The engine's package must be installed."""
    if importlib.util.find_spec(name) is None:
        unavailable(f"{name} is not installed (nox -s tests_engines has it)")


@pytest.fixture
def redis(tmp_path):
    """A Redis, not yet started."""
    program = shutil.which("redis-server")
    if program is None:
        unavailable("redis-server is not installed (Debian's package redis-server has it)")
    server = RedisServer(program, tmp_path)
    yield server
    server.kill()


@pytest.fixture
def workplace(tmp_path):
    """Makes the folder in which a recipe runs, with variables for its environment."""
    made = []

    def make(**environment: str) -> Workplace:
        made.append(Workplace(tmp_path, environment))
        return made[-1]

    yield make
    for place in made:
        place.close()


@pytest.fixture
def short_folder():
    """A folder for sockets, whose paths are limited to 107 bytes."""
    with TemporaryDirectory(prefix="ale-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
