"""How writes share requests: large saves in batches of one partition, single saves of many threads in one batch of their segment."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from contextlib import contextmanager
from types import SimpleNamespace

import attrs
import pytest
from cassandra import InvalidRequest, Unavailable, WriteTimeout
from cassandra.query import BatchType

from atleastonce.clock import system_clock
from atleastonce.exceptions import StoreError, StoreUnavailable
from atleastonce.ids import new_id
from atleastonce.record import TaskKey
from atleastonce_cassandra.link import Link
from atleastonce_cassandra.player import IN_FLIGHT
from atleastonce_cassandra.protocol.client import Client
from atleastonce_cassandra.protocol.clock import GivenClock
from atleastonce_cassandra.protocol.places import SHARD_SLOT, Place
from atleastonce_cassandra.protocol.steps import Delete, Row, Write
from atleastonce_cassandra.requests import MAX_BATCH_BYTES, MAX_BATCH_ROWS, chunks, requests_of
from atleastonce_cassandra.statements import Encoded, RowBatch
from atleastonce_cassandra.writer import Writer

from .cluster.proxy import Proxy
from .helpers import TIMEOUT_S, ids, opened, record, wait_until

PLACE = Place(b"list", SHARD_SLOT, 0)
UNAVAILABLE = Unavailable("u", required_replicas=2, alive_replicas=1)


class Prepared:
    """A prepared statement, as far as it is looked at."""

    consistency_level = 6
    is_idempotent = True
    column_metadata = routing_key_indexes = ()

    def __init__(self, query_id):
        self.query_id = query_id


STATEMENTS = SimpleNamespace(
    **{name: Prepared(name) for name in ("insert", "delete", "register", "name_list", "clock")}
)


def rows(count, size=2):
    return [Row(b"%d" % number, b"x" * size, 4, False) for number in range(count)]


class TestChunks:
    """Bounded by number and by bytes."""

    @pytest.mark.parametrize(
        ("count", "size", "lengths"),
        [
            (1, 10 * MAX_BATCH_BYTES, [1]),
            (2, MAX_BATCH_BYTES, [1, 1]),
            (MAX_BATCH_ROWS, 2, [MAX_BATCH_ROWS]),
            (MAX_BATCH_ROWS + 1, 2, [MAX_BATCH_ROWS, 1]),
            (4, MAX_BATCH_BYTES // 2, [2, 2]),
            (5, MAX_BATCH_BYTES // 2, [2, 2, 1]),
            (3, MAX_BATCH_BYTES // 2 + 1, [1, 1, 1]),
        ],
    )
    def test_lengths(self, count, size, lengths):
        many = rows(count, size)
        parts = [many[part] for part in chunks(many)]
        assert [len(part) for part in parts] == lengths
        assert [row for part in parts for row in part] == many

    def test_a_row_of_its_own_size_among_small_ones(self):
        many = [*rows(3), *rows(1, 2 * MAX_BATCH_BYTES), *rows(3)]
        assert [len(many[part]) for part in chunks(many)] == [3, 1, 3]

    @pytest.mark.parametrize("verb", ["save", "delete"])
    def test_each_is_one_batch_without_a_log(self, verb):
        link = SimpleNamespace(statements=STATEMENTS)
        step = Write(PLACE, rows(1_001)) if verb == "save" else Delete(PLACE, [(row.id, 6) for row in rows(1_001)])
        *full, last = [request.statement for request in requests_of(step, link)]
        assert [len(batch._statements_and_parameters) for batch in full] == [500, 500]
        assert {type(batch) for batch in (*full, last)} == {RowBatch}
        assert {batch.batch_type for batch in full} == {BatchType.UNLOGGED}

    def test_one_row_is_no_batch(self):
        link = SimpleNamespace(statements=STATEMENTS)
        for step in (Write(PLACE, rows(1)), Delete(PLACE, [(b"1", 6)])):
            (request,) = requests_of(step, link)
            assert type(request.statement) is Encoded


class Server:
    """The driver's session, its only server, and the link to it: answers what is asked, in order, unless it is `shut`.

    Attributes:
        fail: of the ids of a write what it is answered; None: well.
        writes: the ids of each write, in order.
        most: how many requests were under way at most.
        batches: how many batches were there at most, in memory.
    """

    def __init__(self):
        self.keyspace = None
        self.fail = lambda ids: None
        self.writes = []
        self.most = self.batches = 0
        self.open = threading.Event()
        self.open.set()
        self._asked = deque()
        self._there = weakref.WeakSet()
        self._asked_some = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()
        self.link = link = object.__new__(Link)
        link.session, link.profile, link.patience, link.reading_patience = self, None, TIMEOUT_S, TIMEOUT_S
        link.statements, link.settings, link.where, link.users = STATEMENTS, SimpleNamespace(shards=64), "k.tasks", 0
        self.client = Client(GivenClock(system_clock), lambda limit: 0)
        self.writer = Writer(self, self.client, TIMEOUT_S)

    @contextmanager
    def use(self):
        yield self.link

    def execute_async(self, statement, **_):
        rows = statement._statements_and_parameters if isinstance(statement, RowBatch) else None
        prepared = rows[0][1] if rows else statement.prepared_statement.query_id
        values = [one[2] for one in rows] if rows else [statement.values]
        future = Future()
        with self._asked_some:
            if isinstance(statement, RowBatch):
                self._there.add(statement)
                self.batches = max(self.batches, len(self._there))
            self._asked.append((future, prepared, values))
            self.most = max(self.most, len(self._asked))
            self._asked_some.notify()
        return future

    def _answer(self):
        while True:
            with self._asked_some:
                while not self._asked and not self._over:
                    self._asked_some.wait()
                if self._over:
                    return
                future, prepared, values = self._asked[0]
            self.open.wait()
            answer = SimpleNamespace(current_rows=[], one=lambda: (system_clock() // 1_000,))
            if prepared in {"insert", "delete"}:
                names = [(one[3] if prepared == "insert" else one[4]).decode() for one in values]
                self.writes.append(names)
                answer = self.fail(names) or answer
            del values
            with self._asked_some:
                self._asked.popleft()
            future.end(answer)

    def close(self):
        self.open.set()
        with self._asked_some:
            self._over = True
            self._asked_some.notify()
        self._thread.join()


class Future:
    attempted_hosts = ()

    def __init__(self):
        self._answer = self._callback = None
        self._lock = threading.Lock()

    def add_callbacks(self, callback, errback, callback_args, errback_args):
        with self._lock:
            self._callback = (callback, callback_args)
            answered = self._answer is not None
        if answered:
            callback(self._answer, *callback_args)

    def clear_callbacks(self):
        self._callback = None

    def end(self, answer):
        with self._lock:
            self._answer = answer
            call = self._callback
        if call is not None:
            call[0](answer, *call[1])

    def result(self):
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


def drawn(id=None, **fields):
    return record(id or new_id("list"), drawn=True, **fields)


class Threads:
    """Calls of the writer, each in a thread, all but the first waiting in the first one's turn."""

    def __init__(self, server):
        self.server = server
        self.threads, self.ended = [], {}

    def begin(self, name, call, *args):
        def run():
            try:
                self.ended[name] = call(*args)
            except BaseException as error:
                self.ended[name] = error

        asked, waiting = len(self.server._asked), self.waiting()
        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()
        wait_until(lambda: self.waiting() > waiting or len(self.server._asked) > asked)

    def waiting(self):
        return sum(len(turns._waiting) for turns in self.server.writer._turns)

    def end(self):
        """What each gave or raised."""
        self.server.open.set()
        for thread in self.threads:
            thread.join(TIMEOUT_S)
            assert not thread.is_alive(), "a thread hangs"
        return self.ended


@pytest.fixture
def threads(server):
    """The first save of the segment is under way, and its server does not answer yet."""
    server.writer.store([drawn()])  # so that the segment is registered
    server.writes.clear()
    server.open.clear()
    threads = Threads(server)
    threads.begin("first", server.writer.store, [drawn()])
    return threads


class TestSinglesOfManyThreads:
    def test_one_batch(self, server, threads):
        records = [drawn() for _ in range(9)]
        for one in records:
            threads.begin(one.id, server.writer.store, [one])
        ended = threads.end()
        assert [len(names) for names in server.writes] == [1, 9]
        assert set(server.writes[1]) == {one.id for one in records}
        versions = [version for (version,) in ended.values()]
        assert len(set(versions)) == 10

    def test_saves_and_completes_share_a_turn(self, server, threads):
        done = TaskKey("list", new_id("list"), 8)
        one = drawn()
        threads.begin("save", server.writer.store, [one])
        threads.begin("complete", server.writer.delete, [done])
        ended = threads.end()
        assert sorted(server.writes[1:]) == sorted([[one.id], [done.id]])
        assert ended["complete"] is None

    def test_two_saves_of_one_id_never_share_a_batch(self, server, threads):
        one, other = drawn(), drawn()
        for name, it in (("one", one), ("again", one), ("other", other)):
            threads.begin(name, server.writer.store, [it])
        ended = threads.end()
        assert server.writes[1:] == [[one.id, other.id], [one.id]]
        assert ended["one"] < ended["again"]

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [
            (UNAVAILABLE, "not_applied"),
            (WriteTimeout("t", write_type=3, required_responses=2, received_responses=1), "unknown"),
        ],
        ids=["refused", "in doubt"],
    )
    def test_each_has_the_error_of_the_batch_for_itself(self, server, threads, error, outcome):
        server.fail = lambda names: error if len(names) > 1 else None
        for name in range(5):
            threads.begin(name, server.writer.store, [drawn()])
        ended = threads.end()
        assert isinstance(ended.pop("first"), list)
        assert {type(raised) for raised in ended.values()} == {StoreUnavailable}
        assert len({id(raised) for raised in ended.values()}) == 5
        assert {raised.outcome for raised in ended.values()} == {outcome}
        assert {raised.__cause__ for raised in ended.values()} == {error}
        assert len(server.writes) == 2
        assert server.writer.store([drawn()])  # the turn is free

    def test_one_that_is_refused_fails_no_other(self, server, threads):
        bad, *good = [drawn() for _ in range(4)]
        server.fail = lambda names: InvalidRequest("too large") if bad.id in names else None
        for one in (good[0], bad, *good[1:]):
            threads.begin(one.id, server.writer.store, [one])
        ended = threads.end()
        assert type(ended[bad.id]) is StoreError
        assert ended[bad.id].outcome == "not_applied"
        assert all(isinstance(ended[one.id], list) for one in good)
        assert sorted(map(len, server.writes)) == [1, 1, 1, 1, 1, 4]

    @pytest.mark.parametrize("error", [UNAVAILABLE, InvalidRequest("too large")], ids=["unavailable", "refused"])
    def test_what_was_written_before_the_error_of_the_turn_is_saved(self, server, threads, error):
        one = drawn()
        for name in ("one", "again"):
            threads.begin(name, server.writer.store, [one])
        threads.begin("other", server.writer.store, [drawn()])
        answered = []

        def fail(names):
            if one.id in names:
                answered.append(names)
            return error if len(answered) == 2 else None

        server.fail = fail
        ended = threads.end()
        assert isinstance(ended["one"], list)
        assert isinstance(ended["other"], list)
        if error is UNAVAILABLE:
            assert ended["again"].outcome == "not_applied"
        else:
            assert isinstance(ended["again"], list)  # tried once more, alone
        assert [len(names) for names in server.writes] == ([1, 2, 1] if error is UNAVAILABLE else [1, 2, 1, 1])


class TestManyAtOnce:
    def test_a_bounded_number_is_under_way_and_in_memory(self, server):
        data = b'"' + b"x" * (MAX_BATCH_BYTES // 2 - 100) + b'"'
        server.writer.store([drawn()])  # so that the segment is registered
        server.writes.clear()
        server.most = 0
        server.writer.store([drawn(data=data) for _ in range(8 * IN_FLIGHT)])
        assert [len(names) for names in server.writes] == [2] * 4 * IN_FLIGHT
        assert IN_FLIGHT / 2 < server.most <= IN_FLIGHT
        assert IN_FLIGHT / 2 < server.batches <= IN_FLIGHT + 2  # and those that were answered just now

    def test_the_first_of_two_waves_may_be_there_when_the_second_is_refused(self, server):
        one = drawn()
        answers = deque([None, UNAVAILABLE])
        server.writer.store([drawn()])
        server.fail = lambda names: answers.popleft()
        with pytest.raises(StoreUnavailable) as caught:
            server.writer.store([one, one])
        assert caught.value.outcome == "unknown"
        assert not answers


class TestOnAServer:
    @pytest.fixture
    def proxy(self, cassandra_server):
        with Proxy((cassandra_server.hosts[0], cassandra_server.port)) as proxy:
            yield proxy

    @pytest.fixture
    def through(self, proxy, cassandra_server, cassandra_keyspace, url):
        """Opens a store with that timeout, through the proxy."""
        stores = []

        def open_one(timeout):
            server = attrs.evolve(cassandra_server, hosts=(proxy.address[0],), port=proxy.address[1])
            stores.append(opened(server.url(cassandra_keyspace, timeout=timeout)))
            return stores[-1]

        yield open_one
        for store in stores:
            store.close()

    def test_a_large_save(self, store, task_list, monkeypatch):
        sent, send = [], Link.send

        def record_batches(self, statement, **how):
            if isinstance(statement, RowBatch):
                sent.append([len(values[4]) for _, _, values in statement._statements_and_parameters])
            return send(self, statement, **how)

        monkeypatch.setattr(Link, "send", record_batches)
        large = b'"' + b"x" * 60_000 + b'"'
        records = [record(new_id(task_list), task_list, drawn=True) for _ in range(2_100)]
        records += [record(new_id(task_list), task_list, drawn=True, data=large) for _ in range(40)]
        store.store(records)
        assert sum(map(len, sent)) == len(records)
        assert max(map(len, sent)) == MAX_BATCH_ROWS
        assert MAX_BATCH_BYTES * 0.9 < max(map(sum, sent)) <= MAX_BATCH_BYTES
        assert ids(store, task_list) == sorted(one.id for one in records)

    def test_singles_of_many_threads(self, through, proxy, task_list, monkeypatch):
        store = through(TIMEOUT_S)
        store.store([record(new_id(task_list), task_list, drawn=True)])
        sent, send = [], Link.send
        monkeypatch.setattr(Link, "send", lambda link, it, **how: sent.append(it) or send(link, it, **how))
        proxy.delay(0.02)
        records = [record(new_id(task_list), task_list, drawn=True) for _ in range(200)]
        left, errors = deque(records), []

        def save():
            while left:
                try:
                    store.store([left.popleft()])
                except (IndexError, StoreError) as error:
                    errors.append(error)

        threads = [threading.Thread(target=save) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        proxy.heal()
        assert not [error for error in errors if not isinstance(error, IndexError)]
        assert len(sent) < len(records) / 2
        assert {one.id for one in records} < set(ids(store, task_list))

    def test_a_server_that_stands_still_fails_each_in_time(self, through, proxy, task_list):
        store = through(timeout=3)
        store.store([record(new_id(task_list), task_list, drawn=True)])
        proxy.blackhole()
        records = [record(new_id(task_list), task_list, drawn=True) for _ in range(8)]
        ended = {}

        def save(one):
            try:
                ended[one.id] = store.store([one])
            except StoreError as error:
                ended[one.id] = error

        threads = [threading.Thread(target=save, args=(one,)) for one in records]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT_S)  # twice the timeout, on a machine that has nothing else to do
        assert len(ended) == 8
        assert {type(error) for error in ended.values()} == {StoreUnavailable}
        assert len({id(error) for error in ended.values()}) == 8
        assert {error.outcome for error in ended.values()} <= {"unknown", "not_applied"}
        proxy.heal()
        wait_until(lambda: saved(store, records))
        assert {one.id for one in records} < set(ids(store, task_list))


def saved(store, records):
    """Whether all of them could be saved now."""
    try:
        for one in records:
            store.store([one])
    except StoreUnavailable:
        return False
    return True
