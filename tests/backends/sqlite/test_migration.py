"""A file of schema version 1 is given what claims need: all or nothing, once, and no row of it changes."""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from atleastonce.claims import Failure, Held
from atleastonce_sqlite import SqliteStore, schema

from ..children import in_child, needs_fork
from .helpers import ids, raw, record

# As version 1 made it, to the letter. Never to be changed.
VERSION_1 = (
    "PRAGMA journal_mode = WAL",
    """\
CREATE TABLE IF NOT EXISTS atleastonce_tasks (
  task_list TEXT NOT NULL CHECK (typeof(task_list) = 'text'),
  id TEXT NOT NULL CHECK (typeof(id) = 'text'),
  type TEXT NOT NULL,
  data BLOB NOT NULL,
  saved_at INTEGER NOT NULL CHECK (typeof(saved_at) = 'integer'),
  attempts INTEGER NOT NULL DEFAULT 0,
  last_error TEXT,
  run_at INTEGER,
  meta TEXT,
  PRIMARY KEY (task_list, id)
) WITHOUT ROWID""",
    """\
CREATE TABLE IF NOT EXISTS atleastonce_settings (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version_floor INTEGER NOT NULL CHECK (typeof(version_floor) = 'integer'),
  slack_us INTEGER NOT NULL CHECK (typeof(slack_us) = 'integer'),
  owner INTEGER
)""",
    "PRAGMA application_id = 1098140751",
    "PRAGMA user_version = 1",
)
INSERT = "INSERT INTO atleastonce_tasks (task_list, id, type, data, saved_at) VALUES (?, ?, ?, ?, ?)"
REPLACE = """\
REPLACE INTO atleastonce_tasks (task_list, id, type, data, run_at, meta, saved_at)
VALUES (CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, ?, ?)"""
ROWS = [
    ("list", "1", "T", b"{}", 1_700_000_000_000_000),
    ("list", "2", "T@2", b'{"a": 1}', 1_700_000_000_000_001),
    ("other", "1", "T", b"\xff", 1_700_000_000_000_002),
]
TABLE = "SELECT * FROM atleastonce_tasks ORDER BY task_list, id"


@pytest.fixture
def old(path):
    """A file of version 1 with some tasks."""
    with raw(path) as connection:
        for statement in VERSION_1:
            connection.execute(statement)
        connection.executemany(INSERT, ROWS)
        connection.execute("UPDATE atleastonce_tasks SET meta = '{\"k\": \"v\"}', run_at = 5 WHERE id = '2'")
        connection.execute("REPLACE INTO atleastonce_settings VALUES (1, 1700000000000002, 100000, 77)")
    return path


def rows(path):
    with raw(path) as connection:
        return connection.execute(TABLE).fetchall()


def columns(path):
    with raw(path) as connection:
        found = connection.execute("PRAGMA table_info(atleastonce_tasks)").fetchall()
        dead = connection.execute("PRAGMA table_info(atleastonce_dead)").fetchall()
        return [column[1:] for column in found], [column[1:] for column in dead]


def version(path):
    with raw(path) as connection:
        return connection.execute("PRAGMA user_version").fetchall()


def test_the_first_use_migrates_and_changes_no_row(old):
    before = rows(old)
    store = SqliteStore(old)
    assert [(it.id, it.type, it.data, it.saved_at, it.problem) for it in store.all("list")] == [
        (*row[1:], None) for row in ROWS[:2]
    ]
    assert store.find("list", "2").meta == {"k": "v"}
    assert store.find("list", "2").run_at == 5
    store.close()
    assert [row[:9] for row in rows(old)] == before
    assert all(row[9:] == (None,) * 5 for row in rows(old))
    assert version(old) == [(2,)]


def test_it_becomes_what_a_new_file_is(old, tmp_path):
    new = tmp_path / "new.db"
    for path in (old, new):
        store = SqliteStore(path)
        store.setup()
        store.close()
    assert columns(old) == columns(new)


def test_a_dry_run_says_what_it_would_do(old):
    store = SqliteStore(old)
    planned = store.setup(dry_run=True)
    assert version(old) == [(1,)]
    assert len(rows(old)[0]) == 9
    assert [statement.split("(")[0].split()[:2] for statement in planned] == [
        *[["ALTER", "TABLE"]] * 5,
        ["CREATE", "TABLE"],
        ["PRAGMA", "user_version"],
    ]
    assert store.setup() == planned
    assert store.setup() == store.setup(dry_run=True) == []
    store.close()


def test_its_tasks_can_be_claimed_and_die(old):
    store = SqliteStore(old)
    first, second = store.claim("list", lease=10**6, limit=10).records
    held = Held("list", second.id, second.saved_at, second.claim.token)
    assert store.fail(Failure(held=held, attempts=1, last_error="E: no", dead=True))
    assert [(it.id, it.type, it.data, it.saved_at) for it in store.dead("list")] == [ROWS[1][1:]]
    assert ids(store) == [first.id]
    store.close()


def test_two_that_migrate_at_once_do_it_once(old):
    stores = [SqliteStore(old) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda store: store.setup(), stores))
    assert sorted(map(len, done)) == [0] * 7 + [7]
    for store in stores:
        assert ids(store) == ["1", "2"]
        store.close()


@needs_fork
def test_two_processes_that_migrate_at_once_do_it_once(old):
    go, gone = os.pipe()
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(gone)
                os.read(go, 1)  # until the parent closes it
                store = SqliteStore(old)
                store.store([record(f"new-{number}")])
                store.close()
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    os.close(gone)
    os.close(go)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    store = SqliteStore(old)
    assert ids(store) == ["1", "2", *(f"new-{number}" for number in range(4))]
    store.close()


def test_a_process_that_began_before_goes_on(old):
    """One with the version before, which has the file open: its statements still do what they did, and void claims."""
    store = SqliteStore(old)
    with raw(old) as connection:
        assert connection.execute("SELECT count(*) FROM atleastonce_tasks").fetchall() == [(3,)]
        page = store.claim("list", lease=10**9, limit=10)
        connection.execute(INSERT, ("list", "3", "T", b"{}", 1_700_000_000_000_003))
        connection.execute(REPLACE, (b"list", b"1", b"T", b"{}", None, None, 1_700_000_000_000_004))
        found = connection.execute(
            "SELECT id, type, data, saved_at, attempts, last_error, run_at, meta FROM atleastonce_tasks"
        )
        assert len(found.fetchall()) == 4
    first = page.records[0]
    assert store.start(Held("list", first.id, first.saved_at, first.claim.token)) is None
    assert [it.id for it in store.claim("list", lease=10**9, limit=10).records] == ["1", "3"]
    store.close()


@needs_fork
@pytest.mark.parametrize("survived", range(8))
def test_a_crash_during_the_migration_leaves_all_or_nothing(old, survived):
    """The process dies before the statement with that number, or before the commit."""
    before = rows(old)

    class Dying(sqlite3.Connection):
        left = survived

        def execute(self, sql, *args):
            if sql in schema._FROM_VERSION_1 or sql == "COMMIT":
                if not Dying.left:
                    os._exit(9)
                Dying.left -= 1
            return super().execute(sql, *args)

    def migrate():
        real = sqlite3.connect
        sqlite3.connect = lambda *args, **options: real(*args, factory=Dying, **options)
        SqliteStore(old).setup()

    with pytest.raises(AssertionError):  # it never comes to its regular end
        in_child(migrate)
    assert version(old) == [(1,)]
    assert rows(old) == before
    store = SqliteStore(old)
    assert len(store.claim("list", lease=10**6, limit=10).records) == 2
    store.close()
