"""Threads that write at the same time share a transaction, and nothing else."""

from __future__ import annotations

import threading

import pytest

from atleastonce.exceptions import InvalidTask, StoreUnavailable
from atleastonce.record import TaskKey
from atleastonce_sqlite import SqliteStore

from .helpers import ids, locked, record, wait_until


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
    assert not isinstance(together.run(save("1"), save("2"))[1], BaseException)
    store.close()


def test_an_error_of_ours_is_not_shared_between_threads(tmp_path):
    """A file that is refused fails a whole turn at once."""
    store = SqliteStore(tmp_path / "missing" / "tasks.db")
    barrier = threading.Barrier(4)
    errors = []

    def call():
        barrier.wait(20)
        try:
            store.store([record()])
        except StoreUnavailable as error:
            errors.append(error)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(set(map(id, errors))) == 4


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
    cursor = store._connections.writer()

    class Interrupted:
        def __init__(self):
            self.left = 1

        def execute(self, sql, *args):
            cursor.execute(sql, *args)
            if sql == "COMMIT" and self.left:
                self.left = 0
                raise KeyboardInterrupt
            return cursor

        def __getattr__(self, name):
            return getattr(cursor, name)

    store._connections._writer = Interrupted()
    results = together.run(save("0"), save("1"), save("2"), save("3"))
    interrupted = [number for number, result in enumerate(results) if isinstance(result, KeyboardInterrupt)]
    assert len(interrupted) == 1
    stored = {it.id: it.saved_at for it in store.all("list")}
    for number, result in enumerate(results):
        if number not in interrupted:
            assert list(result) == [stored[str(number)]]
    assert sorted(stored) == ["0", "1", "2", "3", "there"]
    store._connections._writer = cursor


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
