"""`save_all` and `complete_all`: any iterable, bounded memory, progress, and what a failure says."""

from __future__ import annotations

import pickle
import weakref

import pytest

from atleastonce import BatchFailure, InvalidTask, StoreError, StoreUnavailable, Task, TaskKey, TaskStore, batches
from tests.store.faulty import FaultyStore


class Entry(Task, tag="tests.store.entry"):
    text: str = ""


def entries(count, **fields):
    return [Entry(task_list="l", id=f"{number:06}", **fields) for number in range(count)]


@pytest.mark.parametrize("kind", [list, tuple, iter, lambda tasks: (t for t in tasks)])
def test_any_iterable_is_taken(store, kind):
    assert store.save_all(kind(entries(3))) == 3
    assert [t.id for t in store.all("l")] == ["000000", "000001", "000002"]
    assert store.complete_all(kind(entries(3))) == 3
    assert store.count("l") == 0


def test_an_empty_iterable_is_no_error(store):
    calls = []
    assert store.save_all([], progress=calls.append) == store.complete_all(iter(())) == 0
    assert calls == []


def test_tasks_of_different_lists_and_types_go_together(store):
    class Other(Task):
        pass

    assert store.save_all([Entry(task_list="l"), Other(task_list="m"), Entry(task_list="m")]) == 3
    assert sorted(store.task_lists()) == ["l", "m"]
    assert {type(t) for t in store.all("m")} == {Entry, Other}


def test_what_all_gives_can_be_completed_while_it_is_read(store):
    store.save_all(entries(2_500))
    assert store.complete_all(store.all("l")) == 2_500
    assert store.count("l") == 0


def test_saved_tasks_know_their_version(store):
    tasks = entries(3)
    store.save_all(tasks)
    assert [t.delivery for t in tasks] == [t.delivery for t in store.all("l")]


def test_more_than_a_batch_is_written_in_batches_with_progress(monkeypatch):
    monkeypatch.setattr(batches, "BATCH_RECORDS", 4)
    backend = FaultyStore()
    store, saved, completed = TaskStore(backend), [], []
    assert store.save_all(iter(entries(10)), progress=saved.append) == 10
    assert store.complete_all(entries(10), progress=completed.append) == 10
    assert backend.batches == [4, 4, 2] * 2
    assert saved == completed == [4, 8, 10]


def test_a_batch_is_bounded_in_bytes_too(monkeypatch):
    monkeypatch.setattr(batches, "BATCH_BYTES", 1_000)
    backend = FaultyStore()
    assert TaskStore(backend).save_all(entries(5, text="x" * 400)) == 5
    assert backend.batches == [3, 2]


@pytest.mark.parametrize("verb", ["save_all", "complete_all"])
def test_a_bounded_number_is_held_in_memory(verb):
    alive, most = weakref.WeakSet(), 0

    class Counted(Task):
        __hash__ = object.__hash__  # for the set

    def generate():
        nonlocal most
        for number in range(25_000):
            task = Counted(task_list="l", id=str(number))
            alive.add(task)
            most = max(most, len(alive))
            yield task
            del task

    class Forgetful(FaultyStore):
        def store(self, records):
            return range(1, len(records) + 1)

    assert getattr(TaskStore(Forgetful()), verb)(generate()) == 25_000
    assert 9_000 < most <= 10_002


@pytest.mark.parametrize("outcome", ["not_applied", "unknown"])
@pytest.mark.parametrize(("verb", "word"), [("save_all", "saved"), ("complete_all", "completed")])
def test_a_failure_in_the_middle_says_how_many_were_done_and_which_were_not(monkeypatch, verb, word, outcome):
    monkeypatch.setattr(batches, "BATCH_RECORDS", 3)
    backend = FaultyStore(fail_on=3, outcome=outcome)
    taken = []

    def generate():
        for task in entries(20):
            taken.append(task.id)
            yield task

    with pytest.raises(StoreUnavailable) as caught:
        getattr(TaskStore(backend), verb)(generate())
    error = caught.value
    not_done = tuple(TaskKey("l", f"{number:06}") for number in (6, 7, 8))
    assert error.batch == BatchFailure(6, not_done)
    assert taken[-1] == "000008"  # what follows was never taken
    [note] = error.__notes__
    certainty = "certainly" if outcome == "not_applied" else "perhaps"
    assert note == f"6 tasks were {word} before this; {certainty} not {word}: 3 ('000006', '000007', '000008')"


def test_the_error_keeps_all_of_it_across_processes():
    with pytest.raises(StoreUnavailable) as caught:
        TaskStore(FaultyStore(fail_on=1)).save_all(entries(2))
    made = pickle.loads(pickle.dumps(caught.value))
    assert (type(made), str(made), made.outcome) == (StoreUnavailable, "the disk is full", "not_applied")
    assert (made.batch, made.__notes__) == (caught.value.batch, caught.value.__notes__)


def test_what_the_batch_says_was_saved_is_saved(monkeypatch):
    monkeypatch.setattr(batches, "BATCH_RECORDS", 3)
    store = TaskStore(FaultyStore(fail_on=3))
    tasks = entries(9)
    with pytest.raises(StoreError) as caught:
        store.save_all(tasks)
    assert [t.id for t in store.all("l")] == [t.id for t in tasks[: caught.value.batch.done]]
    assert [t.delivery is not None for t in tasks] == [True] * 6 + [False] * 3


def test_a_long_list_of_keys_is_shortened_in_the_note_only():
    store = TaskStore(FaultyStore(fail_on=1))
    with pytest.raises(StoreError) as caught:
        store.save_all(entries(5_000))
    assert len(caught.value.batch.not_done) == 5_000
    assert "and 4,995 more" in caught.value.__notes__[0]
    assert len(caught.value.__notes__[0]) < 500
    assert len(repr(caught.value.batch)) < 500


def test_a_bad_task_in_the_middle_says_the_same(store, monkeypatch):
    monkeypatch.setattr(batches, "BATCH_RECORDS", 3)
    tasks = entries(9)
    tasks[7].text = 5
    with pytest.raises(InvalidTask) as caught:
        store.save_all(tasks)
    assert caught.value.batch == BatchFailure(6, (TaskKey("l", "000006"), TaskKey("l", "000007")))
    assert store.count("l") == 6
    assert "certainly not saved: 2" in caught.value.__notes__[0]


@pytest.mark.parametrize("verb", ["save_all", "complete_all"])
def test_what_is_no_task_is_refused(store, verb):
    with pytest.raises(InvalidTask, match="str"):
        getattr(store, verb)([*entries(1), "task"])
    assert store.count("l") == 0
    with pytest.raises(InvalidTask, match="str"):
        getattr(store, verb.removesuffix("_all"))("task")


def test_an_error_of_the_iterable_goes_through_with_a_note(store, monkeypatch):
    monkeypatch.setattr(batches, "BATCH_RECORDS", 3)

    def generate():
        yield from entries(5)
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        store.save_all(generate())
    assert caught.value.__notes__ == ["3 tasks were saved before this; certainly not saved: 2 ('000003', '000004')"]
    assert store.count("l") == 3


def test_an_error_of_the_iterable_that_is_a_store_error_is_not_taken_for_ours(store):
    """Its outcome is that of another store."""

    def generate():
        yield from entries(2)
        raise StoreUnavailable("the source's disk is full", outcome="unknown")

    with pytest.raises(StoreUnavailable) as caught:
        store.save_all(generate())
    assert "certainly not saved: 2" in caught.value.__notes__[0]


def test_an_error_of_progress_goes_through_and_hides_nothing(store, monkeypatch):
    monkeypatch.setattr(batches, "BATCH_RECORDS", 3)

    def progress(done):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        store.save_all(entries(5), progress=progress)
    assert caught.value.__notes__ == ["3 tasks were saved before this; certainly not saved: 0 ()"]
    assert store.count("l") == 3


@pytest.mark.parametrize("applied", [False, True])
def test_an_interrupt_during_a_write_leaves_that_batch_in_doubt(applied):
    store = TaskStore(FaultyStore(fail_on=1, error=KeyboardInterrupt(), applied=applied))
    with pytest.raises(KeyboardInterrupt) as caught:
        store.save_all(entries(2))
    assert "perhaps not saved: 2" in caught.value.__notes__[0]


def test_an_interrupt_between_writes_leaves_none_in_doubt():
    def generate():
        yield from entries(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        TaskStore(FaultyStore()).save_all(generate())
    assert "certainly not saved: 2" in caught.value.__notes__[0]


@pytest.mark.parametrize("outcome", ["not_applied", "unknown"])
def test_a_failed_save_can_be_repeated(outcome):
    store = TaskStore(FaultyStore(fail_on=1, outcome=outcome, applied=outcome == "unknown"))
    [task] = entries(1)
    with pytest.raises(StoreUnavailable) as caught:
        store.save(task)
    assert caught.value.outcome == outcome
    assert task.delivery is None
    store.save(task)
    store.complete(task)
    assert store.count("l") == 0


def test_data_over_the_limit_is_refused_before_anything_is_written(tmp_path):
    for url in ("memory://?max_data_bytes=100", f"sqlite:///{tmp_path}/t.db?max_data_bytes=100"):
        store = TaskStore(url)
        fits = 100 - len(b'{"text":""}')
        store.save(Entry(task_list="l", id="fits", text="x" * fits))
        for too_long in ("x" * (fits + 1), "é" * fits):  # bytes are what counts
            with pytest.raises(InvalidTask, match="100") as caught:
                store.save(Entry(task_list="l", id="more", text=too_long))
            assert too_long not in str(caught.value)
        with pytest.raises(InvalidTask):
            store.save_all([Entry(task_list="l"), Entry(task_list="l", text="x" * 1_000)])
        assert [t.id for t in store.all("l")] == ["fits"]
        store.close()
