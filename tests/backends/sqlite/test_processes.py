"""Many processes on one file."""

from __future__ import annotations

import concurrent.futures
import multiprocessing

import pytest

from atleastonce.record import TaskKey
from atleastonce_sqlite import SqliteStore

from .helpers import ids, record

PROCESSES = 8
ROUNDS = 60
SHARED = ("a", "b", "c")


def work(path: str, name: int) -> list[tuple[str, int]]:
    """Save the shared ids anew and anew, and own ones that are completed at once; the versions given, in order."""
    store = SqliteStore(path)
    given = []
    for number in range(ROUNDS):
        for id, version in zip(SHARED, store.store([record(id, data=b"%d" % name) for id in SHARED]), strict=True):
            given.append((id, version))
        id = SHARED[number % len(SHARED)]
        [version] = store.store([record(id, data=b"%d" % name)])
        given.append((id, version))
        [version] = store.store([record(f"own-{name}-{number}")])
        found = store.find("list", f"own-{name}-{number}")
        assert found is not None
        assert found.saved_at == version
        store.delete([TaskKey("list", f"own-{name}-{number}", version)])
        assert store.find("list", f"own-{name}-{number}") is None
    store.close()
    return given


@pytest.mark.slow
def test_no_update_is_lost_and_nobody_finds_the_file_locked(path):
    """A re-save always gets a version above the one before, whoever made it: so no two of one id are equal."""
    with concurrent.futures.ProcessPoolExecutor(
        PROCESSES, mp_context=multiprocessing.get_context("spawn")
    ) as processes:
        results = list(processes.map(work, [str(path)] * PROCESSES, range(PROCESSES), timeout=250))
    store = SqliteStore(path)
    for id in SHARED:
        every = [version for given in results for other, version in given if other == id]
        assert len(set(every)) == len(every)
        winner = store.find("list", id)
        assert winner.saved_at == max(every)
        [name] = [name for name, given in enumerate(results) if (id, winner.saved_at) in given]
        assert winner.data == b"%d" % name
    for given in results:
        versions = [version for _, version in given]
        assert versions == sorted(versions)
    assert ids(store) == list(SHARED)
    store.close()
