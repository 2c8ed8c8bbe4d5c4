"""task_rb's own table: what Ruby wrote is read, done and removed, and what is written Ruby reads."""

from __future__ import annotations

import json
import logging
import os
import pickle

import pytest
from cassandra import ConsistencyLevel

from atleastonce import ConfigurationError, InvalidTask, Task, TaskStore, UnreadableTask, perform
from atleastonce.exceptions import SchemaMissing
from atleastonce.record import TaskKey
from atleastonce.testing import TestClock
from atleastonce_cassandra import CassandraStore, Options, TaskRbTable, link

from .helpers import TIMEOUT_S, ids, opened, record

RUBY_TABLE = (
    "CREATE TABLE tasks (task_list text, id text, data text, type text, PRIMARY KEY ((task_list), id, type)) "
    "WITH CLUSTERING ORDER BY (id ASC, type ASC)"
)


class DeleteItem(Task, tag="Albums::DeleteItem"):
    item_id: str

    def execute(self):
        return f"deleted {self.item_id}"


class MoveItem(Task, tag="Photos::MoveItem"):
    item_id: str


@pytest.fixture(scope="class")
def url(cassandra_server, cassandra_keyspace):
    """The table as Ruby made it."""
    with cassandra_server.session() as session:
        replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        session.execute(f"CREATE KEYSPACE {cassandra_keyspace} WITH replication = {replication}")
        session.set_keyspace(cassandra_keyspace)
        session.execute(RUBY_TABLE)
    return cassandra_server.url(cassandra_keyspace, layout="task_rb", timeout=TIMEOUT_S)


@pytest.fixture(scope="class")
def backend(url):
    backend = opened(url)
    yield backend
    backend.close()


@pytest.fixture
def store(backend):
    return TaskStore(backend)


@pytest.fixture
def ruby(session, task_list):
    """Saves a task as task_rb does."""

    def save(id, type="Albums::DeleteItem", data='{"item_id":"123"}', rest=""):
        session.execute(
            f"INSERT INTO tasks (task_list, id, type, data) VALUES (%s, %s, %s, %s) {rest}", (task_list, id, type, data)
        )

    return save


@pytest.fixture
def rows(session, task_list):
    """What Ruby sees in the list."""
    return lambda: [
        tuple(row) for row in session.execute("SELECT id, type, data FROM tasks WHERE task_list = %s", (task_list,))
    ]


class TestTaskRb:
    def test_with_several_data_centres_saves_are_read_back_in_each(self, url, task_list, monkeypatch, caplog):
        monkeypatch.setattr(link, "_several_data_centres", lambda session, keyspace: True)
        caplog.set_level(logging.INFO, "atleastonce.cassandra")
        backend = opened(url)
        backend.store([record("chosen", task_list)])
        assert backend._links._link.verify_at == ConsistencyLevel.EACH_QUORUM
        assert "could not be tried" not in caplog.text
        backend.close()

    def test_what_ruby_saved_is_done_and_removed(self, store, ruby, rows, task_list):
        for number in range(5):
            ruby(str(number), data=json.dumps({"item_id": str(number)}))
        tasks = list(store.all(task_list))
        assert [(task.id, task.item_id) for task in tasks] == [(str(n), str(n)) for n in range(5)]
        assert store.count(task_list) == 5
        assert task_list in list(store.task_lists())
        assert store.find(task_list, "3") == tasks[3]
        assert perform(tasks[3].as_hash(), store=store) == "deleted 3"
        assert store.find(task_list, "3") is None
        store.complete_all(tasks)
        assert rows() == []
        assert list(store.all(task_list)) == []
        assert task_list not in list(store.task_lists())

    def test_what_is_saved_ruby_reads(self, store, rows, task_list):
        task = DeleteItem.build(task_list=task_list, id="my_id", data={"item_id": "123", "more": [1]})
        store.save(task)
        ((id, type, data),) = rows()
        assert (id, type, json.loads(data)) == ("my_id", "Albums::DeleteItem", {"item_id": "123", "more": [1]})
        first = task.delivery.saved_at
        store.save(task)
        assert task.delivery.saved_at > first
        assert len(rows()) == 1
        assert store.save_all([task, *(DeleteItem(task_list=task_list, item_id=str(n)) for n in range(100))]) == 101
        assert store.count(task_list) == 101

    def test_a_save_wins_over_one_of_ruby_that_is_ahead(self, store, ruby, task_list):
        ruby("1", rest="USING TIMESTAMP 4000000000000000")  # in 2096
        (task,) = store.all(task_list)
        store.save(task.replace(item_id="4"))
        assert store.find(task_list, "1").item_id == "4"
        store.save(DeleteItem(task_list=task_list, id="1", item_id="5"))  # who never saw it
        assert store.find(task_list, "1").item_id == "5"

    def test_a_save_under_a_deletion_that_is_ahead_comes_through(self, backend, session, task_list):
        clock = TestClock()
        store = TaskRbTable(Options(keyspace=session.keyspace, timeout=TIMEOUT_S), session=session, clock=clock)
        session.execute(
            f"DELETE FROM tasks USING TIMESTAMP {clock() + 3_000_000} WHERE task_list = %s AND id = '1'", (task_list,)
        )
        (version,) = store.store([record("1", task_list)])
        assert version > clock() + 3_000_000
        assert ids(backend, task_list) == ["1"]

    def test_an_old_version_removes_nothing_newer(self, store, ruby, rows, task_list):
        ruby("1")
        (old,) = store.all(task_list)
        ruby("1", data='{"item_id":"4"}')
        store.complete(old)
        store.complete(old)
        assert len(rows()) == 1
        store.complete(DeleteItem(task_list=task_list, id="1", item_id="123"))  # whatever is there
        assert rows() == []

    def test_an_id_of_several_types(self, store, ruby, rows, task_list):
        """Each is a task that somebody saved: none is lost on account of another."""
        ruby("1", "Photos::MoveItem", rest="USING TIMESTAMP 500")
        ruby("1", "Albums::DeleteItem", rest="USING TIMESTAMP 700")
        ruby("2")
        first, second, third = store.all(task_list)
        assert (type(first), type(second), third.id) == (DeleteItem, MoveItem, "2")
        assert isinstance(store.find(task_list, "1"), DeleteItem)  # the newest
        assert store.count(task_list) == 3
        for _ in range(2):
            store.complete(first)
            assert [row[:2] for row in rows()] == [("1", "Photos::MoveItem"), ("2", "Albums::DeleteItem")]
        store.save(first)
        store.save(second)
        assert len(rows()) == 3
        store.complete(second)
        assert [row[:2] for row in rows()] == [("1", "Albums::DeleteItem"), ("2", "Albums::DeleteItem")]
        ruby("1", "Photos::MoveItem")
        store.complete(DeleteItem(task_list=task_list, id="1", item_id="123"))  # as task_rb itself
        assert [row[0] for row in rows()] == ["2"]

    def test_pages(self, backend, ruby, task_list, monkeypatch):
        monkeypatch.setattr("atleastonce_cassandra.task_rb.MIN_PAGE_ROWS", 1)
        monkeypatch.setattr("atleastonce_cassandra.task_rb.MAX_PAGE_ROWS", 3)
        backend.store([record(f"{number:02}", task_list, data=b'{"n":1}') for number in range(20)])
        reading = backend.all(task_list)
        seen = [next(reading).id]
        backend.close()
        seen += [it.id for it in reading]
        assert seen == [f"{number:02}" for number in range(20)]
        assert list(backend.all(task_list, saved_before=1)) == []
        backend.delete([TaskKey(task_list, f"{number:02}") for number in range(20)])
        assert backend.count(task_list) == 0

    def test_a_callers_session_with_small_pages(self, session, task_list, ruby, monkeypatch):
        monkeypatch.setattr(session, "default_fetch_size", 2)
        backend = TaskRbTable(Options(keyspace=session.keyspace, timeout=TIMEOUT_S), session=session)
        for number in range(5):
            ruby("1", f"Type{number}")
        assert backend.find(task_list, "1").type == "Type4"
        backend.delete([TaskKey(task_list, "1")])
        assert backend.count(task_list) == 0
        backend.close()

    def test_what_the_table_has_no_place_for(self, backend, task_list):
        for fields in ({"run_at": 5}, {"meta": {"k": "v"}}):
            with pytest.raises(InvalidTask, match="no place for run_at and meta"):
                backend.store([record("1", task_list), record("2", task_list, **fields)])
        assert backend.count(task_list) == 0

    def test_an_empty_batch(self, backend):
        assert list(backend.store([])) == []
        backend.delete([])

    def test_of_one_key_twice_the_last_wins(self, backend, task_list):
        first, second = backend.store([record("1", task_list), record("1", task_list, data=b"[]")])
        assert first < second
        (found,) = backend.all(task_list)
        assert (found.data, found.saved_at) == (b"[]", second)

    @pytest.mark.parametrize("garble", ["eda080", "c080"])
    def test_garbled_bytes(self, backend, store, session, ruby, task_list, garble):
        text = f"blobAsText(0x{garble})"
        ruby("neighbour")
        for id, tag, data in ((text, "'T'", "'{}'"), ("'t'", text, "'{}'"), ("'d'", "'Albums::DeleteItem'", text)):
            session.execute(
                f"INSERT INTO tasks (task_list, id, type, data) VALUES ('{task_list}', {id}, {tag}, {data})"
            )
        session.execute(f"INSERT INTO tasks (task_list, id, type, data) VALUES ({text}, '1', 'T', '{{}}')")
        before = backend._links._link
        escaped = bytes.fromhex(garble).decode("utf-8", "surrogateescape")
        tasks = list(store.all(task_list))
        assert sorted(type(task).__name__ for task in tasks) == ["DeleteItem", *["UnreadableTask"] * 3]
        assert {task_list, escaped} <= set(store.task_lists())
        assert ids(backend, escaped) == ["1"]
        garbled = [task for task in tasks if isinstance(task, UnreadableTask)]
        stored = session.execute(
            "SELECT textAsBlob(id), textAsBlob(type), textAsBlob(data) FROM tasks WHERE task_list = %s", (task_list,)
        )
        contents = sorted(map(tuple, stored))
        store.save_all(garbled)
        stored = session.execute(
            "SELECT textAsBlob(id), textAsBlob(type), textAsBlob(data) FROM tasks WHERE task_list = %s", (task_list,)
        )
        assert sorted(map(tuple, stored)) == contents
        store.complete_all(garbled)
        assert ids(backend, task_list) == ["neighbour"]
        backend.delete([TaskKey(escaped, "1")])
        assert ids(backend, escaped) == []
        assert backend._links._link is before is not None

    def test_a_row_without_data_and_times_of_nobody(self, store, backend, session, ruby, task_list):
        session.execute(f"INSERT INTO tasks (task_list, id, type) VALUES ('{task_list}', 'a', 'T')")
        ruby("b", rest="USING TIMESTAMP -7")
        ruby("c", rest=f"USING TIMESTAMP {2**60}")
        tasks = list(store.all(task_list))
        assert [task.id for task in tasks] == ["a", "b", "c"]
        assert all(isinstance(task, UnreadableTask) for task in tasks)
        assert store.find(task_list, "a") == tasks[0]
        assert [it.id for it in backend.all(task_list, saved_before=5)] == ["a", "b", "c"]
        store.complete_all(tasks)
        assert store.count(task_list) == 0

    def test_the_table_is_there(self, store):
        assert store.setup() == store.setup(dry_run=True) == []

    def test_by_url_or_by_hand(self, url, session, task_list, ruby):
        ruby("1")
        store = TaskStore(url)
        assert isinstance(store._backend, TaskRbTable)
        assert store.count(task_list) == 1
        with pickle.loads(pickle.dumps(store)) as again:
            assert again.count(task_list) == 1
        store.close()
        options = Options(keyspace=session.keyspace, timeout=TIMEOUT_S)
        by_hand = TaskRbTable(options, session=session)
        assert by_hand.count(task_list) == 1
        by_hand.close()
        assert not session.is_shutdown
        assert session.keyspace in repr(by_hand)
        with pytest.raises(ConfigurationError, match="needs hosts"):
            TaskRbTable(options)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
    @pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # from Python 3.12 on
    def test_fork(self, backend, task_list):
        backend.store([record("1", task_list)])
        child = os.fork()
        if child == 0:
            status = 1
            try:
                backend.store([record("2", task_list)])
                status = 0 if ids(backend, task_list) == ["1", "2"] else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert ids(backend, task_list) == ["1", "2"]

    def test_our_layout_does_not_start_on_it(self, cassandra_server, session):
        ours = opened(cassandra_server.url(session.keyspace, timeout=TIMEOUT_S))
        with pytest.raises(ConfigurationError, match="task_rb"):
            ours.setup()
        with pytest.raises(SchemaMissing):
            ours.count("list")
        ours.close()


class TestTheTable:
    """In their order."""

    def test_setup_makes_it(self, cassandra_server, cassandra_keyspace):
        plain = opened(cassandra_server.url(cassandra_keyspace, layout="task_rb", timeout=TIMEOUT_S))
        with pytest.raises(SchemaMissing):
            plain.count("list")
        with pytest.raises(ConfigurationError, match="not for us to guess"):
            plain.setup()
        plain.close()
        store = opened(
            cassandra_server.url(cassandra_keyspace, layout="task_rb", replication_factor=1, timeout=TIMEOUT_S)
        )
        statements = store.setup(dry_run=True)
        assert len(statements) == 2
        assert "PRIMARY KEY ((task_list), id, type)" in statements[1]
        assert store.setup() == statements
        assert store.setup() == []
        store.store([record()])
        assert ids(store) == ["1"]
        store.close()

    def test_a_table_of_ours_is_told_apart(self, cassandra_server, cassandra_keyspace):
        ours = opened(cassandra_server.url(cassandra_keyspace, table="ours", timeout=TIMEOUT_S))
        ours.setup()
        ours.close()
        store = opened(cassandra_server.url(cassandra_keyspace, table="ours", layout="task_rb", timeout=TIMEOUT_S))
        for use in (lambda: store.count("list"), store.setup):
            with pytest.raises(ConfigurationError, match="not task_rb's table"):
                use()
        store.close()


def test_a_layout_that_is_none():
    with pytest.raises(ConfigurationError, match="'layout': must be one of segments, task_rb"):
        TaskStore("cassandra://h/k?layout=ruby")
    assert isinstance(TaskStore("cassandra://h/k?layout=segments")._backend, CassandraStore)
