"""Disks that are full or broken, files that are read-only or locked: typed, with an outcome that is true."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from atleastonce.exceptions import InvalidTask, StoreUnavailable
from atleastonce.record import TaskKey
from atleastonce_sqlite import SqliteStore

from ..children import in_child, needs_fork
from .helpers import environment, ids, locked, record

KIB = b"x" * 1024


class Failing:
    """A cursor whose statements fail when they begin with a given word."""

    def __init__(self, cursor, word, error):
        self._cursor, self._word, self._error = cursor, word, error

    def execute(self, sql, *args):
        if sql.startswith(self._word):
            raise self._error
        return self._cursor.execute(sql, *args)

    def __getattr__(self, name):
        return getattr(self._cursor, name)


def sqlite_error(code, kind=sqlite3.OperationalError, text="it failed"):
    error = kind(text)
    error.sqlite_errorcode = code
    return error


def let_fail(store, word, error):
    cursor = store._connections.writer()
    store._connections._writer = Failing(cursor, word, error)


def test_a_locked_file_is_waited_for(store, path):
    store.store([record("1")])
    with locked(path) as other:
        timer = threading.Timer(0.3, lambda: other.execute("ROLLBACK"))  # longer than SQLite itself waits here
        timer.start()
        store.store([record("2")])
        timer.join()
    assert ids(store) == ["1", "2"]


@pytest.mark.parametrize("use", [lambda s: s.store([record("2")]), lambda s: s.delete([TaskKey("list", "1")])])
def test_a_file_that_stays_locked_is_unavailable_after_the_timeout(path, use):
    store = SqliteStore(path, timeout=0.25)
    store.store([record("1")])
    with locked(path):
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable, match=r"locked .* longer than 0\.25 s") as caught:
            use(store)
        assert time.monotonic() - begun >= 0.25
        assert ids(store) == ["1"]  # readers don't wait
    assert caught.value.outcome == "not_applied"
    assert str(path) in str(caught.value)
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    use(store)
    store.close()


def test_a_file_that_is_locked_before_it_was_ever_used(path):
    with locked(path) as other:
        other.execute("CREATE TABLE theirs (x)")
        store = SqliteStore(path, timeout=0.1)
        with pytest.raises(StoreUnavailable) as caught:
            store.store([record()])
        assert caught.value.outcome == "not_applied"
    store.store([record()])
    store.close()


@pytest.mark.parametrize("word", ["BEGIN", "SAVEPOINT", "COMMIT"])
@pytest.mark.parametrize(
    ("code", "at_commit"),
    [
        (sqlite3.SQLITE_FULL, "not_applied"),
        (sqlite3.SQLITE_READONLY, "not_applied"),
        (sqlite3.SQLITE_IOERR_FSYNC, "unknown"),
        (sqlite3.SQLITE_NOMEM, "unknown"),
    ],
)
def test_only_a_commit_that_failed_on_the_disk_leaves_doubt(store, word, code, at_commit):
    store.store([record("1")])
    let_fail(store, word, sqlite_error(code))
    with pytest.raises(StoreUnavailable) as caught:
        store.store([record("2"), record("3")])
    assert caught.value.outcome == (at_commit if word == "COMMIT" else "not_applied")
    store._connections.drop_writer()
    assert ids(store) == ["1"]
    store.store([record("2")])
    assert ids(store) == ["1", "2"]


@pytest.mark.parametrize(
    ("code", "outcome"), [(sqlite3.SQLITE_FULL, "not_applied"), (sqlite3.SQLITE_IOERR_FSYNC, "unknown")]
)
def test_a_statement_that_commits_by_itself_leaves_the_same_doubt(store, code, outcome):
    store.store([record("1")])
    let_fail(store, "DELETE", sqlite_error(code))
    with pytest.raises(StoreUnavailable) as caught:
        store.delete([TaskKey("list", "1")])
    assert caught.value.outcome == outcome


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CANTOPEN])
def test_after_a_failure_of_the_disk_another_connection_is_opened(store, code):
    store.store([record("1")])
    let_fail(store, "DELETE", sqlite_error(code))
    with pytest.raises(Exception, match=r"tasks\.db"):
        store.delete([TaskKey("list", "1")])
    store.delete([TaskKey("list", "1")])
    assert ids(store) == []


def test_a_full_file_keeps_what_it_has_and_takes_deletes(store):
    store.store([record("0", data=KIB * 40)])
    cursor = store._connections.writer()
    [(pages,)] = cursor.execute("PRAGMA page_count").fetchall()
    cursor.execute(f"PRAGMA max_page_count = {pages + 20}")
    for kept in ([record("1", data=KIB * 100)], [record("1", data=KIB * 100), record("2")]):
        with pytest.raises(StoreUnavailable, match="is full") as caught:
            store.store(kept)
        assert caught.value.outcome == "not_applied"
        assert ids(store) == ["0"]
    store.delete([TaskKey("list", "0")])
    store.store([record("1", data=KIB * 50)])
    assert ids(store) == ["1"]


_FILL = """
import json, resource, sys
from atleastonce.exceptions import StoreUnavailable
from atleastonce.record import TaskRecord
from atleastonce_sqlite import SqliteStore

store, saved, failure = SqliteStore(sys.argv[1]), [], None
store.setup()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
try:
    for number in range(1000):
        store.store([TaskRecord("list", str(number), "T", b"x" * 1024)])
        saved.append(str(number))
except StoreUnavailable as error:
    failure = [error.outcome, str(error)]
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
store.store([TaskRecord("list", "after", "T", b"x" * 1024)])
print(json.dumps({"saved": saved, "failure": failure}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE on Windows")
def test_a_file_that_may_not_grow_loses_nothing(path):
    done = subprocess.run(
        [sys.executable, "-c", _FILL, path], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    outcome, text = told["failure"]
    assert outcome in {"not_applied", "unknown"}
    assert str(path) in text
    store = SqliteStore(path)
    left = set(ids(store))
    assert left >= {*told["saved"], "after"}
    assert len(left) <= len(told["saved"]) + (2 if outcome == "unknown" else 1)
    store.close()


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 512 KiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    if sys.platform != "linux" or os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root can mount a file system, on Linux")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"this root may not mount: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_loses_nothing_and_recovers(tiny_disk):
    filler = tiny_disk / "filler"
    filler.write_bytes(KIB * 200)
    store = SqliteStore(tiny_disk / "tasks.db")
    saved = []

    def fill():
        for number in range(1000):
            store.store([record(f"{number:04}", data=KIB)])
            saved.append(f"{number:04}")

    with pytest.raises(StoreUnavailable, match="make room") as caught:
        fill()
    assert saved
    assert caught.value.outcome == "not_applied"
    assert ids(store) == saved
    with pytest.raises(StoreUnavailable):
        store.store([record("batch-1", data=KIB), record("batch-2", data=KIB)])
    assert ids(store) == saved
    filler.unlink()
    store.store([record("after", data=KIB)])
    assert ids(store) == [*saved, "after"]
    store.close()


def as_nobody(work):
    """In a child that permissions bind, also where the tests run as root."""

    def run():
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        work()

    in_child(run)


@pytest.fixture
def shown_path():
    """A file in a directory that everybody can reach, unlike pytest's own."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    yield place / "tasks.db"
    place.chmod(0o755)
    shutil.rmtree(place)


@needs_fork
def test_a_read_only_file_can_be_read(shown_path):
    store = SqliteStore(shown_path)
    store.store([record()])
    store.close()
    shown_path.chmod(0o444)
    shown_path.parent.chmod(0o777)

    def use():
        store = SqliteStore(shown_path)
        assert ids(store) == ["1"]
        for write in (
            lambda: store.store([record("2")]),
            lambda: store.store([record("2"), record("3")]),
            lambda: store.delete([TaskKey("list", "1")]),
        ):
            with pytest.raises(StoreUnavailable, match="cannot be written") as caught:
                write()
            assert caught.value.outcome == "not_applied"
            assert str(shown_path) in str(caught.value)
        assert ids(store) == ["1"]

    as_nobody(use)


@needs_fork
def test_a_read_only_directory_is_unavailable(shown_path):
    shown_path.parent.chmod(0o555)

    def use():
        with pytest.raises(StoreUnavailable, match="cannot be opened") as caught:
            SqliteStore(shown_path).store([record()])
        assert caught.value.outcome == "not_applied"

    as_nobody(use)


@pytest.mark.parametrize(
    "bad",
    [
        {"run_at": 2**63},
        {"type": object()},
        {"data": 1.5j},
        {"type": None},
        {"data": None},
        {"id": None},
        {"task_list": b"bytes"},
        {"type": "\ud800secret"},
        {"id": "\ud800secret"},
        {"meta": {"secret": 5}},
        {"meta": {5: "secret"}},
    ],
)
@pytest.mark.parametrize("neighbours", [[], [record("neighbour")]])
def test_a_value_that_cannot_be_stored_is_an_invalid_task_and_nothing_is_written(store, bad, neighbours):
    for _ in range(3):  # the first saves of a store take another way than the later ones
        store.store([record("kept")])
    with pytest.raises(InvalidTask) as caught:
        store.store([*neighbours, record(**{"id": "bad", **bad})])
    assert ids(store) == ["kept"]
    seen = caught.value
    while seen is not None:
        assert "secret" not in str(seen)
        seen = seen.__cause__
    store.store([record("after")])


def test_data_that_sqlite_refuses_is_an_invalid_task(store):
    store.store([record("kept")])
    connection = store._connections.writer().connection
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000)
    for batch in ([record("1", data=KIB * 20)], [record("1", data=KIB * 20), record("2")]):
        with pytest.raises(InvalidTask):
            store.store(batch)
    assert ids(store) == ["kept"]


def test_a_damaged_file_is_a_typed_error(path):
    store = SqliteStore(path)
    store.store([record(str(number), data=KIB) for number in range(200)])
    store.close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(Exception, match="damaged") as caught:
        ids(store)
    assert caught.value.outcome == "not_applied"
    store.close()


def test_an_error_of_ctrl_c_kind_passes_unchanged(store):
    store.store([record("1")])
    let_fail(store, "DELETE", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        store.delete([TaskKey("list", "1")])
    store._connections._writer = store._connections._writer._cursor
    with contextlib.suppress(KeyboardInterrupt):
        store.delete([TaskKey("list", "1")])
    assert ids(store) == []
