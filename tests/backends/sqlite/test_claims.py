"""What is peculiar to claims on SQLite: the clock of leases, rows that somebody with a shell left, pages, what is synced when."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from atleastonce.claims import Failure, Held
from atleastonce.clock import boot_clock
from atleastonce.record import TaskKey
from atleastonce_sqlite import SqliteStore, claims, pages

from ..children import needs_fork
from .helpers import ids, raw, record

MINUTE = 60_000_000


def take(store, task_list="list", lease=10 * MINUTE, limit=100, **options):
    """What a whole pass gives."""
    found, cursor = [], None
    while True:
        page = store.claim(task_list, lease=lease, limit=limit, cursor=cursor, **options)
        found += page.records
        cursor = page.cursor
        if cursor is None:
            return found


def held(it, **changes):
    return Held(it.task_list, it.id, it.saved_at, it.claim.token)


@pytest.fixture
def wall(monkeypatch):
    """Sets the wall clock ahead or back."""
    real = time.time_ns
    return lambda seconds: monkeypatch.setattr(time, "time_ns", lambda: real() + seconds * 10**9)


@pytest.mark.parametrize("seconds", [-3_600, 86_400, -86_400 * 365])
def test_a_lease_does_not_follow_the_wall_clock(store, wall, seconds):
    store.store([record()])
    (it,) = take(store)
    wall(seconds)
    assert take(store, due_by=2**52) == []
    (renewed,) = store.heartbeat([held(it)])
    assert renewed.until - it.claim.until == pytest.approx(
        seconds * 10**6, abs=MINUTE
    )  # as the wall clock will show it
    assert renewed.lease == it.claim.lease == 10 * MINUTE
    (again,) = store.heartbeat([held(it)])
    assert again is not None


@pytest.mark.parametrize("seconds", [-3_600, 86_400])
def test_a_lease_ends_whatever_the_wall_clock_shows(store, wall, seconds):
    store.store([record()])
    assert len(take(store, lease=1)) == 1
    wall(seconds)
    time.sleep(0.001)
    assert len(take(store, due_by=2**52)) == 1


def test_a_lease_from_before_the_machine_was_started_is_over(store, path):
    store.store([record("1"), record("2")])
    one, _ = take(store)
    with raw(path) as connection:
        later = boot_clock() + 10 * MINUTE
        connection.execute("UPDATE atleastonce_tasks SET claim_until = ? WHERE id = '1'", (later + MINUTE,))
        connection.execute("UPDATE atleastonce_tasks SET claim_until = ? WHERE id = '2'", (later - MINUTE,))
    assert [it.id for it in take(store)] == ["1"]
    assert store.heartbeat([held(one)]) == [None]


def test_a_clock_of_its_own_decides_on_leases_too(path):
    now = 1_000 * MINUTE
    store = SqliteStore(path, clock=lambda: now)
    store.store([record()])
    (it,) = take(store)
    assert it.claim.until == now + 10 * MINUTE
    now -= 60 * MINUTE
    assert take(store) == []
    now += 71 * MINUTE
    assert len(take(store)) == 1
    store.close()


@pytest.mark.parametrize(
    "garbled",
    [
        "claim_until = 'soon'",
        "claim_until = NULL",
        "claim_until = x'00'",
        "claim_until = 9e300",
        "claim_until = 9223372036854775807",
        "claim_until = -9223372036854775808",
        "claim_lease = 'long'",
        "claim_lease = NULL",
        "claim_lease = -9223372036854775808",
        "claim_lease = 9e300",
        "claim_token = NULL",
        "claim_token = x'ff', claim_until = 5",
        "claim_started = 'yes', claim_until = 5",
        "claim_until = 5, attempts = 'many', claim_started = 1",
    ],
)
def test_a_garbled_claim_holds_nothing_for_ever(store, path, garbled):
    store.store([record("1"), record("2")])
    one, two = take(store)
    with raw(path) as connection:
        connection.execute(f"UPDATE atleastonce_tasks SET {garbled} WHERE id = '1'")
    store.release([held(two)])
    assert [it.id for it in take(store)] == ["1", "2"]
    assert not store.fail(Failure(held=held(one), attempts=1, last_error="late"))
    assert ids(store) == ["1", "2"]


def test_a_lost_worker_counts_where_attempts_are_garbled(store, path):
    store.store([record()])
    (it,) = take(store, lease=1)
    assert store.start(held(it)) is not None
    with raw(path) as connection:
        connection.execute("UPDATE atleastonce_tasks SET attempts = 'many'")
    time.sleep(0.001)
    (it,) = take(store, lease=1)
    assert it.claim.worker_lost
    assert it.attempts == 1
    assert store.find("list", "1").attempts == 1
    assert store.find("list", "1").problem is None


@pytest.mark.parametrize("column", ["type", "last_error", "meta"])
def test_text_that_is_no_utf8_is_claimed_and_buried_as_it_is(store, path, column):
    store.store([record("1"), record("2", data=b"{2}"), record("3")])
    with raw(path) as connection:
        connection.execute(
            f"UPDATE atleastonce_tasks SET {column} = CAST(x'61ff' AS TEXT), attempts = 4 WHERE id = '2'"
        )
    _, two, _ = take(store)
    assert two.attempts == 4
    assert take(store) == []
    assert store.start(held(two)) is not None
    assert store.fail(Failure(held=held(two), attempts=5, last_error="\udcff", dead=True))
    assert ids(store) == ["1", "3"]
    (dead,) = store.dead("list")
    assert (dead.id, dead.data, dead.attempts, dead.last_error) == ("2", b"{2}", 5, "\udcff")
    with raw(path) as connection:
        kept = {"type": b"a\xff", "last_error": b"\xff", "meta": b"a\xff"}[column]
        assert connection.execute(f"SELECT CAST({column} AS BLOB) FROM atleastonce_dead").fetchall() == [(kept,)]
    store.discard([TaskKey("list", "2", dead.saved_at)])
    assert list(store.dead("list")) == []


def test_a_key_that_is_no_utf8_is_claimed_and_buried(store, path):
    id = "x\udcff"
    store.store([record(id, task_list="l\udcfe"), record("y", task_list="l\udcfe")])
    one, other = take(store, "l\udcfe")
    assert one.id == id
    assert store.start(held(one), done=TaskKey("l\udcfe", "y", other.saved_at)) is not None
    assert None not in store.heartbeat([held(one)])
    assert store.release([held(one)]) == [True]
    (claim,) = store.claim_saved([TaskKey("l\udcfe", id, one.saved_at)], lease=MINUTE)
    assert store.fail(
        Failure(held=Held("l\udcfe", id, one.saved_at, claim.token), attempts=1, last_error="E", dead=True)
    )
    (dead,) = store.dead("l\udcfe")
    assert dead.id == id
    store.discard([TaskKey("l\udcfe", id)])
    assert list(store.dead("l\udcfe")) == []


def test_a_garbled_dead_letter_hides_nobody(store, path):
    versions = store.store([record("1"), record("2"), record("3")])
    for id, version in zip("123", versions, strict=True):
        assert store.fail(Failure(held=Held("list", id, version), attempts=1, last_error="E", dead=True))
    with raw(path) as connection:
        connection.execute(
            "UPDATE atleastonce_dead SET last_error = CAST(x'ff' AS TEXT), died_at = 'then' WHERE id = '2'"
        )
    assert [(it.id, it.problem is None) for it in store.dead("list")] == [("1", True), ("2", False), ("3", True)]


def test_one_claim_looks_at_a_bounded_number_of_rows(store, monkeypatch):
    monkeypatch.setattr(claims, "SCAN_ROWS", 10)
    store.store([record(f"{number:03}") for number in range(35)])
    store.claim("list", lease=10 * MINUTE, limit=25)
    assert len(take(store, limit=25)) == 35 - 10  # the first claim saw no more than ten
    store.store([record("last")])
    first = store.claim("list", lease=10 * MINUTE, limit=5)
    assert list(first.records) == []
    assert first.cursor is not None
    assert [it.id for it in take(store, limit=5)] == ["last"]


def test_a_page_of_claims_is_bounded_by_bytes(store, monkeypatch):
    monkeypatch.setattr(pages, "PAGE_BYTES", 1_000)
    store.store([record(f"{number:03}", data=b"x" * 400) for number in range(10)])
    page = store.claim("list", lease=10 * MINUTE, limit=100)
    assert len(page.records) == 3
    assert len(take(store)) == 7  # what was not given was not claimed


def test_claims_use_the_key(store, path):
    """No row is sorted, and none looked at beyond the list's."""
    store.store([record()])
    with raw(path) as connection:
        values = (b"list", b"", 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, b"list")
        plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT id {claims._WANTED}", values).fetchall()
    text = " ".join(step[-1] for step in plan)
    assert text.count("USING PRIMARY KEY") == 2
    assert "TEMP B-TREE" not in text


def synchronous(store):
    [(level,)] = store._connections._writer.execute("PRAGMA synchronous").fetchall()
    return {1: "NORMAL", 2: "FULL"}[level]


def test_only_what_a_restart_ends_anyway_is_not_synced(store):
    keys = [TaskKey("list", f"{n}", v) for n, v in enumerate(store.store([record(f"{n}") for n in range(5)]))]
    assert synchronous(store) == "FULL"
    store.claim_saved(keys[:1], lease=MINUTE)
    assert synchronous(store) == "NORMAL"
    store.store([record("new")])
    assert synchronous(store) == "FULL"
    (_, *others) = take(store, limit=2)
    assert synchronous(store) == "NORMAL"
    for done in (
        lambda: store.release([held(others[0])]),
        lambda: store.fail(Failure(held=held(others[1]), attempts=1, last_error="E", dead=True)),
        lambda: store.discard([TaskKey("list", others[1].id)]),
        lambda: store.delete(keys[:1]),
    ):
        done()
        assert synchronous(store) == "FULL"
        store.start(held(others[2]), done=keys[1])
        assert synchronous(store) == "NORMAL"


def test_flush_writes_with_a_sync(store, path):
    store.store([record("1"), record("2")])
    one, two = take(store)
    log = Path(f"{path}-wal")
    store.start(held(one))
    before = log.stat().st_size
    store.flush()
    assert synchronous(store) == "FULL"
    assert log.stat().st_size > before
    before = log.stat().st_size
    store.flush()  # there is nothing more
    assert log.stat().st_size == before
    assert list(store.dead("")) == []
    store.start(held(two), done=TaskKey("list", "1"))
    store.flush()
    assert log.stat().st_size > before


@needs_fork
def test_a_worker_that_was_paused_past_its_lease_harms_nobody(path):
    """SIGSTOP, the lease ends, another takes the task and fails it; SIGCONT: the first one's words change nothing."""
    store = SqliteStore(path)
    (version,) = store.store([record()])
    store.close()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            mine = SqliteStore(path)
            (it,) = take(mine, lease=1_000)
            os.write(writing, b"claimed ")
            os.kill(os.getpid(), signal.SIGSTOP)
            said = [
                mine.start(held(it)),
                *mine.heartbeat([held(it)]),
                *mine.release([held(it)]),
                mine.fail(Failure(held=held(it), attempts=9, last_error="E")),
                mine.fail(Failure(held=held(it), attempts=9, last_error="E", dead=True)),
            ]
            os.write(writing, repr(said).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        os.waitpid(child, os.WUNTRACED)
        time.sleep(0.002)
        (mine,) = take(store)
        os.kill(child, signal.SIGCONT)
        os.waitpid(child, 0)
        assert pipe.read() == b"claimed [None, None, False, False, False]"
    found = store.find("list", "1")
    assert (found.attempts, found.saved_at) == (0, version)
    assert store.heartbeat([held(mine)]) != [None]
    assert list(store.dead("list")) == []
    store.close()
