"""What is peculiar to the memory backend; what every backend does is in the shared suite."""

from __future__ import annotations

import os
import threading
import time
import uuid

import pytest

from atleastonce.claims import Held
from atleastonce.exceptions import ConfigurationError, InvalidTask
from atleastonce.record import NO_META, TaskKey, TaskRecord
from atleastonce.urls import parse_url
from atleastonce.versions import VERSION_LIMIT
from atleastonce_memory import MemoryStore
from atleastonce_memory.space import lock


def record(id="1", **fields):
    return TaskRecord(**{"task_list": "list", "id": id, "type": "T", "data": b"{}", **fields})


def from_url(text, clock=lambda: 1_000):
    return MemoryStore.from_url(parse_url(text), clock=clock)


@pytest.fixture
def name():
    return f"test-{uuid.uuid4()}"


def test_stores_without_a_name_share_nothing():
    one, other = from_url("memory://"), from_url("memory://")
    one.store([record()])
    assert other.find("list", "1") is None


def test_stores_of_one_name_share_their_tasks(name):
    one, other = from_url(f"memory://{name}"), MemoryStore(name)
    one.store([record()])
    assert other.find("list", "1") is not None


def test_no_other_process_can_reach_them(name):
    assert MemoryStore(name).capabilities.url is None


def test_closing_keeps_the_tasks(name):
    for store in (MemoryStore(name), MemoryStore()):
        store.store([record()])
        store.close()
        store.close()
        assert store.count("list") == 1


@pytest.mark.parametrize(
    "url",
    [
        "memory:///path",
        "memory://name/path",
        "memory://user@name",
        "memory://a,b",
        "memory://name:80",
        "memory://?unknown=1",
        "memory://?max_data_bytes=0",
        "memory://?max_data_bytes=x",
        "memory://?max_data_bytes=-1",
    ],
)
def test_a_url_it_cannot_follow_is_refused(url):
    with pytest.raises(ConfigurationError):
        from_url(url)


def test_max_data_bytes_comes_from_the_url():
    assert from_url("memory://?max_data_bytes=1").capabilities.max_data_bytes == 1
    assert from_url("memory://").capabilities.max_data_bytes == 16 * 1024 * 1024


def test_versions_grow_across_the_stores_of_a_name_even_under_different_clocks(name):
    """Or a completion that is late removes an id that was saved anew (I7)."""
    ahead, behind = from_url(f"memory://{name}", lambda: 5_000), from_url(f"memory://{name}", lambda: 10)
    [old] = ahead.store([record()])
    ahead.delete([TaskKey("list", "1")])
    [new] = behind.store([record()])
    assert new > old
    ahead.delete([TaskKey("list", "1", old)])
    assert behind.count("list") == 1


def test_a_version_beyond_the_limit_writes_nothing_and_spoils_nothing():
    store = MemoryStore(clock=lambda: 1_000)
    with pytest.raises(InvalidTask):
        store.store([record("1"), record("2", saved_at=VERSION_LIMIT - 2)])
    assert store.count("list") == 0
    assert store.store([record()])[0] < 2_000


def test_the_last_version_below_the_limit_is_given():
    assert list(MemoryStore().store([record(saved_at=VERSION_LIMIT - 2)])) == [VERSION_LIMIT - 1]


def test_what_the_caller_can_change_is_copied():
    store = MemoryStore()
    data, meta = bytearray(b"{}"), {"key": "value"}
    store.store([record(data=data, meta=meta)])
    data[:] = b"xx"
    meta["key"] = "other"
    found = store.find("list", "1")
    assert (found.data, found.meta) == (b"{}", {"key": "value"})
    assert type(found.data) is bytes
    with pytest.raises(TypeError):
        found.meta["key"] = "other"


def test_what_a_save_forgets_is_forgotten():
    store = MemoryStore()
    store.store([record(attempts=3, last_error="it broke", problem="garbled", run_at=5)])
    [found] = store.all("list")
    assert (found.attempts, found.last_error, found.problem, found.run_at, found.meta) == (0, None, None, 5, NO_META)


def test_ids_come_in_the_order_of_their_bytes():
    ids = ["b", "a", "\U00010000", "\uffff", "\udc80", "é"]
    store = MemoryStore()
    store.store([record(id) for id in ids])
    assert [r.id for r in store.all("list")] == sorted(ids, key=lambda text: text.encode("utf-8", "surrogateescape"))


def test_all_looks_each_record_up_when_it_is_reached():
    store = MemoryStore()
    store.store([record(str(number)) for number in range(4)])
    records = store.all("list")
    assert next(records).id == "0"
    store.store([record("2", type="Other")])
    store.delete([TaskKey("list", "1")])
    assert [(r.id, r.type) for r in records] == [("2", "Other"), ("3", "T")]


def test_an_emptied_list_is_no_longer_listed():
    store = MemoryStore()
    store.store([record()])
    store.delete([TaskKey("list", "1"), TaskKey("list", "1"), TaskKey("none", "1")])
    assert list(store.task_lists()) == []


def test_setup_has_nothing_to_do():
    assert MemoryStore().setup() == MemoryStore().setup(dry_run=True) == []


def test_repr_names_the_store():
    assert repr(MemoryStore()) == "MemoryStore()"
    assert repr(MemoryStore("name")) == "MemoryStore('name')"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # 3.12 warns of what is tested here
def test_a_child_forked_while_another_thread_is_saving_does_not_hang():
    store = MemoryStore()
    held, forking = threading.Event(), threading.Event()

    def save_slowly():
        with lock:
            held.set()
            forking.wait(10)

    thread = threading.Thread(target=save_slowly)
    thread.start()
    held.wait(10)
    # The fork waits for the lock, so it must be let go from a third thread once the fork has begun.
    threading.Timer(0.05, forking.set).start()
    child = os.fork()
    if child == 0:
        free = lock.acquire(timeout=5)
        if free:
            store.store([record()])
        os._exit(0 if free else 1)
    thread.join(10)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    store.store([record()])
    assert store.count("list") == 1


@pytest.mark.parametrize("seconds", [-3_600, 86_400])
def test_a_lease_does_not_follow_the_wall_clock(monkeypatch, seconds):
    store = MemoryStore()
    store.store([record()])
    (it,) = store.claim("list", lease=600_000_000, limit=1).records
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + seconds * 10**9)
    assert store.claim("list", lease=1, limit=1, due_by=2**52).records == []
    held = Held("list", "1", it.saved_at, it.claim.token)
    assert store.heartbeat([held])[0].until == pytest.approx(it.claim.until + seconds * 10**6, abs=60_000_000)


def test_a_deleted_task_leaves_nothing_of_its_claim_behind():
    store = MemoryStore()
    for number in range(10):
        store.store([record(f"{number}")])
        (it,) = store.claim("list", lease=600_000_000, limit=1).records
        store.delete([TaskKey("list", it.id, it.saved_at)])
    assert store._space.states == {}
