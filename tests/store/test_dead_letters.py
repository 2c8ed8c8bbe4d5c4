"""`store.dead`, `revive` and `discard`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from atleastonce import InvalidTask, StoreUnavailable, Task, TaskRecord, TaskStore
from atleastonce_memory import MemoryStore


@pytest.fixture
def mortal(own_types):
    class Mortal(Task, max_attempts=1):
        task_list: str = "l"
        text: str = ""

    return Mortal


def kill(store, *tasks, error="it broke"):
    """Save them, and let each fail its only attempt."""
    store.save_all(tasks)
    for task in tasks:
        store.fail(task, error)


def ids(tasks):
    return [task.id for task in tasks]


def test_the_dead_are_among_themselves(store, mortal):
    kill(store, mortal(id="b"), mortal(id="a"))
    store.save(mortal(id="c"))
    assert ids(store.dead("l")) == ["a", "b"]
    assert ids(store.all("l")) == ["c"]
    assert store.count("l") == 1
    assert store.find("l", "a") is None
    assert ids(store.claim("l")) == ["c"]
    assert list(store.dead("other")) == []


def test_by_type_error_and_age(store, mortal, clock):
    class Other(Task, max_attempts=1, aliases=("OldOther",)):
        task_list: str = "l"

    kill(store, mortal(id="1"), error="TimeoutError: no answer")
    kill(store, Other(id="2"), error="ValueError: no good")
    clock.advance(timedelta(hours=1))
    kill(store, mortal(id="3"), error="ValueError: no good")
    assert ids(store.dead("l", type=mortal)) == ["1", "3"]
    assert ids(store.dead("l", type="Other")) == ["2"]
    assert ids(store.dead("l", type="Other@3")) == ["2"]
    assert ids(store.dead("l", error="Timeout")) == ["1"]
    assert ids(store.dead("l", error="no good", type=mortal)) == ["3"]
    assert ids(store.dead("l", older_than=timedelta(minutes=59))) == ["1", "2"]


@pytest.mark.parametrize(
    "filter", [{"type": 5}, {"type": ""}, {"type": int}, {"type": Task}, {"error": 5}, {"older_than": 5}]
)
def test_a_filter_that_is_none_is_refused(store, filter):
    with pytest.raises(InvalidTask):
        store.dead("l", **filter)


def test_revive_saves_anew(store, mortal):
    kill(store, mortal(id="1", text="a"), mortal(id="2"))
    one, _ = store.dead("l")
    died = one.delivery.saved_at
    assert store.revive([one]) == 1
    assert ids(store.dead("l")) == ["2"]
    found = store.find("l", "1")
    assert (found.text, found.delivery.attempts, found.delivery.last_error) == ("a", 0, None)
    assert found.delivery.saved_at > died
    assert one.delivery == found.delivery
    assert ids(store.claim("l")) == ["1"]


def test_revive_and_discard_take_any_iterable_of_any_length(store, mortal, monkeypatch):
    from atleastonce import dead_letters

    monkeypatch.setattr(dead_letters, "BATCH_TASKS", 3)
    kill(store, *(mortal(id=f"{number:02}") for number in range(20)))
    assert store.revive(task for task in store.dead("l") if int(task.id) < 10) == 10
    assert store.discard(store.dead("l")) == 10
    assert store.count("l") == 10
    assert list(store.dead("l")) == []


def test_what_was_saved_anew_since_wins(store, mortal):
    kill(store, mortal(id="1", text="old"))
    store.save(mortal(id="1", text="new"))
    [dead] = store.dead("l")
    assert store.revive([dead]) == 0
    assert store.find("l", "1").text == "new"
    assert ids(store.dead("l")) == ["1"]
    assert store.discard([dead]) == 1
    assert list(store.dead("l")) == []
    assert store.find("l", "1").text == "new"


def test_a_revival_that_died_half_way_is_tidied_up(mortal):
    class Dies(MemoryStore):
        def discard(self, keys):
            raise StoreUnavailable("gone")

    backend = Dies()
    store = TaskStore(backend)
    kill(store, mortal(id="1", text="a"))
    with pytest.raises(StoreUnavailable):
        store.revive(store.dead("l"))
    assert store.count("l") == 1
    letters = list(store.dead("l"))
    with pytest.raises(StoreUnavailable):
        store.revive(letters)
    Dies.discard = MemoryStore.discard
    assert store.revive(letters) == 1
    with pytest.raises(InvalidTask, match="no dead letter"):
        store.revive(letters)  # now they are none
    assert list(store.dead("l")) == []
    assert store.find("l", "1").text == "a"


def test_a_revival_that_failed_may_be_repeated_with_the_same_letters(mortal):
    class Fails(MemoryStore):
        def discard(self, keys):
            raise StoreUnavailable("gone")

    store = TaskStore(Fails())
    kill(store, mortal(id="1"), mortal(id="2"))
    letters = list(store.dead("l"))
    with pytest.raises(StoreUnavailable):
        store.revive(letters)
    Fails.discard = MemoryStore.discard
    assert store.revive(letters) == 2
    assert ids(store.all("l")) == ["1", "2"]
    assert list(store.dead("l")) == []
    assert [letter.delivery.died_at for letter in letters] == [None, None]


@pytest.mark.parametrize("verb", ["revive", "discard"])
def test_only_dead_letters(store, mortal, verb):
    kill(store, mortal(id="1"))
    [dead] = store.dead("l")
    store.save(mortal(id="2"))
    for bad in (mortal(id="3"), store.find("l", "2"), "1"):
        with pytest.raises(InvalidTask):
            getattr(store, verb)([dead, bad])
    assert ids(store.dead("l")) == ["1"]
    assert store.count("l") == 1


def test_what_cannot_be_read_is_given_and_can_be_revived_byte_for_byte(store):
    store._backend.store([TaskRecord("l", "bad", "Gone", b'{"a": "\xff', meta={"a": "b"})])
    record = store._backend.find("l", "bad")
    from atleastonce.claims import Failure, Held

    assert store._backend.fail(Failure(held=Held("l", "bad", record.saved_at), attempts=1, last_error="x", dead=True))
    [dead] = store.dead("l", type="Gone")
    assert dead.delivery.died_at is not None
    assert store.revive([dead]) == 1
    again = store._backend.find("l", "bad")
    assert (again.type, again.data, dict(again.meta), again.attempts) == ("Gone", b'{"a": "\xff', {"a": "b"}, 0)


def test_a_damaged_letter_keeps_no_other_from_being_revived(mortal, tmp_path, caplog):
    with TaskStore(f"sqlite:///{tmp_path}/tasks.db") as store:
        kill(store, *(mortal(id=id) for id in "123"))
        store.close()
        with closing(sqlite3.connect(tmp_path / "tasks.db")) as connection, connection:
            connection.execute("UPDATE atleastonce_dead SET meta = 'sesame' WHERE id = '1'")
        assert store.revive(store.dead("l")) == 2
        assert ids(store.all("l")) == ["2", "3"]
        assert ids(store.dead("l")) == ["1"]
        assert "cannot be revived" in caplog.text
        assert "sesame" not in caplog.text
        assert store.discard(store.dead("l")) == 1


def test_of_a_task_that_dies_again_the_newer_one_is_kept(store, mortal):
    kill(store, mortal(id="1", text="first"))
    kill(store, mortal(id="1", text="second"), error="again")
    [dead] = store.dead("l")
    assert (dead.text, dead.delivery.last_error) == ("second", "again")
