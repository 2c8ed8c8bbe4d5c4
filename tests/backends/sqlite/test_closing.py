"""Closing, using again, and being dropped without a word."""

from __future__ import annotations

import gc
import subprocess
import sys
import warnings

import pytest

from atleastonce_sqlite import SqliteStore, fork

from .helpers import environment, ids, open_files, record


def test_a_closed_store_is_opened_again_by_its_next_use(path):
    store = SqliteStore(path)
    store.close()
    for number in range(3):
        store.store([record(str(number))])
        store.close()
        store.close()
        assert len(ids(store)) == number + 1
        store.close()
    assert [it.name for it in path.parent.iterdir()] == [path.name]  # the log went with the last connection


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files in /proc")
def test_closing_gives_every_file_back(path):
    before = open_files()
    store = SqliteStore(path)
    store.store([record()])
    ids(store)
    next(store.all("list"))
    assert open_files() > before
    store.close()
    assert open_files() == before


def test_a_store_that_is_dropped_closes_what_it_opened(path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        store = SqliteStore(path)
        store.store([record()])
        ids(store)
        held = [store._connections._writer.connection, *store._connections._idle]
        del store
        gc.collect()
        for connection in held:
            with pytest.raises(Exception, match="closed database"):
                connection.execute("SELECT 1")
        del held, connection
        gc.collect()
    assert caught == []


@pytest.mark.parametrize("read", [lambda store: store.all("list"), lambda store: store.task_lists()])
def test_an_iterator_keeps_its_store(path, read):
    SqliteStore(path).store([record(str(number)) for number in range(3)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = len(fork._stores)
        iterator = read(SqliteStore(path))
        gc.collect()
        assert next(iterator)
        assert len(fork._stores) == before + 1
        del iterator
        gc.collect()
        assert len(fork._stores) == before


_LEFT_OPEN = """
import sys
from atleastonce.record import TaskRecord
from atleastonce_sqlite import SqliteStore, fork

store = SqliteStore(sys.argv[1])
store.store([TaskRecord("list", "1", "T", b"{}")])
list(store.all("list"))
"""


def test_a_process_that_ends_with_an_open_store_says_nothing_and_tidies_up(path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", _LEFT_OPEN, path],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [it.name for it in path.parent.iterdir()] == [path.name]
