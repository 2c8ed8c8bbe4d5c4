"""What no save of ours wrote: bytes that Python's driver cannot decode, cells of the wrong content, times of nobody.

The server takes ED A0 80 (a surrogate) and C0 80 (an overlong NUL) as text; a driver that decodes them drops the connection, and
with it everything else that is under way on it.
"""

from __future__ import annotations

import logging

import pytest

from atleastonce import InvalidTask, Task, TaskStore, UnreadableTask
from atleastonce.claims import Failure, Held
from atleastonce.record import MAX_ATTEMPTS, NO_META, TaskKey
from atleastonce_cassandra.tables import LIST_BUCKETS

from .helpers import ids, opened, record, registered, where

SURROGATE, OVERLONG = b"\xed\xa0\x80", b"\xc0\x80"
each_garble = pytest.mark.parametrize("garble", [SURROGATE, OVERLONG], ids=["surrogate", "overlong"])


class Photo(Task, tag="garbled-photo"):
    path: str


def text(stored):
    """Bytes as a text of CQL."""
    return f"blobAsText(0x{stored.hex()})"


def escaped(stored):
    """The same as Python's text."""
    return stored.decode("utf-8", "surrogateescape")


def insert(session, task_list, id, task="(0x54, 0x7b7d, 0x)", rest=""):
    """A row as anybody may write it, where a task of that id belongs."""
    slot, origin = where(id)
    session.execute(
        f"INSERT INTO tasks (task_list, slot, origin, id, task) VALUES ({text(task_list)}, {slot}, {origin}, {text(id)}, {task}) {rest}"
    )


def connections(store):
    """The sockets of the store's session."""
    with store._links.use() as link:
        return {id(pool._connection) for pool in link.session.get_pools()}


@pytest.fixture(scope="class")
def store(url):
    """One for the class: it is alive after everything."""
    store = opened(url)
    yield store
    store.close()


@pytest.fixture
def alive(store, caplog):
    """Afterwards the session is the same, on the same sockets, and the driver had nothing to complain of."""
    list(store.all("any list"))
    with store._links.use() as link:
        before = link
    sockets = connections(store)
    assert sockets
    with caplog.at_level(logging.WARNING):
        yield
    with store._links.use() as link:
        assert link is before
    assert connections(store) == sockets
    assert caplog.records == []


@pytest.mark.usefixtures("alive")
class TestText:
    """Each text column of each table."""

    @each_garble
    def test_an_id(self, session, store, task_list, garble):
        garble += b"1"
        store.store([record(f"neighbour{number}", task_list, data=b'{"n":1}') for number in range(200)])  # all shards
        insert(session, task_list.encode(), garble)
        assert ids(store, task_list) == sorted([*(f"neighbour{number}" for number in range(200)), escaped(garble)])
        assert store.count(task_list) == 201
        assert store.find(task_list, escaped(garble)).data == b"{}"
        assert store.find(task_list, "neighbour1").data == b'{"n":1}'

        tasks = TaskStore(store)
        (garbled,) = (task for task in tasks.all(task_list) if task.id == escaped(garble))
        assert isinstance(garbled, UnreadableTask)
        assert "surrogate" in str(garbled.reason)
        tasks.save(garbled)
        assert tasks.count(task_list) == 201
        tasks.save_all([garbled, *list(tasks.all(task_list))[:5]])
        assert store.find(task_list, escaped(garble)).saved_at == garbled._saved_at
        row = session.execute(f"SELECT textAsBlob(id), task FROM tasks WHERE {place(task_list, garble)}").one()
        assert tuple(row) == (garble, (b"T", b"{}", b""))
        tasks.complete(garbled)
        assert store.find(task_list, escaped(garble)) is None
        assert tasks.count(task_list) == 200

    @each_garble
    def test_an_id_that_is_completed_blindly(self, session, store, task_list, garble):
        insert(session, task_list.encode(), garble)
        store.delete([TaskKey(task_list, escaped(garble)), TaskKey(task_list, "other")])
        assert store.find(task_list, escaped(garble)) is None

    @each_garble
    def test_a_task_list(self, session, store, task_list, garble):
        name = task_list.encode() + garble
        insert(session, name, b"1")
        store.store([record("1", task_list)])
        assert store.reindex() >= 2  # nobody registered the row
        assert {task_list, escaped(name)} <= set(store.task_lists())
        for given in (task_list, escaped(name)):
            (found,) = store.all(given)
            assert (found.task_list, found.id) == (given, "1")
            assert store.find(given, "1") == found
            assert store.count(given) == 1
        (found,) = store.all(escaped(name))
        store.store([found])
        (again,) = store.all(escaped(name))
        assert again.saved_at > found.saved_at
        store.delete([TaskKey(escaped(name), "1", again.saved_at)])
        assert list(store.all(escaped(name))) == []
        assert ids(store, task_list) == ["1"]

    @each_garble
    def test_a_name_among_the_lists(self, session, store, task_list, garble):
        store.store([record("1", f"{task_list}-{number}") for number in range(20)])
        for bucket in range(LIST_BUCKETS):
            session.execute(f"INSERT INTO tasks_lists (bucket, task_list) VALUES ({bucket}, {text(garble)})")
        names = list(store.task_lists())
        assert {f"{task_list}-{number}" for number in range(20)} <= set(names)
        assert escaped(garble) in names
        assert list(store.all(escaped(garble))) == []
        tasks = TaskStore(store)
        assert escaped(garble) in list(tasks.task_lists())
        with pytest.raises(InvalidTask):
            tasks.all(escaped(garble))

    @each_garble
    def test_a_name_in_the_registry(self, session, store, task_list, garble):
        name = task_list.encode() + garble
        session.execute(f"INSERT INTO tasks_segments (task_list, slot, origin) VALUES ({text(name)}, -1, 5)")
        store.store([record("1", task_list)])
        assert ids(store, task_list) == ["1"]
        assert list(store.all(escaped(name))) == []


def bury(session, task_list, id, died_at=5):
    """A dead letter as anybody may write it, with its place among those that have some."""
    slot, origin = where(id)
    session.execute(
        f"INSERT INTO tasks_dead (task_list, slot, origin, id, task, failure, died_at) VALUES ({text(task_list)}, {slot}, {origin}, "
        f"{text(id)}, (0x54, 0x7b7d, 0x), (3, 0x626f6f), {died_at}) USING TIMESTAMP 8"
    )
    register_dead(session, task_list, slot, origin)


def register_dead(session, task_list, slot, origin):
    session.execute(
        f"INSERT INTO tasks_dead_segs (task_list, slot, origin) VALUES ({text(task_list)}, {slot}, {origin})"
    )


@pytest.mark.usefixtures("alive")
class TestDeadLetters:
    """Each text column of their two tables."""

    def kill(self, store, task_list, number):
        """So many sound ones, at as many places as there are shards where they are many."""
        names = [f"neighbour{number}" for number in range(number)]
        store.store([record(name, task_list, data=b'{"n":1}') for name in names])
        for claimed in store.claim(task_list, lease=60_000_000, limit=number).records:
            held = Held(task_list, claimed.id, claimed.saved_at, claimed.claim.token)
            assert store.fail(Failure(held=held, attempts=1, last_error="E: dead", dead=True))
        return names

    @each_garble
    def test_an_id(self, session, store, task_list, garble):
        neighbours = self.kill(store, task_list, 20)
        twin = next(n for n in (f"twin{n}" for n in range(9_000)) if where(n) == where(garble))  # of the same partition
        for id in (garble, garble + b"1", twin.encode()):
            bury(session, task_list.encode(), id)
        names = [escaped(garble), escaped(garble + b"1"), twin]
        assert sorted(it.id for it in store.dead(task_list)) == sorted([*neighbours, *names])
        tasks = TaskStore(store)
        letters = {task.id: task for task in tasks.dead(task_list)}
        assert letters.keys() == {*neighbours, *names}
        garbled = [letters[name] for name in names[:2]]
        for task in garbled:
            assert isinstance(task, UnreadableTask)
            assert "surrogate" in str(task.reason)
            assert task.delivery.last_error == "boo"
        assert tasks.count(task_list) == 0

        assert tasks.revive(garbled[:1]) == 1  # byte for byte
        row = session.execute(f"SELECT textAsBlob(id), task FROM tasks WHERE {place(task_list, garble)}").one()
        assert tuple(row) == (garble, (b"T", b"{}", b""))
        assert store.find(task_list, names[0]).data == b"{}"
        assert tasks.discard(garbled[1:]) == 1
        store.discard([TaskKey(task_list, names[1]), TaskKey(task_list, twin)])  # of any version; one is gone already
        assert sorted(it.id for it in store.dead(task_list)) == sorted(neighbours)

    @each_garble
    def test_a_task_list(self, session, store, task_list, garble):
        (neighbour,) = self.kill(store, task_list, 1)
        name = task_list.encode() + garble
        bury(session, name, neighbour.encode())  # in the other list's own shard
        (there,) = store.dead(task_list)
        (found,) = store.dead(escaped(name))
        assert (there.task_list, there.id, there.last_error) == (task_list, neighbour, "E: dead")
        assert (found.task_list, found.id, found.last_error) == (escaped(name), neighbour, "boo")
        with pytest.raises(InvalidTask):
            TaskStore(store).dead(escaped(name))
        store.discard([TaskKey(escaped(name), neighbour, found.saved_at)])
        assert list(store.dead(escaped(name))) == []
        assert [it.id for it in store.dead(task_list)] == [neighbour]

    @each_garble
    def test_a_task_list_that_nobody_registered(self, session, store, task_list, garble):
        (neighbour,) = self.kill(store, task_list, 1)
        name = task_list.encode() + garble
        bury(session, name, b"1")
        session.execute("TRUNCATE tasks_dead_segs")
        assert list(store.dead(task_list)) == list(store.dead(escaped(name))) == []
        store.reindex()
        assert [it.id for it in store.dead(task_list)] == [neighbour]
        assert [it.id for it in store.dead(escaped(name))] == ["1"]

    @each_garble
    def test_a_name_in_the_registry(self, session, store, task_list, garble):
        name = task_list.encode() + garble
        register_dead(session, name, -1, 5)
        (neighbour,) = self.kill(store, task_list, 1)
        store.reindex()
        assert [it.id for it in store.dead(task_list)] == [neighbour]
        assert list(store.dead(escaped(name))) == []


def place(task_list, id):
    slot, origin = where(id)
    return f"task_list = '{task_list}' AND slot = {slot} AND origin = {origin} AND id = {text(id)}"


def blob(stored):
    return "null" if stored is None else f"0x{stored.hex()}"


CELL = (b"garbled-photo", b'{"path":"p"}', b"")


@pytest.mark.usefixtures("alive")
class TestCells:
    """A row between two sound ones, in the same partition or not."""

    @pytest.fixture
    def tasks(self, store, task_list):
        tasks = TaskStore(store)
        tasks.save_all(Photo(task_list=task_list, id=f"neighbour{number}", path="p") for number in range(100))
        return tasks

    def read(self, tasks, task_list):
        """The one that is no neighbour, as every way to read gives it; the neighbours are as they were."""
        others = [task for task in tasks.all(task_list) if not isinstance(task, Photo)]
        assert len(list(tasks.all(task_list, cls=Photo))) == 100
        assert tasks.count(task_list) == 101
        (garbled,) = others
        assert tasks.find(task_list, "1") == garbled
        return garbled

    @pytest.mark.parametrize(
        ("parts", "problem"),
        [
            ((None, None, None), "type is missing; data is missing; notes is missing"),
            ((None, *CELL[1:]), "type is missing"),
            ((CELL[0], None, b""), "data is missing"),
            ((*CELL[:2], None), "notes is missing"),
            (CELL[:1], "data is missing; notes is missing"),
            (CELL[:2], "notes is missing"),
            ((*CELL[:2], b"["), "notes is no JSON object"),
            ((*CELL[:2], b"[]"), "notes is no JSON object"),
            ((*CELL[:2], b"null"), "notes is no JSON object"),
            ((*CELL[:2], b"[" * 60_000), "notes is no JSON object"),
            ((*CELL[:2], b"\xff"), "notes is no JSON object"),
            ((*CELL[:2], b'{"run_at":"soon"}'), "notes is no JSON object of run_at"),
            ((*CELL[:2], b'{"run_at":-1}'), "notes is no JSON object of run_at"),
            ((*CELL[:2], b'{"run_at":true}'), "notes is no JSON object of run_at"),
            ((*CELL[:2], b'{"meta":{"k":1}}'), "notes is no JSON object of run_at"),
            ((*CELL[:2], b'{"meta":[]}'), "notes is no JSON object of run_at"),
        ],
    )
    def test_not_all_there(self, session, tasks, task_list, parts, problem):
        insert(session, task_list.encode(), b"1", f"({', '.join(map(blob, parts))})")
        garbled = self.read(tasks, task_list)
        assert isinstance(garbled, UnreadableTask)
        assert problem in str(garbled.reason)
        for use in (garbled.execute, lambda: tasks.save(garbled)):
            with pytest.raises(InvalidTask):
                use()
        tasks.complete(garbled)
        assert tasks.count(task_list) == 100

    @pytest.mark.parametrize(
        "parts",
        [
            (b"", b"{}", b""),
            (b"nobody's", b"{}", b""),
            (SURROGATE, b"{}", b""),
            (b"\xff\0", b"\xff\0", b""),
            (CELL[0], b"", b""),
            (CELL[0], b"[]", b""),
            (CELL[0], SURROGATE, b'{"meta":{"k":"v"}}'),
            (CELL[0], b'{"path":5}', b'{"run_at":5}'),
            (CELL[0], b'{"path":"' + OVERLONG + b'"}', b""),
        ],
    )
    def test_saved_back_byte_for_byte(self, session, tasks, task_list, parts):
        insert(session, task_list.encode(), b"1", f"({', '.join(map(blob, parts))})", "USING TIMESTAMP 7")
        garbled = self.read(tasks, task_list)
        assert isinstance(garbled, UnreadableTask)
        assert garbled._saved_at == 7
        tasks.save(garbled)
        row = session.execute(f"SELECT task, writetime(task) FROM tasks WHERE {place(task_list, b'1')}").one()
        assert row[0] == parts
        assert row[1] > 7
        tasks.complete(self.read(tasks, task_list))
        assert tasks.count(task_list) == 100

    @pytest.mark.parametrize("timestamp", [-(2**62), -5, 2**53, 2**62 + 3, 2**63 - 1])
    def test_a_time_that_is_no_version(self, session, tasks, task_list, timestamp):
        cell = "(0x5468, 0x7b7d, 0x)"
        insert(session, task_list.encode(), b"1", cell, f"USING TIMESTAMP {timestamp}")
        garbled = self.read(tasks, task_list)
        assert "no version" in str(garbled.reason)
        found = [it.id for it in tasks._backend.all(task_list, saved_before=2**53 - 1)]
        assert "1" in found  # it hides from no redrive
        tasks.complete(garbled)
        assert tasks.count(task_list) == 100

    @pytest.mark.parametrize("timestamp", [-(2**62), 2**53, 2**63 - 1])
    def test_what_has_no_version_is_claimed_and_fails_like_others(self, session, tasks, task_list, timestamp):
        insert(session, task_list.encode(), b"1", "(0x5468, 0x7b7d, 0x)", f"USING TIMESTAMP {timestamp}")
        store = tasks._backend
        for attempts, dead in ((1, False), (2, True)):
            records = store.claim(task_list, lease=60_000_000, limit=101).records
            (claimed,) = (it for it in records if it.id == "1")
            assert claimed.attempts == attempts - 1
            held = Held(task_list, "1", None, claimed.claim.token)
            assert store.fail(Failure(held=held, attempts=attempts, last_error="E", dead=dead))
        assert [it.attempts for it in store.dead(task_list)] == [2]
        assert tasks.count(task_list) == 100

    @pytest.mark.parametrize("timestamp", [0, 1, 2**53 - 1])
    def test_a_strange_time_that_is_one(self, session, tasks, task_list, timestamp):
        insert(session, task_list.encode(), b"1", "(0x54, 0x7b7d, 0x)", f"USING TIMESTAMP {timestamp}")
        task = self.read(tasks, task_list)
        assert task._saved_at == timestamp
        tasks.complete(task)
        assert tasks.count(task_list) == 100

    @pytest.mark.parametrize(
        ("failure", "attempts", "last_error", "problem"),
        [
            ("null", 0, None, None),
            ("(3, 0x626f6f)", 3, "boo", None),
            ("(3, 0xeda080)", 3, "\udced\udca0\udc80", None),
            ("(2147483647, 0x626f6f)", 1_000_000_000, "boo", None),
            ("(3, null)", 3, None, None),
            ("(3)", 3, None, None),
            ("(null, 0x626f6f)", 0, "boo", "attempts is missing or negative"),
            ("(-1, 0x)", 0, None, "attempts is missing or negative"),
        ],
    )
    def test_a_failure_report(self, session, tasks, task_list, failure, attempts, last_error, problem):
        insert(session, task_list.encode(), b"1", "(0x54, 0x7b7d, 0x)", "USING TIMESTAMP 8")
        session.execute(f"UPDATE tasks SET failure = {failure} WHERE {place(task_list, b'1')}")
        found = tasks._backend.find(task_list, "1")
        assert (found.attempts, found.last_error, found.problem) == (attempts, last_error, problem)
        assert found.meta == NO_META
        tasks.complete(self.read(tasks, task_list))

    def test_as_many_attempts_as_a_cell_can_hold(self, session, tasks, task_list):
        insert(session, task_list.encode(), b"1", "(0x54, 0x7b7d, 0x)", "USING TIMESTAMP 8")
        session.execute(
            f"UPDATE tasks USING TIMESTAMP 9 SET failure = ({2**31 - 1}, 0x45) WHERE {place(task_list, b'1')}"
        )
        store = tasks._backend

        def claim(lease):
            records = store.claim(task_list, lease=lease, limit=101, saved_before=9).records
            (claimed,) = (it for it in records if it.id == "1")
            assert claimed.attempts == MAX_ATTEMPTS
            return Held(task_list, "1", 8, claimed.claim.token)

        held = claim(1)
        assert store.start(held) is not None
        held = claim(60_000_000)  # microseconds; its worker was lost
        assert store.fail(Failure(held=held, attempts=MAX_ATTEMPTS + 1, last_error="E: again"))
        assert store.find(task_list, "1").attempts == MAX_ATTEMPTS
        held = claim(60_000_000)
        assert store.fail(Failure(held=held, attempts=MAX_ATTEMPTS + 1, last_error="E: dead", dead=True))
        (dead,) = store.dead(task_list)
        assert (dead.id, dead.attempts, dead.last_error) == ("1", MAX_ATTEMPTS, "E: dead")

    def test_a_failure_report_alone_is_no_task(self, session, tasks, task_list):
        session.execute(f"UPDATE tasks SET failure = (1, 0x) WHERE {place(task_list, b'1')}")
        assert tasks.find(task_list, "1") is None
        assert tasks.count(task_list) == len(list(tasks.all(task_list))) == 100
        tasks.complete(Photo(task_list=task_list, id="1", path="p"))
        tasks.save(Photo(task_list=task_list, id="1", path="q"))
        assert tasks.find(task_list, "1").path == "q"

    def test_a_row_that_has_no_cell_is_no_task(self, session, tasks, task_list):
        slot, origin = where(b"1")
        session.execute(
            f"INSERT INTO tasks (task_list, slot, origin, id) VALUES ('{task_list}', {slot}, {origin}, '1')"
        )
        assert tasks.find(task_list, "1") is None
        assert tasks.count(task_list) == len(list(tasks.all(task_list))) == 100
        assert (slot, origin) in registered(session, session.keyspace, task_list)
