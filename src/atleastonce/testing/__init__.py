"""For tests: of backends (`BackendConformance`) and of applications (`atleastonce.testing.fixtures`).

Needs pytest, and hypothesis for the state machine that `BackendConformance` runs; the library itself needs neither.
"""

from __future__ import annotations

try:
    import pytest
except ModuleNotFoundError as error:
    raise ImportError("atleastonce.testing needs pytest: pip install pytest hypothesis") from error

# So that a failing assert of the suite shows its values: before these are imported.
pytest.register_assert_rewrite(f"{__name__}.clauses", f"{__name__}.conformance", f"{__name__}.machine")

from .clock import TestClock  # noqa: E402  # as above
from .conformance import BackendConformance  # noqa: E402  # as above

__all__ = ["BackendConformance", "TestClock"]
