"""Threads that write at the same time share a transaction, and nothing else."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from atleastonce.exceptions import ConfigurationError, InvalidTask, StoreUnavailable
from atleastonce.record import TaskKey
from atleastonce.testing import TestClock
from atleastonce_sqlite import SqliteStore
from atleastonce_sqlite.connections import Connections
from atleastonce_sqlite.requests import SaveOne

from .helpers import ids, locked, raw, record, wait_until


class Together:
    """Runs calls in threads so that the first has the turn and waits for a lock, and all others wait for it."""

    def __init__(self, store, path):
        self.store, self.path = store, path
        self.results = []

    def run(self, *calls):
        self.results = [None] * len(calls)
        threads = []
        with locked(self.path):
            for number, call in enumerate(calls):
                thread = threading.Thread(target=self._call, args=(number, call), daemon=True)
                thread.start()
                threads.append(thread)
                wait_until(
                    lambda n=number: len(self.store._writer._turns._waiting) == n and self.store._writer._turns._turn
                )
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        return self.results

    def _call(self, number, call):
        try:
            self.results[number] = call(self.store)
        except BaseException as error:
            self.results[number] = error


@pytest.fixture
def together(store, path):
    store.store([record("there")])
    return Together(store, path)


def save(id, **fields):
    return lambda store: store.store([record(id, **fields)])


def test_what_waits_is_committed_together(together, store):
    commits = []
    connection = store._connections.writer().connection
    connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    results = together.run(*(save(str(number)) for number in range(20)))
    assert len(commits) <= 2
    assert ids(store) == sorted([*map(str, range(20)), "there"])
    versions = [version for [version] in results]
    assert len(set(versions)) == 20
    assert {it.id: it.saved_at for it in store.all("list") if it.id != "there"} == {
        str(number): version for number, version in enumerate(versions)
    }


@pytest.mark.parametrize("bad", [{"run_at": 2**70}, {"type": "\ud800"}, {"data": None}, {"saved_at": 2**53}])
def test_one_that_fails_does_not_fail_its_neighbours(together, store, bad):
    results = together.run(
        save("1"),
        save("2"),
        save("bad", **bad),
        save("3"),
        lambda s: s.delete([TaskKey("list", "there")]),
        lambda s: s.store([record("bad", **bad), record("neighbour in the batch")]),
        save("4"),
    )
    assert [isinstance(result, InvalidTask) for result in results] == [False, False, True, False, False, True, False]
    assert results[2] is not results[5]
    assert ids(store) == ["1", "2", "3", "4"]


def test_each_that_is_committed_together_has_a_version_of_its_own(path):
    """Also where the clock has passed the mark, so that no single statement will do."""
    clock = TestClock()
    store = SqliteStore(path, clock=clock)
    for number in range(3):
        store.store([record(str(number))])
        clock.advance(timedelta(milliseconds=1))
    clock.advance(timedelta(seconds=1))
    deleted, *saved = Together(store, path).run(
        lambda store: store.delete([TaskKey("list", "0")]), save("a"), save("b"), save("c")
    )
    assert deleted is None
    assert [version for [version] in saved] == [clock(), clock() + 1, clock() + 2]
    store.close()


def test_a_lock_that_stays_fails_all_who_wait_each_with_its_own_error(path):
    store = SqliteStore(path, timeout=0.3)
    store.store([record("there")])
    together = Together(store, path)
    with locked(path):
        errors = []

        def call(id):
            try:
                store.store([record(id)])
            except StoreUnavailable as error:
                errors.append(error)

        threads = [threading.Thread(target=call, args=(str(number),)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert len(set(map(id, errors))) == 6
    assert {error.outcome for error in errors} == {"not_applied"}
    assert ids(store) == ["there"]
    store._connections._timeout = 30.0  # not what is tested any more
    assert not isinstance(together.run(save("1"), save("2"))[1], BaseException)
    store.close()


@pytest.mark.parametrize("kind", ["missing directory", "another application"])
def test_a_file_that_cannot_be_used_fails_all_at_the_first_attempt_each_with_its_own_error(tmp_path, monkeypatch, kind):
    """To try each alone could only take longer: nobody's request was looked at."""
    path = tmp_path / "missing" / "tasks.db"
    if kind == "another application":
        path.parent.mkdir()
        with raw(path) as connection:
            connection.execute("PRAGMA application_id = 5")
    store, opened = SqliteStore(path), []
    monkeypatch.setattr(store._connections, "open", lambda: opened.append(1) or Connections.open(store._connections))
    requests = [SaveOne(record(str(number))) for number in range(3)]
    store._writer._serve(requests)
    assert all(request.finished for request in requests)
    assert len({id(request.error) for request in requests}) == 3
    assert {type(request.error) for request in requests} <= {StoreUnavailable, ConfigurationError}
    assert opened == [1]


def test_ctrl_c_in_who_commits_for_others_is_its_own(path):
    """Raised in the middle of a shared transaction, which is rolled back and done by another."""
    interrupts = []

    def clock():
        if interrupts and threading.current_thread().name == interrupts[0]:
            interrupts.clear()
            raise KeyboardInterrupt
        return 1_700_000_000_000_000

    store = SqliteStore(path, clock=clock)
    store.store([record("there")])
    together = Together(store, path)
    real = together._call

    def named(number, call):
        threading.current_thread().name = f"caller-{number}"
        real(number, call)

    together._call = named
    interrupts.append("caller-1")
    results = together.run(*(save(str(number)) for number in range(5)))
    assert isinstance(results.pop(1), KeyboardInterrupt)
    assert not [result for result in results if isinstance(result, BaseException)]
    assert set(ids(store)) - {"1"} == {"0", "2", "3", "4", "there"}
    store.store([record("after")])
    store.close()


def test_ctrl_c_right_after_the_commit_tells_the_others_the_truth(together, store):
    """Committed is committed: nobody's save is done twice, or taken for failed."""
    for _ in range(3):
        store.store([record("there")])  # from now on, who saves alone needs no COMMIT
    store.delete([TaskKey("list", "there")])
    cursor, commits = store._connections.writer(), []

    class Interrupted:
        def execute(self, sql, *args):
            cursor.execute(sql, *args)
            if sql == "COMMIT":
                commits.append(sql)
                raise KeyboardInterrupt
            return cursor

        def __getattr__(self, name):
            return getattr(cursor, name)

    store._connections._writer = Interrupted()
    results = together.run(save("0"), save("1"), save("2"), save("3"))
    store._connections._writer = cursor
    assert len(commits) == 1
    assert isinstance(results.pop(1), KeyboardInterrupt)
    stored = {it.id: it.saved_at for it in store.all("list")}
    assert sorted(stored) == ["0", "1", "2", "3"]
    assert [list(result) for result in results] == [[stored[id]] for id in "023"]


def test_closing_waits_for_who_writes(together, store):
    results = together.run(save("1"), lambda s: s.close(), save("2"))
    assert not [result for result in results if isinstance(result, BaseException)]
    assert ids(store) == ["1", "2", "there"]


def test_many_threads_lose_nothing(store):
    def work(name):
        for number in range(100):
            store.store([record(f"{name}-{number}")])
            if number % 2:
                store.delete([TaskKey("list", f"{name}-{number}")])

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(ids(store)) == {f"{name}-{number}" for name in range(8) for number in range(0, 100, 2)}


def test_an_empty_batch_touches_nothing(path):
    store = SqliteStore(path)
    assert list(store.store([])) == []
    store.delete([])
    assert not path.exists()
