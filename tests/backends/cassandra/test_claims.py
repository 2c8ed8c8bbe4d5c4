"""Claims and dead letters on real servers, as far as they are special to Cassandra; the shared suite has the rest."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cassandra import ConsistencyLevel, OperationTimedOut

from atleastonce.claims import WORKER_LOST, Failure, Held
from atleastonce.exceptions import StoreUnavailable
from atleastonce.ids import IdSource, new_id
from atleastonce.record import TaskKey
from atleastonce.testing import TestClock
from atleastonce_cassandra import CassandraStore, passing
from atleastonce_cassandra.link import Link
from atleastonce_cassandra.protocol.claim import look
from atleastonce_cassandra.protocol.state import State
from atleastonce_cassandra.requests import GARBAGE_SECONDS, LONGEST_SECONDS, kept_seconds
from atleastonce_cassandra.waiting import Sent

from .cluster.proxy import Proxy
from .helpers import TIMEOUT_S, ids, opened, record, where

LEASE = 60_000_000
SHORT = 100_000


def held_by(claimed) -> Held:
    return Held(claimed.task_list, claimed.id, claimed.saved_at, claimed.claim.token)


def claimed_in_pages(store, task_list, limit, **terms):
    """All of one pass, and how many calls it took."""
    claimed, cursor, calls = [], None, 0
    while calls == 0 or cursor is not None:
        page = store.claim(task_list, lease=LEASE, limit=limit, cursor=cursor, **terms)
        assert len(page.records) <= limit
        claimed += page.records
        cursor, calls = page.cursor, calls + 1
    return claimed, calls


@pytest.fixture
def saved(store, task_list):
    """Saves one task; its record as it is stored."""

    def save(id="1", **fields):
        store.store([record(id, task_list, **fields)])
        return store.find(task_list, id)

    return save


@pytest.fixture
def claims_row(session):
    """The row of the claims of a task, as the server has it; None: there is none."""
    select = session.prepare(
        "SELECT claim, TTL(claim) FROM tasks_claims WHERE task_list = ? AND slot = ? AND origin = ? AND id = ?"
    )

    def read(it):
        row = session.execute(select, (it.task_list.encode(), *where(it.id), it.id.encode())).one()
        return None if row is None else (State(*row[0]), row[1])

    return read


def forget_claims(session, it):
    """As the TTL does."""
    session.execute(
        "DELETE FROM tasks_claims WHERE task_list = %s AND slot = %s AND origin = %s AND id = %s IF EXISTS",
        (it.task_list.encode(), *where(it.id), it.id.encode()),
    )


class TestPages:
    def test_a_pass_gives_everything_once_in_the_order_of_all(self, store, task_list):
        clock = TestClock()
        sources = [IdSource(clock) for _ in range(20)]
        drawn = [source.new(task_list) for source in sources for _ in range(5)]
        store.store([record(id, task_list) for id in (*drawn, *(f"chosen {number}" for number in range(100)))])
        claimed, calls = claimed_in_pages(store, task_list, 30)
        assert [it.id for it in claimed] == [it.id for it in store.all(task_list)]
        assert len({it.claim.token for it in claimed}) == 200
        assert 7 <= calls <= 8
        assert store.claim(task_list, lease=LEASE, limit=1).records == []

    def test_more_than_a_page_and_a_batch_of_one_segment(self, store, task_list):
        store.store([record(new_id(task_list), task_list, drawn=True) for _ in range(1_300)])
        page = store.claim(task_list, lease=LEASE, limit=1_200)
        assert len(page.records) == 1_200
        rest = store.claim(task_list, lease=LEASE, limit=1_200)  # without the cursor: past all that is held
        assert len(rest.records) == 100
        assert rest.cursor is None

    def test_what_is_claimed_meanwhile_is_passed_by(self, store, open_store, task_list):
        store.store([record(new_id(task_list), task_list, drawn=True) for _ in range(300)])
        first = store.claim(task_list, lease=LEASE, limit=100)
        other = open_store().claim(task_list, lease=LEASE, limit=100)
        rest = store.claim(task_list, lease=LEASE, limit=300, cursor=first.cursor).records
        found = [it.id for it in (*first.records, *other.records, *rest)]
        assert len(found) == len(set(found)) == 300

    def test_large_rows(self, store, task_list):
        data = b'"' + b"x" * 60_000 + b'"'
        store.store([record(f"{number}", task_list, data=data) for number in range(40)])
        claimed, _ = claimed_in_pages(store, task_list, 15)
        assert sorted(it.id for it in claimed) == sorted(str(number) for number in range(40))
        assert {it.data for it in claimed} == {data}

    def test_what_was_claimed_before_an_error_is_given(self, store, task_list, monkeypatch):
        """Nobody else could have it for a whole lease. The next page says what the matter is, if it is still."""
        store.store([record(f"chosen {number}", task_list) for number in range(200)])
        looked = []

        def broken(client, place, *how):
            looked.append(place)
            if len(looked) > 4:
                raise StoreUnavailable("down", outcome="not_applied")
            return look(client, place, *how)

        monkeypatch.setattr(passing, "look", broken)
        first = store.claim(task_list, lease=LEASE, limit=200)
        assert 0 < len(first.records) < 200
        with pytest.raises(StoreUnavailable):
            store.claim(task_list, lease=LEASE, limit=200, cursor=first.cursor)
        monkeypatch.undo()
        rest = store.claim(task_list, lease=LEASE, limit=200, cursor=first.cursor)
        assert rest.cursor is None
        assert len({it.id for it in (*first.records, *rest.records)}) == 200


def test_eight_claimers_at_once_never_share_a_task(open_store, task_list):
    stores = [open_store() for _ in range(8)]
    stores[0].store([record(new_id(task_list), task_list, drawn=True) for _ in range(1_000)])
    together = threading.Barrier(8)

    def claim(store):
        together.wait()
        return claimed_in_pages(store, task_list, 50)[0]

    with ThreadPoolExecutor(8) as pool:
        claimed = [it for part in pool.map(claim, stores) for it in part]
    assert len(claimed) == len({it.id for it in claimed}) == 1_000


def test_threads_that_begin_work_in_one_segment_at_once(store, task_list):
    store.store([record(new_id(task_list), task_list, drawn=True) for _ in range(200)])
    claimed = store.claim(task_list, lease=LEASE, limit=200).records
    with ThreadPoolExecutor(16) as pool:
        begun = list(pool.map(lambda it: store.start(held_by(it)), claimed))
        lost = list(pool.map(lambda it: store.start(Held(task_list, it.id, it.saved_at, "another")), claimed[:16]))
        failed = list(pool.map(lambda it: store.fail(Failure(held=held_by(it), attempts=1, last_error="E")), claimed))
    assert [it.token for it in begun] == [it.claim.token for it in claimed]
    assert lost == [None] * 16
    assert all(failed)
    assert {it.attempts for it in store.all(task_list)} == {1}


class LateAnswer(Sent):
    """It was applied, and nobody heard of it."""

    __slots__ = ()

    def take(self, arrived):
        over = super().take(arrived)
        if over:
            self.value, self.error = None, OperationTimedOut({})
        return over


class NeverSent(Sent):
    """It got lost on its way."""

    __slots__ = ()

    def _send(self, host):
        self._under_way += 1
        self._arrived.put((self, OperationTimedOut({})))


@pytest.fixture
def lose(monkeypatch):
    """Lets the next transactions, or their answers, get lost; how many were sent in all."""
    original = Link.send_once
    kinds, sent = [], []

    def send_once(self, statement, **how):
        sent.append(statement)
        if not kinds:
            return original(self, statement, **how)
        return kinds.pop(0)(self.session, statement, self._once_profile, 60, once=True, **how)

    monkeypatch.setattr(Link, "send_once", send_once)

    def lose_next(*lost):
        sent.clear()
        kinds.extend(lost)
        return sent

    return lose_next


class TestLostAnswers:
    """Of lightweight transactions, which are not to be repeated."""

    @pytest.mark.parametrize("number", [1, 20])
    def test_a_claim_that_was_applied_is_adopted(self, store, task_list, lose, number):
        store.store([record(new_id(task_list), task_list) for _ in range(number)])
        sent = lose(LateAnswer)
        page = store.claim(task_list, lease=LEASE, limit=number)
        assert len(page.records) == number
        assert len(sent) == 1
        assert all(claim is not None for claim in store.heartbeat([held_by(it) for it in page.records]))

    def test_one_that_was_not_is_tried_again(self, store, task_list, lose, saved):
        saved()
        sent = lose(NeverSent, NeverSent)
        (claimed,) = store.claim(task_list, lease=LEASE, limit=1).records
        assert len(sent) == 3
        assert store.heartbeat([held_by(claimed)]) != [None]

    def test_an_answer_that_comes_too_late_by_the_network(
        self, cassandra_server, cassandra_keyspace, store, task_list, saved, monkeypatch
    ):
        saved()
        with Proxy((cassandra_server.hosts[0], cassandra_server.port)) as proxy:
            through = cassandra_server.__class__(
                hosts=(proxy.address[0],), port=proxy.address[1], local_dc=cassandra_server.local_dc
            )
            slow = opened(through.url(cassandra_keyspace, timeout=20))
            assert slow.claim("nothing", lease=LEASE, limit=1).records == []
            original, sent = Link.send_once, []

            def send_once(self, statement, **how):
                if not sent:
                    proxy.blackhole(requests=False)
                    threading.Timer(8, proxy.heal).start()  # a transaction is given up after 0.3 x 20 s
                sent.append(statement)
                return original(self, statement, **how)

            monkeypatch.setattr(Link, "send_once", send_once)
            (claimed,) = slow.claim(task_list, lease=LEASE, limit=1).records
            assert len(sent) == 1
            assert store.heartbeat([held_by(claimed)])[0].token == claimed.claim.token
            slow.close()

    def test_attempts_are_not_counted_twice(self, store, task_list, lose, saved):
        saved()
        (claimed,) = store.claim(task_list, lease=LEASE, limit=1).records
        sent = lose(NeverSent, LateAnswer)
        assert store.fail(Failure(held=held_by(claimed), attempts=1, last_error="E"))
        assert len(sent) == 2
        assert store.find(task_list, "1").attempts == 1
        (again,) = store.claim(task_list, lease=LEASE, limit=1).records
        assert again.attempts == 1

    def test_the_others_too(self, store, task_list, lose, saved):
        saved()
        (claimed,) = store.claim(task_list, lease=LEASE, limit=1).records
        lose(LateAnswer)
        assert store.start(held_by(claimed)).token == claimed.claim.token
        lose(LateAnswer)
        assert store.heartbeat([held_by(claimed)])[0].token == claimed.claim.token
        lose(LateAnswer)
        assert store.release([held_by(claimed)]) == [True]
        assert store.release([held_by(claimed)]) == [False]


def nothing(*_):
    """Steps of a process that died before the first."""
    return
    yield


class TestWhatTheClaimsKnow:
    def test_a_lost_worker_costs_one_attempt_and_readers_see_it(self, store, task_list, saved):
        saved()
        (first,) = store.claim(task_list, lease=SHORT, limit=1).records
        store.start(held_by(first))
        time.sleep(2 * SHORT / 1e6)
        (again,) = store.claim(task_list, lease=SHORT, limit=1).records
        assert (again.attempts, again.last_error, again.claim.worker_lost) == (1, WORKER_LOST, True)
        found = store.find(task_list, "1")
        assert (found.attempts, found.last_error) == (1, WORKER_LOST)
        assert store.heartbeat([held_by(first)]) == [None]

    def test_attempts_outlive_the_row(self, store, session, task_list, saved):
        it = saved()
        for number in (1, 2):
            (claimed,) = store.claim(task_list, lease=LEASE, limit=1).records
            assert store.fail(Failure(held=held_by(claimed), attempts=number, last_error=f"E: {number}"))
        forget_claims(session, it)
        (claimed,) = store.claim(task_list, lease=LEASE, limit=1).records
        assert (claimed.attempts, claimed.last_error) == (2, "E: 2")
        assert not store.fail(Failure(held=Held(task_list, "1", it.saved_at), attempts=2, last_error="E: late"))
        assert store.fail(Failure(held=Held(task_list, "1", it.saved_at), attempts=3, last_error="E: 3"))
        assert store.heartbeat([held_by(claimed)]) != [None]  # whoever holds it still does

    def test_a_crash_before_the_copy_is_healed_by_the_next_claim(self, store, session, task_list, saved, monkeypatch):
        saved()
        (claimed,) = store.claim(task_list, lease=LEASE, limit=1).records
        monkeypatch.setattr("atleastonce_cassandra.claimer.report", nothing)
        store.fail(Failure(held=held_by(claimed), attempts=1, last_error="E: " + "x" * 4_000))
        assert store.find(task_list, "1").attempts == 0
        (again,) = store.claim(task_list, lease=LEASE, limit=1).records
        assert again.attempts == 1
        assert again.last_error == "E: " + "x" * 197

    def test_a_save_leaves_nothing_of_it(self, store, task_list, saved):
        saved()
        (first,) = store.claim(task_list, lease=LEASE, limit=1).records
        saved()
        (second,) = store.claim(task_list, lease=LEASE, limit=1).records
        assert second.saved_at > first.saved_at
        for change in (store.start(held_by(first)), *store.heartbeat([held_by(first)])):
            assert change is None
        assert store.release([held_by(first)]) == [False]
        assert not store.fail(Failure(held=held_by(first), attempts=1, last_error="E"))
        assert store.heartbeat([held_by(second)]) != [None]

    def test_a_claim_on_what_was_saved_anew_is_lost_before_anybody_claims_it(self, store, task_list, saved):
        saved()
        (first,) = store.claim(task_list, lease=LEASE, limit=1).records
        saved()
        assert store.start(held_by(first)) is None
        assert store.heartbeat([held_by(first)]) == [None]
        assert store.release([held_by(first)]) == [False]

    def test_a_state_of_a_version_above_that_of_the_task_says_nothing_once_nobody_holds_it(
        self, session, open_store, task_list
    ):
        """As after a truncate, by a clock that was set back. Until then the save of that version may be on its way from another data centre."""
        clock = TestClock()
        ahead, store = open_store(clock=lambda: clock() + 3_600_000_000), open_store(clock=clock)
        ahead.store([record("1", task_list)])
        (first,) = ahead.claim(task_list, lease=LEASE, limit=1).records
        session.execute("TRUNCATE tasks")
        store.store([record("1", task_list)])
        assert not store.claim(task_list, lease=LEASE, limit=1).records
        ahead.release([held_by(first)])
        (second,) = store.claim(task_list, lease=LEASE, limit=1).records
        assert second.saved_at < first.saved_at
        assert store.heartbeat([held_by(second), held_by(first)])[1] is None
        assert store.start(held_by(second)) is not None

    def test_rows_of_the_claims_go_some_day(self, store, task_list, saved, claims_row):
        it = saved()
        store.claim(task_list, lease=LEASE, limit=1)
        state, ttl = claims_row(it)
        assert state.version == it.saved_at
        assert GARBAGE_SECONDS < ttl <= GARBAGE_SECONDS + LEASE // 1_000_000
        store.release([Held(task_list, "1", it.saved_at)], due_at=state.until + 1_000 * 1_000_000)
        _, ttl = claims_row(it)
        assert ttl > GARBAGE_SECONDS + 900

    def test_a_damaged_row_hinders_nobody(self, store, session, task_list, saved):
        it = saved()
        session.execute(
            "UPDATE tasks_claims SET claim = (null, 0x41, null, null, null, null, null, null) "
            "WHERE task_list = %s AND slot = %s AND origin = %s AND id = %s IF claim = null",
            (task_list.encode(), *where("1"), b"1"),
        )
        (claimed,) = store.claim(task_list, lease=LEASE, limit=1).records
        assert claimed.id == it.id

    @pytest.mark.parametrize("number", [1, 2])
    def test_ids_that_are_no_text(self, store, task_list, number):
        """What somebody else wrote, and the driver cannot decode."""
        names = [b"\xed\xa0\x80".decode("utf-8", "surrogateescape"), "other"][:number]
        store.store([record(id, task_list) for id in names])
        claimed = store.claim(task_list, lease=LEASE, limit=9).records
        assert sorted(it.id for it in claimed) == sorted(names)
        assert (
            store.claim_saved([TaskKey(task_list, it.id, it.saved_at) for it in claimed], lease=LEASE)
            == [None] * number
        )
        assert None not in store.heartbeat([held_by(it) for it in claimed])
        for it in claimed:
            assert store.fail(Failure(held=held_by(it), attempts=1, last_error="E", dead=True))
        assert sorted(it.id for it in store.dead(task_list)) == sorted(names)
        store.discard([TaskKey(task_list, it.id) for it in claimed])
        assert list(store.dead(task_list)) == []

    def test_a_session_of_the_callers_that_has_another_serial_consistency(self, session, task_list, monkeypatch):
        profile = session.execution_profile_clone_update(
            session.cluster.profile_manager.default, serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL
        )
        monkeypatch.setitem(session.cluster.profile_manager.profiles, "odd", profile)
        store = CassandraStore.from_session(session, timeout=TIMEOUT_S)
        with store._links.use() as link:
            assert link._once_profile.serial_consistency_level == ConsistencyLevel.SERIAL
        store.close()


class TestDeadLetters:
    def test_a_move_is_one_mutation_at_the_tasks_version(self, store, session, task_list, saved):
        it = saved(data=b'{"a":1}', meta={"m": "n"})
        (claimed,) = store.claim(task_list, lease=LEASE, limit=1).records
        assert store.fail(Failure(held=held_by(claimed), attempts=1, last_error="E: x", dead=True))
        assert ids(store, task_list) == []
        (dead,) = store.dead(task_list)
        assert (dead.data, dead.meta, dead.saved_at) == (it.data, it.meta, it.saved_at)
        assert (dead.attempts, dead.last_error) == (1, "E: x")
        assert dead.died_at > it.saved_at
        rows = list(
            session.execute(
                "SELECT writetime(task), writetime(died_at) FROM tasks_dead WHERE task_list = %s ALLOW FILTERING",
                (task_list,),
            )
        )
        assert [tuple(row) for row in rows] == [(it.saved_at, it.saved_at)]

    def test_a_crash_before_the_move_leaves_the_task(self, store, task_list, saved, monkeypatch):
        saved()
        (claimed,) = store.claim(task_list, lease=LEASE, limit=1).records
        dying = Failure(held=held_by(claimed), attempts=1, last_error="E", dead=True)
        with monkeypatch.context() as patch:
            patch.setattr("atleastonce_cassandra.claimer.report", nothing)
            store.fail(dying)
        assert (ids(store, task_list), list(store.dead(task_list))) == (["1"], [])
        (again,) = store.claim(task_list, lease=LEASE, limit=1).records
        assert again.attempts == 1
        assert store.fail(Failure(held=held_by(again), attempts=1, last_error="E", dead=True))
        assert (ids(store, task_list), [it.id for it in store.dead(task_list)]) == ([], ["1"])

    def test_a_save_meanwhile_stays(self, store, task_list, saved, monkeypatch):
        from atleastonce_cassandra import claimer

        saved()
        (claimed,) = store.claim(task_list, lease=LEASE, limit=1).records
        original = claimer.report

        def report(*arguments):
            saved(data=b'{"newer":1}')
            return original(*arguments)

        monkeypatch.setattr(claimer, "report", report)
        assert store.fail(Failure(held=held_by(claimed), attempts=1, last_error="E", dead=True))
        assert store.find(task_list, "1").data == b'{"newer":1}'

    def test_many_in_pages(self, store, task_list):
        store.store([record(f"{number}", task_list) for number in range(130)])
        held = [held_by(it) for it in claimed_in_pages(store, task_list, 130)[0]]
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(lambda one: store.fail(Failure(held=one, attempts=1, last_error="E", dead=True)), held))
        dead = list(store.dead(task_list))
        assert len({it.id for it in dead}) == len(dead) == 130
        store.discard([TaskKey(task_list, it.id, it.saved_at) for it in dead[:100]])
        assert [it.id for it in store.dead(task_list)] == [it.id for it in dead[100:]]

    def test_reindex_finds_them(self, store, session, task_list, saved):
        saved()
        (claimed,) = store.claim(task_list, lease=LEASE, limit=1).records
        store.fail(Failure(held=held_by(claimed), attempts=1, last_error="E", dead=True))
        session.execute("TRUNCATE tasks_dead_segs")
        assert list(store.dead(task_list)) == []
        store.reindex()
        assert [it.id for it in store.dead(task_list)] == ["1"]


@pytest.mark.parametrize(
    ("until", "due_at", "seconds"),
    [
        (0, None, GARBAGE_SECONDS),
        (30_000_000, None, GARBAGE_SECONDS + 30),
        (30_000_000, 90_000_000, GARBAGE_SECONDS + 90),
        (0, LONGEST_SECONDS * 1_000_000, 0),
    ],
)
def test_how_long_a_row_is_kept(until, due_at, seconds):
    assert kept_seconds(State(1, b"t", until, 1, due_at=due_at), 0) == seconds
