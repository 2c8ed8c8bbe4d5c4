"""Stores and pools."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from atleastonce import TaskStore, defaults
from atleastonce.registry import registry


@pytest.fixture(autouse=True)
def own_types():
    with registry.isolated():
        yield


@pytest.fixture
def memory():
    """A private store that is the default one during the test."""
    with defaults.using(TaskStore("memory://")) as store:
        yield store


@pytest.fixture
def store(tmp_path):
    """A store that other processes can open, the default one during the test."""
    with TaskStore(f"sqlite:///{tmp_path}/tasks.db") as store, defaults.using(store):
        yield store


def process_pool(method, workers=2):
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(method))


@pytest.fixture(scope="session")
def spawned():
    """A pool of spawned processes that no test breaks: starting one takes a while."""
    with process_pool("spawn") as pool:
        yield pool


@pytest.fixture(params=["threads", "spawn", pytest.param("fork", marks=pytest.mark.filterwarnings("ignore:.*fork"))])
def pool(request):
    """A pool of each kind. From 3.12 on a fork in a process with threads warns; that it works is what is tested."""
    if request.param == "spawn":
        yield request.getfixturevalue("spawned")
    elif request.param == "fork":
        if "fork" not in multiprocessing.get_all_start_methods():
            pytest.skip("no fork on this system")
        with process_pool("fork") as pool:
            yield pool
    else:
        with ThreadPoolExecutor(2) as pool:
            yield pool
