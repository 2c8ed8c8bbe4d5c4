"""For tests: of backends (`BackendConformance`) and of applications (`atleastonce.testing.fixtures`).

Needs pytest, and hypothesis for the state machine that `BackendConformance` runs; the library itself needs neither.
"""

from __future__ import annotations

try:
    import pytest
except ModuleNotFoundError:
    raise ImportError("atleastonce.testing needs pytest: pip install pytest hypothesis") from None

# So that a failing assert of the suite shows its values: before these are imported. (The fixtures have no asserts; but pytest
# warns of a plugin that somebody imported before it was named as one, unless it was rewritten.)
REWRITTEN = ("clauses", "conformance", "machine", "claim_machine", "fixtures", "cassandra")
pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in REWRITTEN))

from .clock import TestClock  # noqa: E402  # as above
from .conformance import BackendConformance  # noqa: E402  # as above

__all__ = ["BackendConformance", "TestClock"]
