"""How a file becomes ours, and which file does not."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from atleastonce.exceptions import ConfigurationError, StoreError, StoreUnavailable
from atleastonce_sqlite import SqliteStore, schema

from ..children import in_child, needs_fork
from .helpers import ids, raw, record

USES = {
    "store": lambda store: store.store([record()]),
    "find": lambda store: store.find("list", "1"),
    "all": lambda store: list(store.all("list")),
    "delete": lambda store: store.delete([]) or store.count("list"),
    "task_lists": lambda store: list(store.task_lists()),
    "setup": lambda store: store.setup(),
}
each_use = pytest.mark.parametrize("use", USES.values(), ids=USES)


@each_use
def test_the_first_use_sets_the_file_up(path, use):
    store = SqliteStore(path)
    use(store)
    store.close()
    with raw(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
        assert connection.execute("PRAGMA application_id").fetchall() == [(schema.APPLICATION_ID,)]
        assert connection.execute("PRAGMA user_version").fetchall() == [(schema.SCHEMA_VERSION,)]
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    assert tables == [("atleastonce_dead",), ("atleastonce_settings",), ("atleastonce_tasks",)]


def test_setup_tells_what_it_would_do_then_does_it_then_has_nothing_to_do(path):
    store = SqliteStore(path)
    planned = store.setup(dry_run=True)
    assert not path.exists()
    assert len(planned) == 6
    assert store.setup() == planned
    assert store.setup() == store.setup(dry_run=True) == []
    store.close()


def test_a_dry_run_on_an_empty_file_leaves_it_empty(path):
    path.touch()
    store = SqliteStore(path)
    assert len(store.setup(dry_run=True)) == 6
    assert path.stat().st_size == 0
    assert len(store.setup()) == 6
    store.close()


def test_the_writer_waits_for_the_disk(store):
    store.store([record()])
    cursor = store._connections.writer()
    assert cursor.execute("PRAGMA synchronous").fetchall() == [(2,)]  # FULL
    assert cursor.execute("PRAGMA fullfsync").fetchall() == [(1,)]


def test_the_log_is_switched_on_again_where_somebody_switched_it_off(path):
    store = SqliteStore(path)
    store.store([record("1")])
    store.close()
    with raw(path) as connection:
        assert connection.execute("PRAGMA journal_mode = DELETE").fetchall() == [("delete",)]
    store.store([record("2")])
    store.close()
    with raw(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


def test_tables_of_others_are_left_alone(path):
    with raw(path) as connection:
        connection.execute("CREATE TABLE tasks (id)")
        connection.execute("INSERT INTO tasks VALUES (5)")
    store = SqliteStore(path)
    store.store([record()])
    assert ids(store) == ["1"]
    store.close()
    with raw(path) as connection:
        assert connection.execute("SELECT * FROM tasks").fetchall() == [(5,)]


@pytest.mark.parametrize(
    "statement",
    [
        "PRAGMA application_id = 1234",
        "PRAGMA user_version = 7",
        "CREATE TABLE atleastonce_tasks (something)",
        "CREATE VIEW atleastonce_settings AS SELECT 1",
        "PRAGMA encoding = 'UTF-16'",
    ],
)
@each_use
def test_the_database_of_another_application_is_refused_and_left_as_it_is(path, statement, use):
    with raw(path) as connection:
        connection.execute(statement)
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    store = SqliteStore(path)
    with pytest.raises(ConfigurationError, match="another application") as caught:
        use(store)
    store.close()
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


@each_use
def test_a_newer_schema_asks_for_an_upgrade(path, use):
    store = SqliteStore(path)
    store.store([record()])
    store.close()
    with raw(path) as connection:
        connection.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="upgrade atleastonce") as caught:
        use(store)
    store.close()
    assert caught.value.outcome == "not_applied"
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


@each_use
def test_a_file_that_is_no_database_is_left_as_it_is(path, use):
    before = b"These are the notes of somebody else.\n" * 500
    path.write_bytes(before)
    store = SqliteStore(path)
    with pytest.raises(StoreError, match="not an SQLite database") as caught:
        use(store)
    store.close()
    assert caught.value.outcome == "not_applied"
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert [it.name for it in path.parent.iterdir()] == [path.name]


@each_use
def test_a_directory_in_place_of_the_file(path, use):
    path.mkdir()
    with pytest.raises(StoreUnavailable, match="is a directory") as caught:
        use(SqliteStore(path))
    assert caught.value.outcome == "not_applied"
    assert str(path) in str(caught.value)


@each_use
def test_a_missing_directory_is_named(tmp_path, use):
    with pytest.raises(StoreUnavailable, match="make the directory") as caught:
        use(SqliteStore(tmp_path / "missing" / "tasks.db"))
    assert caught.value.outcome == "not_applied"
    assert str(tmp_path / "missing") in str(caught.value)


def test_a_table_that_somebody_dropped_is_a_typed_error(store, path):
    store.store([record()])
    with raw(path) as connection:
        connection.execute("DROP TABLE atleastonce_tasks")
    for use in (lambda: store.store([record()]), lambda: store.find("list", "1")):
        with pytest.raises(StoreError, match="no such table") as caught:
            use()
        assert caught.value.outcome == "not_applied"


@needs_fork
@pytest.mark.parametrize("survived", range(7))
def test_a_crash_during_the_first_set_up_leaves_nothing_in_the_way(path, survived):
    """The process dies before the statement with that number; statements of ours only."""

    class Dying(sqlite3.Connection):
        left = survived

        def execute(self, sql, *args):
            if sql in (schema.JOURNAL, *schema._STATEMENTS):
                if not Dying.left:
                    raise _Died
                Dying.left -= 1
            if sql == "COMMIT" and not Dying.left:
                raise _Died
            return super().execute(sql, *args)

    def set_up_and_die():
        real = sqlite3.connect
        sqlite3.connect = lambda *args, **options: real(*args, factory=Dying, **options)
        schema.create = _dying(schema.create)
        SqliteStore(path).setup()

    with pytest.raises(AssertionError):  # it never comes to its regular end
        in_child(set_up_and_die)
    store = SqliteStore(path)
    store.store([record()])
    assert ids(store) == ["1"]
    store.close()


class _Died(BaseException):
    pass


def _dying(create):
    import os

    def run(*args):
        try:
            return create(*args)
        except _Died:
            os._exit(9)

    return run


def test_a_file_is_judged_from_one_moment(path):
    """Another process sets it up between the first look and the last."""
    other = SqliteStore(path)

    class Slow(sqlite3.Connection):
        def execute(self, sql, *args):
            rows = super().execute(sql, *args).fetchall()
            if sql == "PRAGMA user_version":
                other.setup()
            return _Rows(rows)

    class _Rows:
        def __init__(self, rows):
            self.rows = rows

        def fetchall(self):
            return self.rows

    path.touch()
    with raw(path) as plain:
        plain.execute("PRAGMA journal_mode = WAL")  # so that the other need not wait for who looks
    connection = sqlite3.connect(path, isolation_level=None, factory=Slow)
    assert schema.is_ready(connection, str(path)) is False
    assert schema.is_ready(connection, str(path)) is True
    connection.close()
    other.close()


def test_two_that_set_up_at_once_do_it_once(path):
    stores = [SqliteStore(path) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda store: store.setup(), stores))
    tables = [statement for statements in done for statement in statements if statement.startswith("CREATE")]
    assert len(tables) == 3  # the journal mode may be set by both
    for store in stores:
        store.close()
