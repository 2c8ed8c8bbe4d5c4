"""``import atleastonce``: what comes along, and what only when it is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import atleastonce


def in_a_new_process(code: str) -> object:
    """What the code prints, from JSON."""
    command = [sys.executable, "-c", f"import json, sys, atleastonce\n{code}"]
    # Coverage would begin in it too, and imports sqlite3.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout)


def test_no_driver_comes_along():
    unwanted = ["sqlite3", "cassandra", "cattrs", "asyncio", "multiprocessing", "hypothesis", "pytest"]
    assert in_a_new_process(f"print(json.dumps([name for name in {unwanted} if name in sys.modules]))") == []


def test_the_store_and_the_verbs_come_when_they_are_asked_for():
    code = """
before = [name for name in sys.modules if name.startswith(("atleastonce.lifecycle", "atleastonce.store"))]
from atleastonce import dispatch
print(json.dumps([before, dispatch.__module__, atleastonce.dispatch is dispatch]))"""
    assert in_a_new_process(code) == [[], "atleastonce.lifecycle.dispatch", True]


def test_threads_may_be_the_first_to_ask():
    code = """
import threading
start, got = threading.Barrier(len(atleastonce.__all__)), []
def ask(name):
    start.wait()
    got.append(getattr(atleastonce, name))
threads = [threading.Thread(target=ask, args=(name,)) for name in atleastonce.__all__]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(len(got) == len(threads)))"""
    assert in_a_new_process(code) is True


def test_every_name_is_there_and_shown():
    code = """
shown = dir(atleastonce)
from atleastonce import *
print(json.dumps([name for name in atleastonce.__all__ if name not in shown or name not in globals()]))"""
    assert in_a_new_process(code) == []


def test_another_name_is_refused_as_usual():
    with pytest.raises(AttributeError, match="module 'atleastonce' has no attribute 'dispach'"):
        atleastonce.dispach  # noqa: B018  # to look is the test
