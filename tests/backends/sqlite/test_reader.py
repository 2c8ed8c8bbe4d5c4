"""Lists are read page by page; nothing stays open between two records, and nothing uncommitted is seen."""

from __future__ import annotations

import gc
import sys

import pytest

from atleastonce.record import TaskKey
from atleastonce_sqlite import SqliteStore, pages, reader

from .helpers import ids, locked, open_files, raw, record


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(reader, "PAGE_ROWS", 10)


def fill(store, number, **fields):
    store.store([record(f"{index:05}", **fields) for index in range(number)])


def checkpoint(path):
    """(busy, pages in the log, pages written back); truncating needs that nobody reads."""
    with raw(path) as connection:
        [row] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return row


@pytest.mark.parametrize("number", [0, 1, 9, 10, 11, 20, 25])
def test_pages_make_a_list(store, small_pages, number):
    fill(store, number)
    store.store([record("x", task_list="lis"), record("x", task_list="list2"), record("x", task_list="li\xdft")])
    assert ids(store) == [f"{index:05}" for index in range(number)]
    assert store.count("list") == number


def test_a_page_is_bounded_by_bytes(store):
    """Two pages of a list whose records are of 300 KiB each, not one of gigabytes; and one record larger than a page."""
    fill(store, 10, data=b"x" * 300_000)
    store.store([record("00003", data=b"y" * 3_000_000)])
    sizes = []
    original = reader.read_records

    def measured(*args, **kwargs):
        page, more = original(*args, **kwargs)
        sizes.append(sum(len(it.data) for it in page))
        return page, more

    reader.read_records = measured
    try:
        assert len(ids(store)) == 10
    finally:
        reader.read_records = original
    assert max(sizes) < 3_000_000 + pages.PAGE_BYTES
    assert len(sizes) >= 3


@pytest.mark.parametrize("garbled", ["last_error", "data", "type"])
def test_a_page_of_garbled_rows_is_bounded_too(store, path, monkeypatch, garbled):
    monkeypatch.setattr(pages, "PAGE_BYTES", 1_000)
    fill(store, 20)
    with raw(path) as connection:
        connection.execute(f"UPDATE atleastonce_tasks SET {garbled} = CAST(x'ff{'61' * 600}' AS TEXT)")
    store.close()
    iterator = store.all("list")
    next(iterator)
    store.delete([TaskKey("list", f"{index:05}") for index in range(5, 20)])
    assert len(list(iterator)) < 5


def test_a_reader_that_stops_half_way_leaves_nothing_open(store, path, small_pages):
    fill(store, 100)
    iterators = [store.all("list") for _ in range(30)]
    for iterator in iterators:
        for _ in range(15):
            next(iterator)
    assert len(store._connections._idle) == 1
    assert checkpoint(path)[0] == 0
    if sys.platform == "linux":
        before = open_files()
        del iterators, iterator
        gc.collect()
        assert open_files() == before


def test_no_lookup_leaves_anything_open(store, path):
    fill(store, 3)
    uses = (
        lambda: store.find("list", "00001"),
        lambda: store.find("list", "none"),
        lambda: store.count("list"),
        lambda: next(store.task_lists()),
        lambda: next(store.all("list")),
        lambda: store.store([record("00001"), record("x")]),
        lambda: store.store([record("00001")]),
    )
    for use in uses:
        use()
        assert checkpoint(path)[0] == 0


def test_the_log_does_not_grow_while_a_list_is_read_slowly(path, small_pages):
    def peak(reading):
        store = SqliteStore(path.with_name(f"{reading}.db"))
        wal = path.with_name(f"{reading}.db-wal")
        fill(store, 200)
        iterator = store.all("list") if reading else iter(())
        largest = 0
        for number in range(150):
            next(iterator, None)
            store.store([record(f"x{number:05}-{index}", data=b"x" * 1_000) for index in range(50)])
            largest = max(largest, wal.stat().st_size)
        store.close()
        return largest

    alone = peak(reading=False)
    assert alone > 0
    assert peak(reading=True) <= 2 * alone


def test_what_is_not_committed_is_not_seen(store, path):
    fill(store, 2)
    cursor = store._connections.writer()
    cursor.execute("BEGIN IMMEDIATE")
    cursor.execute("DELETE FROM atleastonce_tasks WHERE id = '00000'")
    assert ids(store) == ["00000", "00001"]
    assert store.find("list", "00000") is not None
    assert store.count("list") == 2
    cursor.execute("ROLLBACK")


def test_readers_do_not_wait_for_who_writes(store, path):
    fill(store, 2)
    with locked(path):
        assert ids(store) == ["00000", "00001"]


def test_records_that_come_and_go_meanwhile(store, small_pages):
    fill(store, 30)
    seen = []
    for it in store.all("list"):
        seen.append(it.id)
        if it.id == "00005":
            store.delete([TaskKey("list", f"{index:05}") for index in range(10, 20)])
            store.store([record("00025", type="New"), record("00000-late"), record("99999")])
        if it.id == "00025":
            assert it.type == "New"
    assert seen == [f"{index:05}" for index in (*range(10), *range(20, 30))] + ["99999"]


def test_the_last_record_of_a_page_may_go_before_the_next_page(store, small_pages):
    fill(store, 25)
    seen = []
    for it in store.all("list"):
        seen.append(it.id)
        store.delete([TaskKey("list", it.id)])
    assert len(seen) == 25


def test_saved_before_leaves_out_what_is_not_older(store, small_pages):
    fill(store, 15)
    versions = [it.saved_at for it in store.all("list")]
    assert [it.saved_at for it in store.all("list", saved_before=versions[12])] == versions[:12]
    assert list(store.all("list", saved_before=versions[0])) == []
    assert len(list(store.all("list", saved_before=versions[-1] + 1))) == 15


@pytest.mark.parametrize("bound", [-1, 0, 2**63 - 1])
def test_any_bound_will_do(store, bound):
    fill(store, 3)
    assert len(list(store.all("list", saved_before=bound))) in {0, 3}


def test_lists_are_found_by_leaps(store, path):
    """Not by a scan of all rows: each list costs one search of the index."""
    names = [f"list {index}" for index in range(20)]
    store.store([record(str(index), task_list=name) for name in names for index in range(50)])
    assert list(store.task_lists()) == sorted(names)
    with raw(path) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {reader._NEXT_LIST}", (b"x",)).fetchall()
    assert "SEARCH" in plan[0][3]
    assert len(plan) == 1


@pytest.mark.parametrize("sql", [f"SELECT * {reader._PAGE}", f"SELECT * {reader._FIND}"])
def test_rows_are_found_by_their_key(store, path, sql):
    fill(store, 1)
    with raw(path) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", [b"x"] * sql.count("?")).fetchall()
    assert len(plan) == 1
    assert "SEARCH" in plan[0][3]
    assert "task_list=? AND id" in plan[0][3]


@pytest.mark.parametrize("rows", [1, 2, 10])
def test_ids_come_in_the_order_of_their_bytes(store, monkeypatch, rows):
    monkeypatch.setattr(reader, "PAGE_ROWS", rows)
    monkeypatch.setattr(reader, "COUNT_ROWS", rows)
    names = ["b", "a", "B", "\U00010000", "\uffff", "\udc80", "é", "a\0", "a\1"]
    store.store([record(name) for name in names])
    assert ids(store) == sorted(names, key=lambda text: text.encode("utf-8", "surrogateescape"))
    assert all(store.find("list", name).id == name for name in names)
    assert store.count("list") == len(names)


def test_a_reader_survives_closing_in_the_middle(store, small_pages):
    fill(store, 35)
    iterator = store.all("list")
    first = [next(iterator).id for _ in range(15)]
    store.close()
    assert len(first + [it.id for it in iterator]) == 35


def test_a_connection_that_was_lent_over_a_close_is_closed_when_it_comes_back(store):
    fill(store, 1)
    connection, generation = store._connections.lend()
    store.close()
    store._connections.give_back(connection, generation)
    with pytest.raises(Exception, match="closed database"):
        connection.execute("SELECT 1")
    assert store._connections._idle == []


def test_only_so_many_idle_connections_are_kept(store):
    fill(store, 1)
    lent = [store._connections.lend() for _ in range(40)]
    for connection, generation in lent:
        store._connections.give_back(connection, generation)
    assert len(store._connections._idle) == 16


def test_a_reader_cannot_write(store):
    fill(store, 1)
    connection, generation = store._connections.lend()
    with pytest.raises(Exception, match="readonly"):
        connection.execute("DELETE FROM atleastonce_tasks")
    store._connections.give_back(connection, generation)
