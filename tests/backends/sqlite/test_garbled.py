"""Rows that no save of ours wrote: given with their problem, their bytes kept, their neighbours unharmed."""

from __future__ import annotations

import pytest

from atleastonce.claims import Failure, Held
from atleastonce.exceptions import InvalidTask
from atleastonce.record import NO_META, TaskKey
from atleastonce_sqlite import SqliteStore

from .helpers import ids, raw, record

NOT_UTF8 = "CAST(x'61ff62' AS TEXT)"  # a, a byte that begins nothing, b


def garble(path, column, value, id="2"):
    with raw(path) as connection:
        connection.execute(f"UPDATE atleastonce_tasks SET {column} = {value} WHERE id = ?", (id,))


@pytest.fixture
def three(store):
    store.store([record(id, data=b'{"n": %s}' % id.encode(), meta={"k": "v"}) for id in "123"])
    return store


def the_garbled(store, saved_before=None):
    """Both ways to read it give the same; its neighbours are as they were."""
    first, second, third = store.all("list", saved_before=saved_before)
    for neighbour in (first, third):
        assert neighbour.problem is None
        assert neighbour.data == b'{"n": %s}' % neighbour.id.encode()
        assert neighbour.meta == {"k": "v"}
    assert store.find("list", "2") == second
    return second


@pytest.mark.parametrize(
    ("column", "value", "seen"),
    [
        ("type", "x'61ff62'", "a\udcffb"),
        ("data", "17", b"17"),
        ("data", "1.5", b"1.5"),
        ("attempts", "'many'", 0),
        ("attempts", "x'ff'", 0),
        ("attempts", "-1", 0),
        ("attempts", "1.5", 0),
        ("last_error", "x'ff'", None),
        ("run_at", "'soon'", None),
        ("run_at", "x'ff'", None),
        ("run_at", "-1", None),
        ("run_at", "9007199254740992", None),
        ("meta", "x'ff'", NO_META),
        ("meta", "'{'", NO_META),
        ("meta", "'[]'", NO_META),
        ("meta", "'null'", NO_META),
        ("meta", """'{"k": 1}'""", NO_META),
        ("meta", f"'{'[' * 100_000}'", NO_META),
        ("meta", "CAST(x'7b226b223a22ff227d' AS TEXT)", NO_META),
        ("saved_at", "9007199254740992", None),
        ("saved_at", "9223372036854775807", None),
        ("saved_at", "-1", None),
    ],
)
def test_a_column_of_the_wrong_kind_is_a_problem(three, path, column, value, seen):
    garble(path, column, value)
    found = the_garbled(three)
    assert column in found.problem
    assert getattr(found, column) == seen
    if column != "data":
        assert found.data == b'{"n": 2}'
    assert "61ff62" not in found.problem
    assert "soon" not in found.problem
    three.delete([TaskKey("list", "2", found.saved_at)])
    assert ids(three) == ["1", "3"]


@pytest.mark.parametrize(
    ("column", "value", "seen"),
    [
        ("type", NOT_UTF8, "a\udcffb"),
        ("last_error", NOT_UTF8, "a\udcffb"),
        ("last_error", "''", ""),
        ("data", "'{\"n\": 2}'", b'{"n": 2}'),  # what a shell's UPDATE leaves
        ("data", NOT_UTF8, b"a\xffb"),
        ("data", "x'61ff0062'", b"a\xff\0b"),
        ("data", "x''", b""),
        ("attempts", "3", 3),
        ("attempts", "9223372036854775807", 1_000_000_000),
        ("run_at", "0", 0),
        ("meta", "NULL", NO_META),
        ("meta", "'{}'", {}),
        ("saved_at", "0", 0),
        ("saved_at", "9007199254740991", 2**53 - 1),
    ],
)
def test_what_can_be_told_is_no_problem(three, path, column, value, seen):
    garble(path, column, value)
    found = the_garbled(three)
    assert found.problem is None
    assert getattr(found, column) == seen


@pytest.mark.parametrize("lost", [False, True])
def test_attempts_beyond_all_counting_can_be_counted_on(three, path, lost):
    """One more of them is written down, by a report and by a lease that ran out."""
    garble(path, "attempts", "9223372036854775807")
    if lost:
        (key,) = (TaskKey("list", "2", it.saved_at) for it in three.all("list") if it.id == "2")
        for _ in range(2):
            (claim,) = three.claim_saved([key], lease=1)
            assert claim is not None
            three.start(Held("list", "2", key.saved_at, claim.token))
    page = three.claim("list", lease=60_000_000, limit=10)
    assert [it.id for it in page.records] == ["1", "2", "3"]
    given = page.records[1]
    assert given.claim.worker_lost is lost
    held = Held("list", "2", given.saved_at, given.claim.token)
    assert three.fail(Failure(held=held, attempts=given.attempts + 1, last_error="E", dead=True))
    assert ids(three) == ["1", "3"]
    assert [it.id for it in three.dead("list")] == ["2"]


def test_two_problems_are_both_told(three, path):
    garble(path, "attempts", "'x'")
    garble(path, "meta", "'x'")
    problem = the_garbled(three).problem
    assert "attempts" in problem
    assert "meta" in problem


def test_no_row_hides_behind_its_version(three, path):
    """A redrive of what is older than an hour sees a row whose saved_at is beyond all versions, too."""
    garble(path, "saved_at", "9223372036854775807")
    assert the_garbled(three, saved_before=2**53 - 1).id == "2"


def test_an_id_that_is_not_utf8_is_found_saved_and_deleted(three, path):
    garble(path, "id", "CAST(x'32ff' AS TEXT)")
    assert ids(three) == ["1", "2\udcff", "3"]
    assert three.find("list", "2\udcff").data == b'{"n": 2}'
    assert three.count("list") == 3
    for batch in ([record("2\udcff", data=b"[]")], [record("2\udcff", data=b"[1]"), record("4")]):
        three.store(batch)
        assert three.find("list", "2\udcff").data == batch[0].data
    with raw(path) as connection:
        stored = connection.execute("SELECT hex(id) FROM atleastonce_tasks ORDER BY id").fetchall()
    assert stored == [("31",), ("32FF",), ("33",), ("34",)]
    three.delete([TaskKey("list", "2\udcff"), TaskKey("list", "4")])
    assert ids(three) == ["1", "3"]
    three.store([record("2\udcff", type="T\udcff")])
    assert three.find("list", "2\udcff").type == "T\udcff"
    three.delete([TaskKey("list", "2\udcff")])
    assert ids(three) == ["1", "3"]


def test_a_task_list_that_is_not_utf8_is_listed_and_read(three, path):
    garble(path, "task_list", NOT_UTF8)
    assert sorted(three.task_lists()) == ["a\udcffb", "list"]
    assert ids(three, "a\udcffb") == ["2"]
    assert three.count("a\udcffb") == 1


def test_pages_go_on_after_an_id_that_is_not_utf8(store, path, monkeypatch):
    monkeypatch.setattr("atleastonce_sqlite.reader.PAGE_ROWS", 2)
    monkeypatch.setattr("atleastonce_sqlite.reader.COUNT_ROWS", 2)
    store.store([record(id) for id in "abcdefg"])
    for id in "bdf":
        garble(path, "id", f"CAST(x'{ord(id):x}ff' AS TEXT)", id)
    assert ids(store) == ["a", "b\udcff", "c", "d\udcff", "e", "f\udcff", "g"]
    assert store.count("list") == 7


def test_an_id_may_be_empty_or_hold_a_nul(store, path):
    """Nothing of ours writes these; they are told apart all the same."""
    store.store([record("a"), record("b")])
    garble(path, "id", "''", "a")
    garble(path, "id", "CAST(x'6200' AS TEXT)", "b")
    assert ids(store) == ["", "b\0"]
    store.delete([TaskKey("list", "b")])
    assert ids(store) == ["", "b\0"]


@pytest.mark.parametrize("value", ["x'31'", "NULL"])
@pytest.mark.parametrize("column", ["id", "task_list", "saved_at"])
def test_what_pages_and_versions_are_made_of_cannot_be_garbled(three, path, column, value):
    with pytest.raises(Exception, match="constraint failed"):
        garble(path, column, value)


def test_a_version_that_leaves_no_room_is_refused_and_can_be_removed(three, path):
    garble(path, "saved_at", str(2**53 - 1))
    for batch in ([record("2")], [record("2", saved_at=5)], [record("2"), record("5")]):
        with pytest.raises(InvalidTask, match="complete it"):
            three.store(batch)
        assert ids(three) == ["1", "2", "3"]
    three.store([record("4")])  # the others are none the worse
    assert three.find("list", "4").saved_at < 2**52
    three.delete([TaskKey("list", "2")])
    three.store([record("2")])


def test_a_garbled_settings_row_is_written_anew(store, path):
    store.store([record("1")])
    with raw(path) as connection:
        connection.execute("DELETE FROM atleastonce_settings")
    [version] = store.store([record("2")])
    with raw(path) as connection:
        [(floor, slack)] = connection.execute("SELECT version_floor, slack_us FROM atleastonce_settings").fetchall()
    assert floor <= version <= floor + slack


def test_another_store_sees_the_same(three, path):
    garble(path, "meta", "'x'")
    other = SqliteStore(path)
    assert the_garbled(other) == the_garbled(three)
    other.close()
