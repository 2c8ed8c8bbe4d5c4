"""Children that are forked in the middle of everything."""

from __future__ import annotations

import gc
import multiprocessing
import subprocess
import sys
import threading
import time
import weakref

from atleastonce.record import TaskKey
from atleastonce_sqlite import SqliteStore, connections, fork
from atleastonce_sqlite.fork import Gate

from ..children import forks_with_threads, in_child, needs_fork
from .helpers import environment, ids, locked, record, wait_until

pytestmark = [needs_fork, forks_with_threads]


class Busy:
    """Threads that save, read and delete until told to stop."""

    def __init__(self, store, threads=4):
        self.store = store
        self.stop = threading.Event()
        self.errors = []
        self.rounds = 0
        self.threads = [threading.Thread(target=self._work, args=(name,)) for name in range(threads)]

    def _work(self, name):
        try:
            while not self.stop.is_set():
                id = f"{name}-{self.rounds}"
                [version] = self.store.store([record(id, task_list="busy")])
                self.store.find("busy", id)
                self.store.delete([TaskKey("busy", id, version)])
                self.rounds += 1
        except BaseException as error:
            self.errors.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_until(lambda: self.rounds > 10)
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)
        assert self.errors == []


def test_children_save_and_read_while_the_parents_threads_go_on(store):
    with Busy(store) as busy:
        for number in range(60):

            def work(number=number):
                store.store([record(f"{number:03}")])
                store.store([record(f"{number:03}"), record(f"{number:03}-b")])
                assert store.find("list", f"{number:03}") is not None
                store.delete([TaskKey("list", f"{number:03}-b")])

            before = busy.rounds
            in_child(work)
            store.store([record("parent")])
        wait_until(lambda: busy.rounds > before)
    assert ids(store) == [*(f"{number:03}" for number in range(60)), "parent"]


def _save_in_process(store, name):
    store.store([record(name)])


def test_a_store_goes_to_a_forked_process_as_it_is(store):
    context = multiprocessing.get_context("fork")
    with Busy(store):
        children = [context.Process(target=_save_in_process, args=(store, str(number))) for number in range(8)]
        for child in children:
            child.start()
        for child in children:
            child.join(30)
            assert child.exitcode == 0
    assert ids(store) == [str(number) for number in range(8)]


def test_a_child_opens_anew_and_leaves_the_inherited_connections_alone(store, monkeypatch):
    leaked = []
    monkeypatch.setattr(connections, "leak", leaked.append)
    store.store([record("1")])
    store.find("list", "1")
    inherited = [store._connections._writer.connection, *store._connections._idle]
    assert len(inherited) == 2

    def work():
        assert store._connections._writer is None
        assert store._connections._idle == []
        store.store([record("2")])
        assert store._connections._writer.connection not in inherited
        assert set(map(id, inherited)) == set(map(id, leaked))
        store.close()
        for connection in inherited:  # not closed, though the store was
            connection.execute("PRAGMA user_version")

    in_child(work)
    assert store._connections._writer.connection is inherited[0]
    store.store([record("3")])
    assert ids(store) == ["1", "2", "3"]
    assert leaked == []


def test_a_child_that_ends_takes_nothing_from_its_parent(store, path):
    """The log stays, though the child was the last to open the file."""
    store.store([record("1")])

    def work():
        ids(store)
        store.close()
        gc.collect()

    in_child(work)
    assert path.with_name("tasks.db-wal").exists()
    store.store([record("2")])
    assert ids(store) == ["1", "2"]


def test_a_list_that_is_half_read_is_read_on_in_the_child(store, monkeypatch):
    monkeypatch.setattr("atleastonce_sqlite.reader.PAGE_ROWS", 10)
    store.store([record(f"{number:03}") for number in range(35)])
    iterator = store.all("list")
    for _ in range(5):
        next(iterator)

    def work():
        assert len(list(iterator)) == 30

    in_child(work)
    assert len(list(iterator)) == 30


def test_a_child_of_a_child_saves_too(store):
    store.store([record("1")])

    def work():
        store.store([record("2")])
        in_child(lambda: store.store([record("3")]))
        store.store([record("4")])

    in_child(work)
    assert ids(store) == ["1", "2", "3", "4"]


def test_threads_that_fork_at_the_same_time(store):
    errors = []

    def work(name):
        try:
            for number in range(10):
                in_child(lambda number=number: store.store([record(f"{name}-{number}")]))
        except BaseException as error:
            errors.append(error)

    with Busy(store, threads=2):
        threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
    assert errors == []
    assert len(ids(store)) == 40


def test_a_fork_waits_until_all_are_out():
    gate, log = Gate(), []
    inside = threading.Event()

    def work():
        gate.enter()
        inside.set()
        wait_until(lambda: gate._shut_by is not None)
        log.append("out")
        gate.leave()

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(10)
    gate.shut()
    log.append("fork")
    gate.open()
    thread.join(10)
    assert log == ["out", "fork"]


def test_nobody_goes_in_while_a_fork_is_under_way():
    gate, log = Gate(), []
    gate.shut()

    def work():
        gate.enter()
        log.append("in")
        gate.leave()

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.05)  # only makes it likelier that a gate that does not hold is seen
    log.append("fork")
    gate.open()
    thread.join(10)
    assert not thread.is_alive()
    assert log == ["fork", "in"]
    assert gate._inside == set()


def test_a_fork_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(fork, "MAX_WAIT_SECONDS", 0.05)
    gate = Gate()
    gate._inside.add(-1)
    gate.shut()
    gate.open()


def test_who_forks_from_inside_does_not_wait_for_itself():
    gate = Gate()
    assert gate.enter()
    assert not gate.enter()
    begun = time.monotonic()
    gate.shut()
    assert not gate.enter()
    gate.open()
    assert time.monotonic() - begun < fork.MAX_WAIT_SECONDS
    gate.leave()
    gate.shut()
    assert gate.enter()  # its own destructors and handlers may run while it forks
    gate.leave()
    gate.open()


def test_a_thread_that_waits_for_a_lock_does_not_hold_up_a_fork(path, monkeypatch):
    monkeypatch.setattr(fork, "MAX_WAIT_SECONDS", 60)
    store = SqliteStore(path, timeout=2 * fork.MAX_WAIT_SECONDS)
    store.store([record("1")])
    with locked(path):
        thread = threading.Thread(target=lambda: store.store([record("2")]))
        thread.start()
        wait_until(lambda: store._writer._turns._turn)
        begun = time.monotonic()
        in_child(lambda: ids(store))
        assert time.monotonic() - begun < fork.MAX_WAIT_SECONDS
    thread.join(30)
    assert ids(store) == ["1", "2"]
    store.close()


def test_a_store_that_is_gone_is_not_remembered(path):
    store = SqliteStore(path)
    assert store in fork._stores
    gone = weakref.ref(store)
    del store
    gc.collect()
    assert gone() is None


_FORK_AND_END = """
import os, sys
from atleastonce.record import TaskRecord
from atleastonce_sqlite import SqliteStore

store = SqliteStore(sys.argv[1])
store.store([TaskRecord("list", "1", "T", b"{}")])
list(store.all("list"))
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
store.store([TaskRecord("list", "2" if child else "3", "T", b"{}")])
list(store.all("list"))
"""


def test_a_child_that_ends_the_usual_way_ends_well(store, path):
    """Not by os._exit: the end of the interpreter closes the child's own connections, and says nothing of the others."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", _FORK_AND_END, path],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert ids(store) == ["1", "2", "3"]
