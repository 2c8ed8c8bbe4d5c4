"""Many threads on one object, and on several."""

from __future__ import annotations

from functools import partial

from atleastonce.interface import DataInterface
from atleastonce.record import TaskKey, TaskRecord

from .base import Clauses, Handles, record, save

THREADS = 8


class ThreadClauses(Clauses):
    """Every method may be called from any thread."""

    def test_threads_lose_nothing(self, handles: Handles, backend: DataInterface) -> None:
        backends = [backend, handles.open()]

        def work(n: int) -> tuple[dict[str, int], list[int]]:
            mine, left, given = backends[n % 2], {}, []
            for i in range(40):
                id = f"{n}-{i:03}"
                version = save(mine, record(id, data=id.encode()))
                assert mine.find("list", id) == record(id, data=id.encode(), saved_at=version)
                given.append(version)
                if i % 2:
                    mine.delete([TaskKey("list", id, version)])
                    assert mine.find("list", id) is None
                else:
                    left[id] = version
            return left, given

        results = self.in_threads([partial(work, n) for n in range(THREADS)])
        left = {id: version for part, _ in results for id, version in part.items()}
        assert {r.id: r.saved_at for r in backend.all("list")} == left
        assert backend.count("list") == THREADS * 20
        for own in (0, 1):  # one object never gives a version twice
            given = [version for _, versions in results[own::2] for version in versions]
            assert len(set(given)) == len(given)

    def test_batches_of_threads_stay_whole(self, backend: DataInterface) -> None:
        def work(n: int) -> None:
            for i in range(10):
                ids = [f"{n}-{i}-{k}" for k in range(20)]
                versions = backend.store([record(id) for id in ids])
                keys = [TaskKey("list", id, v) for id, v in zip(ids, versions, strict=True)]
                backend.delete(keys[:10])

        self.in_threads([partial(work, n) for n in range(THREADS)])
        assert {r.id for r in backend.all("list")} == {
            f"{n}-{i}-{k}" for n in range(THREADS) for i in range(10) for k in range(10, 20)
        }

    def test_one_key_saved_by_many_threads(self, handles: Handles, backend: DataInterface) -> None:
        backends = [backend, handles.open()]

        def work(n: int) -> list[tuple[int, bytes]]:
            data = [b"%d-%d" % (n, i) for i in range(25)]
            return [(save(backends[n % 2], record("a", data=d)), d) for d in data]

        given = [pair for pairs in self.in_threads([partial(work, n) for n in range(THREADS)]) for pair in pairs]
        version, data = max(given)
        assert len({v for v, _ in given}) == len(given), "two saves of one key were given one version"
        assert backend.find("list", "a") == record("a", data=data, saved_at=version)
        assert backend.count("list") == 1

    def test_a_late_delete_never_removes_a_newer_save(self, handles: Handles, backend: DataInterface) -> None:
        """Deletes of what was saved before race the next save; the newest save stays, whoever comes first."""
        other = handles.open()
        version = save(backend, record("a"))
        for n in range(200):
            newest = record("a", data=b"%d" % n)
            late = partial(other.delete, [TaskKey("list", "a", version)])
            both = [late, partial(save_only, backend, newest)]
            self.in_threads(both if n % 2 else both[::-1])
            found = backend.find("list", "a")
            assert found is not None, "a late delete removed a newer save"
            assert found.data == newest.data
            assert found.saved_at is not None
            assert found.saved_at > version
            version = found.saved_at

    def test_everyone_who_saves_and_completes_leaves_nothing(self, backend: DataInterface) -> None:
        def work(n: int) -> None:
            for _ in range(25):
                version = save(backend, record("a", data=b"%d" % n))
                backend.delete([TaskKey("list", "a", version)])

        self.in_threads([partial(work, n) for n in range(THREADS)])
        assert backend.find("list", "a") is None
        assert list(backend.all("list")) == []

    def test_first_use_by_many_threads(self, handles: Handles) -> None:
        backend = handles.open()
        backend.setup()
        backend.close()  # so that each thread may find it not opened yet
        versions = self.in_threads([partial(save, backend, record(f"{n}")) for n in range(THREADS)])
        assert len(set(versions)) == THREADS
        assert backend.count("list") == THREADS


def save_only(backend: DataInterface, record: TaskRecord) -> None:
    """Store one record."""
    backend.store([record])
