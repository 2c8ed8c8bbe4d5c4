"""`reindex` finds every partition from the tasks alone."""

from __future__ import annotations

import threading

import pytest

from atleastonce import Task, TaskStore
from atleastonce.ids import new_id
from atleastonce.record import TaskKey
from atleastonce_cassandra import reindex as module

from .helpers import ids, record, registered, where


class Photo(Task, tag="reindexed-photo"):
    path: str


@pytest.fixture
def lose_registry(session):
    """As a restore of the tasks alone, or a truncate."""

    def lose():
        session.execute("TRUNCATE tasks_segments")
        session.execute("TRUNCATE tasks_lists")

    return lose


class TestReindex:
    def test_it_finds_everything(
        self, store, open_store, session, cassandra_keyspace, task_list, lose_registry, monkeypatch
    ):
        drawn = [new_id(task_list) for _ in range(1_500)]  # more than one segment
        chosen = [f"photo {number}" for number in range(300)]  # in all shards
        store.store([record(id, task_list) for id in drawn + chosen])
        store.store([record("other", f"{task_list}-other")])
        before = registered(session, cassandra_keyspace, task_list)
        lose_registry()
        assert ids(store, task_list) == []
        assert store.count(task_list) == 0
        assert list(store.task_lists()) == []
        assert store.find(task_list, drawn[0]) is not None  # what is located by its id needs no registry

        monkeypatch.setattr(module, "PAGE", 7)  # many pages to a range
        monkeypatch.setattr(module, "RANGES", 8)
        assert open_store().reindex() == len(before) + 1
        assert registered(session, cassandra_keyspace, task_list) == before
        assert ids(store, task_list) == sorted(drawn + chosen)
        assert store.count(task_list) == 1_800
        assert ids(store, f"{task_list}-other") == ["other"]
        assert set(store.task_lists()) == {task_list, f"{task_list}-other"}

    def test_again_it_changes_nothing(self, store, task_list):
        store.store([record("1", task_list), record(new_id(task_list), task_list)])
        before = ids(store, task_list)
        assert store.reindex() == store.reindex()
        assert ids(store, task_list) == before

    def test_an_empty_partition_is_not_registered(self, store, session, cassandra_keyspace, task_list, lose_registry):
        store.store([record("1", task_list)])
        store.delete([TaskKey(task_list, "1")])
        lose_registry()
        store.reindex()
        assert registered(session, cassandra_keyspace, task_list) == set()

    def test_while_saves_go_on(self, store, open_store, task_list, lose_registry):
        """Others start afresh after the loss, as `reindex` asks for."""
        store.store([record(f"before {number}", task_list) for number in range(100)])
        lose_registry()
        saving = open_store()
        tasks = TaskStore(saving)
        stop = threading.Event()
        saved, errors = [], []

        def save():
            number = 0
            try:
                while not stop.is_set():
                    photo = Photo(task_list=task_list, path=str(number))
                    tasks.save(photo)
                    saving.store([record(f"during {number}", task_list)])
                    saved.extend([photo.id, f"during {number}"])
                    number += 1
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=save)
        thread.start()
        try:
            assert store.reindex() >= len({where(f"before {number}") for number in range(100)})
        finally:
            stop.set()
            thread.join()
        assert errors == []
        assert set(ids(store, task_list)) == {*(f"before {number}" for number in range(100)), *saved}
