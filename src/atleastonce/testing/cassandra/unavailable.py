"""No server can be had here: a skip with the reasons, or a failure where one is required."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

REQUIRE_VARIABLE = "ATLEASTONCE_REQUIRE_CASSANDRA"


class Unavailable(Exception):  # no error: the next way is tried
    """This way to a server is closed; the message says why."""


def skip_or_fail(reason: Unavailable) -> NoReturn:
    """Skip the test; with ``ATLEASTONCE_REQUIRE_CASSANDRA=1`` fail it."""
    if os.environ.get(REQUIRE_VARIABLE, "") not in {"", "0"}:
        pytest.fail(f"{REQUIRE_VARIABLE} is set, and there is no Cassandra: {reason}", pytrace=False)
    pytest.skip(f"no Cassandra: {reason}")
