"""What all tests share: how Hypothesis searches, and forks while coverage measures.

``HYPOTHESIS_PROFILE=dev`` searches anew in each run; without it every run tries the same examples.
"""

from __future__ import annotations

import os
import threading

import coverage
from hypothesis import settings

pytest_plugins = ["atleastonce.testing.cassandra.fixtures"]

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def renew_coverage_lock() -> None:
    """In a forked child: coverage's lock anew, which another thread of the parent may hold for ever (17 of 60 runs seen)."""
    measuring = coverage.Coverage.current()
    collector = None if measuring is None else measuring._collector
    if collector is not None and collector.data_lock is not None:
        collector.data_lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # first of all: handlers of the packages are measured too
    os.register_at_fork(after_in_child=renew_coverage_lock)
