"""What all tests share: how Hypothesis searches, the environment, Ctrl-C, and forks while coverage measures.

``HYPOTHESIS_PROFILE=dev`` searches anew in each run; without it every run tries the same examples.
"""

from __future__ import annotations

import os
import signal
import threading

import coverage
from hypothesis import settings

pytest_plugins = ["atleastonce.testing.cassandra.fixtures"]

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Where it is set, as continuous integration does, programs that tests start would behave otherwise than on a user's machine.
os.environ.pop("PYTHONUNBUFFERED", None)

# A shell has what it runs in the background (`nox -s tests &`) ignore Ctrl-C, and so would the programs that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def renew_coverage_lock() -> None:
    """In a forked child: coverage's lock anew, which another thread of the parent may hold for ever (17 of 60 runs seen)."""
    measuring = coverage.Coverage.current()
    collector = None if measuring is None else measuring._collector
    if collector is not None and collector.data_lock is not None:
        collector.data_lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # first of all: handlers of the packages are measured too
    os.register_at_fork(after_in_child=renew_coverage_lock)
