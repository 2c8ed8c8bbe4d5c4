"""`store.claim` and what goes with it: leases, attempts, waits, and who is told what."""

from __future__ import annotations

import logging
import pickle
import threading
from datetime import UTC, datetime, timedelta

import pytest

from atleastonce import (
    Backoff,
    Capabilities,
    ClaimLost,
    ConfigurationError,
    InvalidTask,
    StoreUnavailable,
    Task,
    TaskRecord,
    TaskStore,
)
from atleastonce.claims import WORKER_LOST, ClaimPage
from atleastonce_memory import MemoryStore

MINUTE = timedelta(minutes=1)


class Plain(Task, tag="tests.store.plain"):
    task_list: str = "l"
    text: str = ""


class Limited(Task, tag="tests.store.limited", max_attempts=3, backoff=Backoff(first=timedelta(seconds=10))):
    task_list: str = "l"


@pytest.fixture(autouse=True)
def types(own_types):
    """The classes of this module, registered again in each test's own registry."""
    from atleastonce.registry import registry

    for cls in (Plain, Limited):
        registry.register(cls, cls._tags)


def ids(tasks):
    return [task.id for task in tasks]


def fill(store, count=3, cls=Plain):
    tasks = [cls(id=str(number)) for number in range(count)]
    store.save_all(tasks)
    return tasks


# What a claim gives ---------------------------------------------------------------------------------------------------


def test_what_is_claimed_says_so(store, clock):
    fill(store)
    tasks = store.claim("l", lease=MINUTE)
    assert ids(tasks) == ["0", "1", "2"]
    now = datetime.fromtimestamp(clock() / 1e6, UTC)
    for task in tasks:
        delivery = task.delivery
        assert isinstance(delivery.claim_token, str)
        assert abs(delivery.claimed_until - (now + MINUTE)) < timedelta(milliseconds=1)
        assert (delivery.attempts, delivery.last_error, delivery.died_at) == (0, None, None)
        assert delivery.claim_token not in repr(delivery)
    assert len({task.delivery.claim_token for task in tasks}) == 3
    assert store.find("l", "0").delivery.claim_token is None


def test_nobody_else_gets_it_until_the_lease_ends(store, clock):
    fill(store)
    assert len(store.claim("l", lease=MINUTE)) == 3
    assert store.claim("l") == []
    clock.advance(MINUTE - timedelta(seconds=1))
    assert store.claim("l") == []
    clock.advance(timedelta(seconds=2))
    again = store.claim("l")
    assert [(task.id, task.delivery.attempts) for task in again] == [("0", 0), ("1", 0), ("2", 0)]


def test_the_limit_and_going_round(store):
    fill(store, 5)
    first, second = store.claim("l", limit=2), store.claim("l", limit=2)
    assert ids([*first, *second]) == ["0", "1", "2", "3"]
    for task in first:
        store.release(task)
    assert ids(store.claim("l", limit=3)) == ["4", "0", "1"]
    assert store.claim("l") == []


def test_many_lists_are_remembered_within_bounds(store, monkeypatch):
    from atleastonce import claiming

    monkeypatch.setattr(claiming, "MAX_CURSORS", 3)
    for number in range(10):
        store.save_all(Plain(task_list=f"l{number}", id=str(i)) for i in range(3))
    for number in range(10):
        assert ids(store.claim(f"l{number}", limit=1)) == ["0"]
    assert len(store._claiming._cursors) <= 3
    for number in range(10):
        assert sorted(ids(store.claim(f"l{number}"))) == ["1", "2"]


def test_only_what_is_old_enough(store, clock):
    store.save(Plain(id="old"))
    clock.advance(timedelta(hours=2))
    store.save(Plain(id="young"))
    assert ids(store.claim("l", older_than=timedelta(hours=1))) == ["old"]


def test_every_task_goes_to_one_of_many_threads(store):
    fill(store, 200)
    taken, lock = [], threading.Lock()

    def work():
        while tasks := store.claim("l", limit=7):
            with lock:
                taken.extend(ids(tasks))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(taken, key=int) == [str(number) for number in range(200)]


# Heartbeat, release, complete -----------------------------------------------------------------------------------------


def test_a_heartbeat_renews_for_as_long_as_it_was_claimed(store, clock):
    fill(store, 1)
    [task] = store.claim("l", lease=MINUTE)
    until = task.delivery.claimed_until
    clock.advance(timedelta(seconds=50))
    store.heartbeat(task)
    assert task.delivery.claimed_until - until == timedelta(seconds=50)
    clock.advance(timedelta(seconds=50))
    assert store.claim("l") == []


def test_a_release_gives_it_back_at_no_cost(store, clock):
    fill(store, 1)
    [task] = store.claim("l")
    store.start(task)
    store.release(task)
    assert task.delivery.claim_token is None
    [again] = store.claim("l")
    assert again.delivery.attempts == 0
    store.release(again, after=MINUTE)
    assert store.claim("l") == []
    assert again.delivery.run_at == datetime.fromtimestamp(clock() / 1e6, UTC) + MINUTE
    clock.advance(MINUTE)
    [later] = store.claim("l")
    assert later.delivery.attempts == 0


def test_complete_needs_only_the_version(store, clock):
    fill(store, 1)
    [first] = store.claim("l", lease=MINUTE)
    clock.advance(2 * MINUTE)
    [second] = store.claim("l")
    store.complete(first)  # the work is done, whoever has the task now
    assert store.count("l") == 0
    store.complete(second)


@pytest.mark.parametrize("verb", ["start", "heartbeat", "release", "fail"])
@pytest.mark.parametrize("since", ["claimed by another", "completed", "saved anew", "released"])
def test_a_lost_claim_changes_nothing(store, clock, verb, since):
    fill(store, 1)
    [task] = store.claim("l", lease=MINUTE)
    stale = Task.from_hash(task.as_hash())
    other = None
    if since == "claimed by another":
        clock.advance(2 * MINUTE)
        [other] = store.claim("l")
    elif since == "completed":
        store.complete(task)
    elif since == "saved anew":
        store.save(Plain(id="0", text="newer"))
    else:
        store.release(task)
    before = store.find("l", "0") and store.find("l", "0").delivery
    with pytest.raises(ClaimLost) as caught:
        store.fail(stale, "x") if verb == "fail" else getattr(store, verb)(stale)
    assert caught.value.outcome == "not_applied"
    assert (store.find("l", "0") and store.find("l", "0").delivery) == before
    if other is not None:
        store.heartbeat(other)


def test_an_unknown_token_and_that_of_another_task(store):
    fill(store, 2)
    one, two = store.claim("l")
    for token in (two.delivery.claim_token, "0" * 32):
        forged = Task.from_hash({**one.as_hash(), "claim_token": token})
        for verb in (store.start, store.heartbeat, store.release):
            with pytest.raises(ClaimLost):
                verb(forged)
    store.heartbeat(one)
    store.heartbeat(two)


@pytest.mark.parametrize("verb", ["start", "heartbeat", "release"])
def test_what_is_not_claimed_is_a_typed_error(store, verb):
    [task] = fill(store, 1)
    for bad in (task, store.find("l", "0"), Plain(id="9")):
        with pytest.raises(InvalidTask, match="not claimed"):
            getattr(store, verb)(bad)
    with pytest.raises(InvalidTask, match="only tasks"):
        getattr(store, verb)("0")


# Bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lease", [timedelta(0), -MINUTE, 60, None, "1m", timedelta.max])
def test_a_lease_that_is_none_is_refused(store, lease):
    fill(store)
    with pytest.raises(InvalidTask, match="lease"):
        store.claim("l", lease=lease)
    assert len(store.claim("l")) == 3


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, None])
def test_a_limit_that_is_none_is_refused(store, limit):
    with pytest.raises(InvalidTask, match="limit"):
        store.claim("l", limit=limit)


@pytest.mark.parametrize("after", [-MINUTE, 5, "1m"])
def test_a_wait_that_is_none_is_refused(store, after):
    fill(store, 1)
    [task] = store.claim("l")
    with pytest.raises(InvalidTask, match="after"):
        store.release(task, after)
    store.heartbeat(task)


def test_a_failure_of_what_never_was_is_refused(store):
    with pytest.raises(InvalidTask, match="never saved"):
        store.fail(Plain(id="1"), "x")
    with pytest.raises(InvalidTask, match="only tasks"):
        store.fail("1", "x")
    [task] = fill(store, 1)
    with pytest.raises(InvalidTask, match="error"):
        store.fail(task, None)


# Attempts -------------------------------------------------------------------------------------------------------------


def raised(error):
    try:
        raise error
    except type(error) as caught:
        return caught


def test_a_failure_costs_an_attempt_and_is_due_again_at_once(store):
    fill(store, 1)
    [task] = store.claim("l")
    store.fail(task, raised(ValueError("no good")))
    assert task.delivery.claim_token is None
    [again] = store.claim("l")
    for delivery in (task.delivery, again.delivery):
        assert delivery.attempts == 1
        first, frame = delivery.last_error.split("\n")
        assert first == "ValueError: no good"
        assert "test_claims.py" in frame
        assert "in raised" in frame
        assert delivery.run_at is None
    store.fail(again, "a text")
    assert store.find("l", "0").delivery.last_error == "a text"


def test_the_text_of_an_error_is_capped_and_can_be_stored(store):
    fill(store, 1)
    [task] = store.claim("l")
    store.fail(task, raised(ValueError("é\0\ud800" * 3_000)))
    text = store.find("l", "0").delivery.last_error
    assert 3_000 < len(text) <= 4_000
    assert text.startswith("ValueError: é\\x00\\ud800")
    [task] = store.claim("l")
    store.fail(task, "x" * 5_000)
    assert store.find("l", "0").delivery.last_error == "x" * 3_999 + "…"


def test_without_a_claim_the_version_decides(store):
    [task] = fill(store, 1)
    stale = Task.from_hash(task.as_hash())
    store.fail(task, "one")
    store.fail(stale, "two")  # another worker's attempt at the same version
    assert store.find("l", "0").delivery.attempts == 2
    store.save(task)
    with pytest.raises(ClaimLost):
        store.fail(stale, "three")
    assert store.find("l", "0").delivery.attempts == 0


def test_a_report_without_a_claim_leaves_that_of_another(store):
    [task] = fill(store, 1)
    [claimed] = store.claim("l")
    store.fail(Task.from_hash(task.as_hash()), "meanwhile")
    store.heartbeat(claimed)
    store.fail(claimed, "mine")
    assert store.find("l", "0").delivery.attempts == 2


def test_the_class_says_how_long_it_waits_and_when_it_is_dead(store, clock):
    fill(store, 1, Limited)
    for attempt in (1, 2):
        [task] = store.claim("l")
        store.fail(task, "x")
        wait = task.delivery.run_at - datetime.fromtimestamp(clock() / 1e6, UTC)
        assert timedelta(0) <= wait <= timedelta(seconds=10 * attempt)
        assert store.find("l", "0").delivery.run_at == task.delivery.run_at
        clock.advance(timedelta(seconds=10 * attempt))
    [task] = store.claim("l")
    store.fail(task, "the last")
    assert store.count("l") == 0
    assert store.find("l", "0") is None
    assert list(store.all("l")) == []
    [dead] = store.dead("l")
    assert (dead.id, dead.delivery.attempts, dead.delivery.last_error) == ("0", 3, "the last")
    assert dead.delivery.died_at == datetime.fromtimestamp(clock() / 1e6, UTC)


def test_a_lease_that_runs_out_costs_an_attempt_only_once_work_began(store, clock):
    fill(store, 2)
    begun, waiting = store.claim("l", lease=MINUTE)
    store.start(begun)
    clock.advance(2 * MINUTE)
    again = {task.id: task.delivery for task in store.claim("l")}
    assert (again["0"].attempts, again["0"].last_error) == (1, WORKER_LOST)
    assert (again["1"].attempts, again["1"].last_error) == (0, None)
    with pytest.raises(ClaimLost):
        store.heartbeat(waiting)


def test_a_task_that_kills_its_worker_dies_in_the_end(store, clock):
    """By claims alone, without anybody who could report it; its wait is kept, too."""
    fill(store, 1, Limited)
    lost = 0
    for _ in range(20):
        for task in store.claim("l", lease=MINUTE):
            store.start(task)
            lost += 1
        clock.advance(2 * MINUTE)
    assert lost == 3
    assert store.count("l") == 0
    [dead] = store.dead("l")
    assert (dead.delivery.attempts, dead.delivery.last_error) == (3, WORKER_LOST)


def test_after_a_worker_was_lost_the_task_waits(store, clock):
    class Waits(Task, backoff=lambda attempts: timedelta(hours=attempts)):
        task_list: str = "l"

    fill(store, 1, Waits)
    [task] = store.claim("l", lease=MINUTE)
    store.start(task)
    clock.advance(2 * MINUTE)
    assert store.claim("l") == []
    assert store.find("l", "0").delivery.attempts == 1
    clock.advance(timedelta(minutes=58))
    assert store.claim("l") == []
    clock.advance(3 * MINUTE)
    assert len(store.claim("l")) == 1


def test_max_attempts_that_came_later_is_heeded(store):
    """A release lowers it: what has more attempts already is dead at the next claim."""
    [task] = fill(store, 1)
    for _ in range(3):
        store.fail(Task.from_hash(task.as_hash()), "x")
    Plain._max_attempts = 2
    try:
        assert store.claim("l") == []
    finally:
        Plain._max_attempts = None
    [dead] = store.dead("l")
    assert (dead.delivery.attempts, dead.delivery.last_error) == (3, "x")


@pytest.mark.parametrize("bad", [lambda attempts: 5, lambda attempts: 1 // 0], ids=["no timedelta", "raises"])
def test_a_backoff_that_is_broken_costs_no_report(store, caplog, bad):
    class Broken(Task, backoff=bad):
        task_list: str = "l"

    fill(store, 1, Broken)
    [task] = store.claim("l")
    with caplog.at_level(logging.ERROR, "atleastonce"):
        store.fail(task, "x")
    assert "the backoff of Broken raised" in caplog.text
    [again] = store.claim("l")
    assert (again.delivery.attempts, again.delivery.run_at) == (1, None)


def test_a_save_starts_a_new_version(store, clock):
    fill(store, 1)
    [task] = store.claim("l")
    stale = Task.from_hash(task.as_hash())
    store.save(task)
    delivery = task.delivery
    assert (delivery.attempts, delivery.claim_token, delivery.run_at) == (0, None, None)
    assert "claim_token" not in task.as_hash()
    [again] = store.claim("l")
    assert again.delivery.saved_at == delivery.saved_at
    with pytest.raises(ClaimLost):
        store.heartbeat(stale)


# What cannot be read --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type", ["tests.store.nobody", "tests.store.plain@7"])
def test_an_unknown_type_or_version_is_released_at_no_cost(store, type):
    """An old process, while a new release is rolled out, must not use up the new tasks' attempts."""
    store._backend.store([TaskRecord("l", "new", type, b"{}")])
    fill(store, 1)
    for _ in range(15):
        tasks = store.claim("l")
        assert ids(tasks) == ["0"]
        store.release(tasks[0])
    assert store.find("l", "new").delivery.attempts == 0
    record = store._backend.find("l", "new")
    [claim] = store._backend.claim_saved([_key(record)], lease=1_000_000)
    assert claim is not None


def test_garbled_data_costs_an_attempt_and_has_its_own_limit(store):
    store._backend.store([TaskRecord("l", "bad", "tests.store.plain", b"{bad", run_at=5, meta={"a": "b"})])
    for attempt in range(1, 11):
        assert store.find("l", "bad").delivery.attempts == attempt - 1
        assert store.claim("l") == []
    assert store.count("l") == 0
    [dead] = store.dead("l")
    assert dead.delivery.attempts == 10
    assert dead.delivery.last_error.startswith("InvalidTask: ")
    [record] = store._backend.dead("l")
    assert (record.data, record.run_at, dict(record.meta)) == (b"{bad", 5, {"a": "b"})


def test_one_call_costs_a_garbled_record_one_attempt(store):
    """Going round the list it comes to the same record twice: behind its cursor, and again from the beginning."""
    for number in range(4):
        store.save(Plain(id=str(number)))
    store._backend.store(
        [TaskRecord("l", "3-bad", "tests.store.plain", b"{bad"), TaskRecord("l", "4-new", "Nobody", b"{}")]
    )
    assert ids(store.claim("l", limit=1)) == ["0"]
    assert ids(store.claim("l", limit=10)) == ["1", "2", "3"]
    assert store.find("l", "3-bad").delivery.attempts == 1
    assert len(store._backend.claim("l", lease=1_000_000, limit=10).records) == 2  # nobody holds them


def test_a_report_that_the_backend_refuses_keeps_no_neighbour_from_being_claimed(caplog):
    class Refuses(MemoryStore):
        def fail(self, failure):
            raise InvalidTask("a number has more than 64 bits")

    store = TaskStore(Refuses())
    store._backend.store([TaskRecord("l", "1-bad", "tests.store.plain", b"{bad")])
    store.save(Plain(id="2"))
    assert ids(store.claim("l")) == ["2"]
    assert "could not be written down: InvalidTask" in caplog.text


def test_garbled_data_of_a_class_that_waits_waits(store):
    store._backend.store([TaskRecord("l", "bad", "tests.store.limited", b"{bad")])
    for _ in range(2):
        assert store.claim("l") == []
    assert store.find("l", "bad").delivery.attempts == 1


def _key(record):
    from atleastonce import TaskKey

    return TaskKey(record.task_list, record.id, record.saved_at)


def test_trouble_on_the_way_costs_nothing_that_is_claimed(caplog):
    """What can be executed is given, though the rest could not be given back; its leases end by themselves."""

    class Trouble(MemoryStore):
        pages = 0

        def release(self, held, **others):
            raise StoreUnavailable("sesame")

        fail = release

        def claim(self, task_list, **others):
            self.pages += 1
            if self.pages > 1:
                raise StoreUnavailable("sesame")
            page = super().claim(task_list, **others)
            return ClaimPage(page.records, page.cursor or "more")

    store = TaskStore(Trouble())
    store._backend.store([TaskRecord("l", "a", "Nobody", b"{}"), TaskRecord("l", "b", "tests.store.plain", b"{bad")])
    store.save(Plain(id="c"))
    assert ids(store.claim("l", limit=5)) == ["c"]
    assert len(caplog.records) == 3
    assert "sesame" not in caplog.text
    with pytest.raises(StoreUnavailable):
        store.claim("l")


# run_at ---------------------------------------------------------------------------------------------------------------


def test_run_at_is_not_due_before(store, clock):
    moment = datetime.fromtimestamp(clock() / 1e6, UTC) + MINUTE
    task = Plain.build(id="later", run_at=moment)
    store.save(task)
    assert task.delivery.run_at == moment
    assert store.find("l", "later").delivery.run_at == moment
    assert store.claim("l") == []
    clock.advance(MINUTE)
    assert ids(store.claim("l")) == ["later"]


def test_run_at_goes_by_the_moment_not_by_the_zone():
    from datetime import timezone

    one = Plain.build(id="1", run_at=datetime(2030, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), data={"text": "a"})
    two = Plain.build(id="1", run_at=datetime(2030, 1, 1, tzinfo=UTC), text="a")
    assert one.as_hash() == two.as_hash()
    assert one.as_hash()["run_at"] == 1_893_456_000_000_000
    assert Plain.build(id="1", run_at=datetime(1900, 1, 1, tzinfo=UTC)).as_hash()["run_at"] == 0


@pytest.mark.parametrize("run_at", [datetime(2030, 1, 1), 5, "2030-01-01", timedelta(1)])  # noqa: DTZ001 - it is refused
def test_a_run_at_that_is_no_moment_is_refused(store, run_at):
    with pytest.raises(InvalidTask, match="run_at"):
        Plain.build(id="1", run_at=run_at)
    with pytest.raises(InvalidTask, match="run_at"):
        Plain.create(id="1", run_at=run_at)


def test_the_later_of_two_times_is_shown(store, clock):
    now = datetime.fromtimestamp(clock() / 1e6, UTC)
    store.save(Plain.build(id="1", run_at=now - MINUTE))
    [task] = store.claim("l")
    assert task.delivery.run_at == now - MINUTE
    store.release(task, MINUTE)
    assert task.delivery.run_at == now + MINUTE


LAST_RUN_AT = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=2**53 - 1)


def test_the_last_run_at_there_is_can_be_read_back(store):
    store.save(Plain.build(id="1", run_at=LAST_RUN_AT))
    task = store.find("l", "1")
    assert (type(task), task.delivery.run_at) == (Plain, LAST_RUN_AT)
    assert Task.from_hash(task.as_hash()) == task
    assert store.claim("l") == []


@pytest.mark.parametrize("run_at", [LAST_RUN_AT + timedelta(microseconds=1), datetime.max.replace(tzinfo=UTC)])
def test_a_run_at_that_no_backend_could_read_back_is_refused(store, run_at):
    with pytest.raises(InvalidTask, match="run_at must be before 2255"):
        Plain.build(id="1", run_at=run_at)
    with pytest.raises(InvalidTask, match="run_at"):
        Task.from_hash({"task_list": "l", "id": "1", "type": "tests.store.plain", "data": {}, "run_at": 2**53})


def test_a_run_at_beyond_pythons_calendar_is_shown_as_its_end():
    """Some other backend may give one."""
    store = TaskStore("memory://")
    store._backend.store([TaskRecord("l", "1", "tests.store.plain", b"{}", run_at=2**62)])
    assert store.find("l", "1").delivery.run_at == datetime.max.replace(tzinfo=UTC)


# The hash -------------------------------------------------------------------------------------------------------------


def test_the_hash_of_a_claimed_task_holds_the_claim(store):
    fill(store, 1)
    [task] = store.claim("l")
    task_hash = task.as_hash()
    assert list(task_hash)[-1] == "claim_token"
    made = Task.from_hash(task_hash)
    assert made.delivery.claim_token == task.delivery.claim_token
    assert made.delivery.claimed_until is None
    assert made == task
    store.heartbeat(made)
    assert made.delivery.claimed_until is not None


def test_copies_keep_the_claim_and_other_keys_do_not(store):
    import copy

    fill(store, 1)
    [task] = store.claim("l")
    token = task.delivery.claim_token
    for other in (task.replace(text="b"), copy.copy(task), copy.deepcopy(task), pickle.loads(pickle.dumps(task))):
        assert other.delivery.claim_token == token
    assert copy.deepcopy(task).delivery == task.delivery
    assert task.replace(id="9").delivery is None
    assert "claim_token" not in task.replace(id="9").as_hash()


@pytest.mark.parametrize("token", ["", 5, True, "a" * 256, "\ud800", ["a"]], ids=ascii)
def test_a_token_that_is_none_is_refused(token):
    base = {"task_list": "l", "id": "1", "type": "tests.store.plain", "data": {}, "saved_at": 1}
    with pytest.raises(InvalidTask):
        Task.from_hash({**base, "claim_token": token})


def test_a_token_without_a_version_is_refused():
    with pytest.raises(InvalidTask, match="saved_at"):
        Task.from_hash({"task_list": "l", "id": "1", "type": "tests.store.plain", "data": {}, "claim_token": "a"})


# Without claims -------------------------------------------------------------------------------------------------------


class Bare(MemoryStore):
    capabilities = Capabilities(name="bare", max_data_bytes=1_000)


def test_a_backend_without_claims_says_so():
    store = TaskStore(Bare())
    store.save(Plain(id="1"))
    [task] = store.all("l")
    for call in (
        lambda: store.claim("l"),
        lambda: store.dead("l"),
        lambda: store.fail(task, "x"),
        lambda: store.revive([task]),
        lambda: store.discard([task]),
    ):
        with pytest.raises(ConfigurationError, match="bare store has no claims"):
            call()
    store.complete(task)


# Logging --------------------------------------------------------------------------------------------------------------


def test_the_log_has_ids_and_never_what_a_task_holds(store, caplog, clock):
    class Dies(Task, max_attempts=1):
        task_list: str = "l"
        password: str = ""

    store.save(Dies(id="one", password="sesame"))
    store._backend.store([TaskRecord("l", "two", "Dies", b'{"sesame')])
    with caplog.at_level(logging.DEBUG, "atleastonce"):
        for task in store.claim("l"):
            store.fail(task, ValueError("sesame"))
    assert "id='one'" in caplog.text
    assert "dead" in caplog.text
    assert "id='two'" in caplog.text
    assert "sesame" not in caplog.text
