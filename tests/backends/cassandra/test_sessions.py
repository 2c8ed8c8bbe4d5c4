"""Whose session is used, when it is opened, and who closes it."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time

import pytest
from cassandra import ConsistencyLevel

from atleastonce import TaskStore
from atleastonce.claims import Held
from atleastonce.exceptions import ConfigurationError, StoreError
from atleastonce.ids import new_id
from atleastonce_cassandra import CassandraStore, link
from atleastonce_cassandra.settings import SCHEMA_VERSION

from ..children import needs_fork
from .helpers import TIMEOUT_S, environment, ids, opened, record, where

UNCLOSED = """
import sys
from atleastonce import Task, TaskStore

class Work(Task):
    number: int

store = TaskStore(sys.argv[1])
store.save_all(Work(task_list=sys.argv[2], number=n) for n in range(100))
unfinished = store.all(sys.argv[2])
next(unfinished)
if sys.argv[3] == "thread":
    import threading
    threading.Thread(target=lambda: store.count(sys.argv[2])).start()
elif sys.argv[3] == "raise":
    raise SystemExit("over")
"""

FORKS = """
import os, sys
from atleastonce import Task, TaskStore

class Work(Task):
    number: int

store = TaskStore(sys.argv[1])
store.save(Work(task_list=sys.argv[2], id="parent", number=1))
child = os.fork()
if child == 0:
    store.save(Work(task_list=sys.argv[2], id="child", number=2))
    sys.exit(0 if store.count(sys.argv[2]) >= 2 else 1)  # with all that ends an interpreter
store.save(Work(task_list=sys.argv[2], id="parent 2", number=3))
status = os.waitpid(child, 0)[1]
store.save(Work(task_list=sys.argv[2], id="parent 3", number=4))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def session_of(store):
    """The driver's session that it has open now; None where it has none."""
    link = store._links._link
    return None if link is None else link.session


class TestOurOwn:
    def test_nothing_is_opened_before_the_first_use(self, url):
        store = opened(url)
        assert session_of(store) is None
        store.close()
        assert session_of(store) is None

    def test_close_closes_it_and_the_next_use_opens_another(self, store, task_list):
        store.store([record("1", task_list)])
        first = session_of(store)
        store.close()
        store.close()
        assert first.is_shutdown
        assert first.cluster.is_shutdown
        assert ids(store, task_list) == ["1"]
        assert session_of(store) is not first
        assert not session_of(store).is_shutdown

    def test_with_several_data_centres_saves_are_read_back_in_each(self, open_store, task_list, monkeypatch, caplog):
        monkeypatch.setattr(link, "_several_data_centres", lambda session, keyspace: True)
        caplog.set_level(logging.INFO, "atleastonce.cassandra")
        store = open_store()
        store.store([record("chosen", task_list)])
        assert store._links._link.verify_at == ConsistencyLevel.EACH_QUORUM
        assert "could not be tried" not in caplog.text

    def test_an_iteration_goes_on_after_a_close(self, store, task_list):
        store.store([record(str(number), task_list) for number in range(300)])
        reading = store.all(task_list)
        seen = [next(reading).id]
        store.close()
        seen += [it.id for it in reading]
        assert sorted(seen) == sorted(map(str, range(300)))

    def test_task_lists_go_on_after_a_close(self, store, task_list):
        store.store([record("1", f"{task_list}-{number}") for number in range(50)])
        reading = store.task_lists()
        seen = {next(reading)}
        store.close()
        assert {f"{task_list}-{number}" for number in range(50)} <= seen | set(reading)

    def test_a_close_waits_for_what_is_under_way(self, store, task_list):
        store.store([record("0", task_list)])
        errors = []

        def save(thread):
            for number in range(30):
                try:
                    store.store([record(f"{thread}-{number}", task_list)])
                except StoreError as error:
                    errors.append(error)

        threads = [threading.Thread(target=save, args=(thread,)) for thread in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            store.close()
            time.sleep(0.05)
        for thread in threads:
            thread.join()
        assert errors == []
        assert store.count(task_list) == 121

    def test_two_stores_do_not_disturb_each_other(self, open_store, task_list):
        one, other = open_store(), open_store()
        one.store([record("1", task_list)])
        assert ids(other, task_list) == ["1"]
        assert session_of(one) is not session_of(other)
        one.close()
        other.store([record("2", task_list)])
        assert ids(one, task_list) == ["1", "2"]

    def test_a_store_that_is_thrown_away_closes_its_session(self, url, task_list):
        store = opened(url)
        store.store([record("1", task_list)])
        session = session_of(store)
        del store
        assert session.is_shutdown

    @pytest.mark.parametrize("end", ["plain", "thread", "raise"])
    def test_an_interpreter_ends_with_a_store_open(self, url, store, task_list, end):
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", UNCLOSED, url, task_list, end],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            env=environment(),
            check=False,
        )
        assert ran.stderr == ("over\n" if end == "raise" else "")
        assert ran.returncode == (1 if end == "raise" else 0)
        assert store.count(task_list) == 100

    @needs_fork
    def test_fork(self, url, store, task_list):
        quiet = "ignore::DeprecationWarning"  # of a fork beside threads, from Python 3.12 on
        command = [sys.executable, "-W", quiet, "-c", FORKS, url, task_list]
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=2 * TIMEOUT_S, env=environment(), check=False
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ids(store, task_list) == ["child", "parent", "parent 2", "parent 3"]


class TestACallersSession:
    @pytest.fixture
    def theirs(self, session):
        """As any application may have it: named tuples, a consistency and a timeout of its own."""
        return session

    def test_it_is_used_and_never_closed(self, theirs, task_list):
        store = CassandraStore.from_session(theirs, timeout=TIMEOUT_S)
        store.store([record(str(number), task_list) for number in range(20)])
        assert len(ids(store, task_list)) == store.count(task_list) == 20
        assert session_of(store) is theirs
        assert store.setup() == []
        store.reindex()
        store.close()
        assert not theirs.is_shutdown
        assert store.count(task_list) == 20
        del store
        assert not theirs.is_shutdown
        assert theirs.execute("SELECT schema_version FROM tasks_settings").one().schema_version == SCHEMA_VERSION

    def test_a_keyspace_is_named_where_the_session_has_none(self, cassandra_server, cassandra_keyspace, task_list, url):
        with cassandra_server.session() as bare:
            with pytest.raises(ConfigurationError, match="names no keyspace"):
                CassandraStore.from_session(bare)
            store = CassandraStore.from_session(bare, cassandra_keyspace, timeout=TIMEOUT_S)
            store.store([record("1", task_list)])
            assert ids(store, task_list) == ["1"]
            store.close()

    @pytest.mark.parametrize("drawn", [True, False])
    def test_its_pages_may_be_smaller_than_what_we_ask_for(self, theirs, task_list, monkeypatch, drawn):
        monkeypatch.setattr(theirs, "default_fetch_size", 10)
        store = CassandraStore.from_session(theirs, timeout=TIMEOUT_S)
        if drawn:
            names = [new_id(task_list) for _ in range(60)]
        else:  # of one shard
            names = [name for name in (f"chosen {number}" for number in range(9_000)) if where(name) == where("chosen")]
            names = names[:60]
        versions = store.store([record(name, task_list, drawn=drawn) for name in names])
        assert max(versions) - min(versions) == 4 * 59  # else some were taken for lost, and written again
        claimed = store.claim(task_list, lease=TIMEOUT_S * 1_000_000, limit=100).records
        assert sorted(it.id for it in claimed) == sorted(names)
        held = [Held(task_list, it.id, it.saved_at, it.claim.token) for it in claimed]
        assert None not in store.heartbeat(held)
        assert store.release(held) == [True] * 60
        store._client.known.forget()  # so that the claims are read
        assert store.release(held) == [False] * 60
        assert store.count(task_list) == 60
        store.close()

    def test_two_stores_on_one_session(self, theirs, task_list):
        one = CassandraStore.from_session(theirs, timeout=TIMEOUT_S)
        other = CassandraStore.from_session(theirs, timeout=TIMEOUT_S)
        one.store([record("1", task_list)])
        one.close()
        assert ids(other, task_list) == ["1"]
        other.close()

    def test_no_other_process_can_have_it(self, theirs):
        with pytest.raises(ConfigurationError, match="private to this process"):
            TaskStore(CassandraStore.from_session(theirs)).address()

    def test_one_that_its_owner_closed_is_a_typed_error(self, cassandra_server, url, cassandra_keyspace, task_list):
        with cassandra_server.session(cassandra_keyspace) as theirs:
            store = CassandraStore.from_session(theirs, timeout=5)
            store.store([record("1", task_list)])
        for use in (
            lambda: store.store([record("2", task_list)]),
            lambda: store.find(task_list, "1"),
            lambda: list(store.all(task_list)),
            lambda: store.count(task_list),
        ):
            with pytest.raises(StoreError):
                use()
        store.close()
