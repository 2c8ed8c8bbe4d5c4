"""Many deletions: a server fails a query that meets more of them than it was told to bear."""

from __future__ import annotations

from datetime import timedelta
from itertools import count, islice

import pytest
from cassandra.concurrent import execute_concurrent_with_args

from atleastonce.exceptions import StoreUnavailable
from atleastonce.ids import IdSource
from atleastonce.record import TaskKey
from atleastonce.testing import TestClock

from .conftest import MOST_DELETED
from .helpers import TIMEOUT_S, ids, opened, record, where

pytestmark = pytest.mark.slow  # a server starts


@pytest.fixture(scope="class")
def url(strict_server, strict_keyspace):
    url = strict_server.url(strict_keyspace, replication_factor=1, timeout=TIMEOUT_S)
    store = opened(url)
    store.setup()
    store.close()
    return url


class TestDeletedRows:
    @pytest.fixture
    def clock(self):
        return TestClock()

    @pytest.fixture
    def store(self, url, clock):
        store = opened(url, clock=clock)
        yield store
        store.close()

    def test_the_registry_is_read_in_parts(self, store, clock, strict_server, strict_keyspace, task_list):
        """As after weeks in which every segment was swept but a few."""
        source = IdSource(clock)
        records = []
        for _ in range(4 * MOST_DELETED):
            records.append(record(source.new(task_list), task_list))
            clock.advance(timedelta(minutes=5))
        kept = [it.id for it in records[:: MOST_DELETED // 2]]
        store.store([it for it in records if it.id in kept])
        with strict_server.session(strict_keyspace) as session:
            delete = session.prepare("DELETE FROM tasks_segments WHERE task_list = ? AND slot = ? AND origin = ?")
            gone = [(task_list, *where(it.id)) for it in records if it.id not in kept]
            execute_concurrent_with_args(session, delete, gone)
        assert ids(store, task_list) == kept
        assert store.count(task_list) == len(kept)
        store.store([record("mine", task_list)])
        assert ids(store, task_list) == [*kept, "mine"]

    def test_a_shard_with_too_many_is_a_typed_error_and_harms_no_other_list(self, store, task_list):
        """The documented limit of ids that the application chose."""
        candidates = (f"photo {number}" for number in count())
        shard = where("photo 0")
        names = list(islice((name for name in candidates if where(name) == shard), MOST_DELETED + 1))
        store.store([record(names[0], task_list)])
        store.delete([TaskKey(task_list, name, 5) for name in names])  # what is not there leaves its deletion, too
        store.delete([TaskKey(task_list, names[0])])
        for use in (lambda: list(store.all(task_list)), lambda: store.count(task_list)):
            with pytest.raises(StoreUnavailable, match="too many deleted rows") as caught:
                use()
            assert caught.value.outcome == "not_applied"
        store.store([record("photo 0", task_list)])  # what is located by its id goes on
        assert store.find(task_list, "photo 0") is not None
        store.delete([TaskKey(task_list, "photo 0")])
        store.store([record("photo 0", f"{task_list}-other")])
        assert ids(store, f"{task_list}-other") == ["photo 0"]
