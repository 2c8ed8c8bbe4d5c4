"""`all` while others write: no task that is there throughout is missed, and nobody waits for a reader."""

from __future__ import annotations

import threading
from functools import partial
from itertools import islice

from atleastonce.interface import DataInterface
from atleastonce.record import TaskKey

from .base import Clauses, Handles, record, save


class MovingClauses(Clauses):
    """`all` in the middle of changes."""

    def test_readers_left_half_way_block_nobody(self, handles: Handles, backend: DataInterface) -> None:
        backend.store([record(f"{n:06}") for n in range(self.many_records)])
        half_read = [backend.all("list") for _ in range(20)]
        assert [next(records).task_list for records in half_read] == ["list"] * 20

        def write(one: DataInterface, id: str) -> None:
            save(one, record(id))
            assert one.find("list", id) is not None
            one.delete([TaskKey("list", id)])

        # In another thread: a lock that the reader holds may let its own thread in.
        self.in_threads([partial(write, backend, "later"), partial(write, handles.open(), "later still")])
        assert backend.count("list") == self.many_records
        self.in_threads([backend.close])
        assert handles.open().find("list", "later") is None
        del half_read

    def test_readers_do_not_mix(self, backend: DataInterface) -> None:
        ids = sorted((f"{n:06}" for n in range(self.many_records)), key=self.order)
        for name in ("one", "two"):
            backend.store([record(id, task_list=name, data=name.encode()) for id in ids])
        pairs = list(zip(backend.all("one"), backend.all("two"), strict=True))
        assert [(a.id, a.data, b.id, b.data) for a, b in pairs] == [(id, b"one", id, b"two") for id in ids]

    def test_a_reader_may_go_on_in_another_thread(self, backend: DataInterface) -> None:
        ids = sorted((f"{n:06}" for n in range(self.many_records)), key=self.order)
        backend.store([record(id) for id in ids])
        records = backend.all("list")
        first = [r.id for r in islice(records, 10)]
        (rest,) = self.in_threads([lambda: [r.id for r in records]])
        assert first + rest == ids

    def test_each_may_be_removed_as_it_is_read(self, backend: DataInterface) -> None:
        ids = sorted((f"{n:06}" for n in range(self.many_records)), key=self.order)
        backend.store([record(id) for id in ids])
        seen = []
        for one in backend.all("list"):
            seen.append(one.id)
            backend.delete([TaskKey("list", one.id, one.saved_at)])
        assert seen == ids
        assert backend.count("list") == 0

    def test_each_may_be_saved_anew_as_it_is_read(self, backend: DataInterface) -> None:
        count = self.many_records // 10
        backend.store([record(f"{n:06}") for n in range(count)])
        cut = save(backend, record("last"))
        seen = []
        for one in backend.all("list", saved_before=cut):
            assert one.saved_at is not None
            assert one.saved_at < cut
            seen.append(one.id)
            assert len(seen) <= count, "all() with saved_before gives what was saved after it"
            save(backend, one)
        assert len(seen) == count
        endless = 0
        for one in backend.all("list"):
            endless += 1
            assert endless <= 10 * count, "all() does not end while its records are saved anew"
            save(backend, one)
        assert endless > count

    def test_what_is_there_throughout_is_never_missed(self, handles: Handles, backend: DataInterface) -> None:
        """The neighbours of every place change between any two records: before it, behind it, at it."""
        other = handles.open()
        staying = [f"{n:06}-stay" for n in range(self.many_records)]
        going = [f"{n:06}-go" for n in range(0, self.many_records, 2)]
        backend.store([record(id) for id in staying + going])
        gone = iter(going[::2] + going[1::2][::-1])  # forwards ahead of the reader and behind it, then backwards
        seen = []
        for position, one in enumerate(backend.all("list")):
            seen.append(one.id)
            if position % 3 == 0:
                other.delete([TaskKey("list", id) for id in islice(gone, 1)])
                other.store([record(f"{position:06}-new"), record(f"{self.many_records - position:06}-new")])
        assert [id for id in seen if id.endswith("-stay")] == sorted(staying, key=self.order)
        assert len(set(seen)) == len(seen)

    def test_what_is_there_throughout_is_never_missed_with_threads(
        self, handles: Handles, backend: DataInterface
    ) -> None:
        count = self.many_records // 2
        staying = {f"{n:06}-stay" for n in range(count)}
        backend.store([record(id) for id in staying])
        readers_left = 3

        def churn(one: DataInterface, name: str) -> None:
            rounds = 0
            while readers_left:
                ids = [f"{(rounds * 7 + n * 31) % count:06}-{name}" for n in range(10)]
                versions = one.store([record(id) for id in ids])
                one.delete([TaskKey("list", id, v) for id, v in zip(ids, versions, strict=True)])
                rounds += 1

        def read(one: DataInterface) -> None:
            nonlocal readers_left
            try:
                for _ in range(3):
                    missed = staying - {r.id for r in one.all("list")}
                    assert not missed
            finally:
                with lock:
                    readers_left -= 1

        lock = threading.Lock()
        backends = [backend, backend, handles.open()]
        self.in_threads(
            [partial(churn, one, f"{n}") for n, one in enumerate(backends)] + [partial(read, one) for one in backends]
        )
        assert backend.count("list") == count
