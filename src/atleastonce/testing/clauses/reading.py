"""`all`, `count` and `task_lists` while nobody writes."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import attrs
import pytest

from atleastonce.interface import DataInterface
from atleastonce.record import TaskKey

from .base import Clauses, Handles, record, save
from .saving import AWKWARD_DATA, AWKWARD_TEXT


class ReadingClauses(Clauses):
    """`all`, `count`, `task_lists`."""

    def test_a_list_that_is_not_there_is_empty(self, backend: DataInterface) -> None:
        save(backend, record("a"))
        assert list(backend.all("other")) == []
        assert list(backend.all("other", saved_before=2**53)) == []
        assert backend.count("other") == 0

    def test_all_gives_an_iterator(self, backend: DataInterface) -> None:
        save(backend, record("a"))
        records = backend.all("list")
        assert isinstance(records, Iterator)
        assert next(records).id == "a"
        assert next(records, None) is None
        assert next(records, None) is None  # it stays at its end

    def test_all_gives_whole_records(self, backend: DataInterface) -> None:
        given = [
            record(f"{n:02}", type=f"T{n}@2", data=data, run_at=n or None, meta={"n": str(n)})
            for n, data in enumerate(AWKWARD_DATA)
        ]
        versions = backend.store(given)
        found = sorted(backend.all("list"), key=lambda r: r.id)
        assert found == [attrs.evolve(r, saved_at=v) for r, v in zip(given, versions, strict=True)]
        assert all(type(r.saved_at) is int for r in found)

    def test_all_is_in_order(self, backend: DataInterface) -> None:
        backend.store([record(id) for id in AWKWARD_TEXT])
        ids = [r.id for r in backend.all("list")]
        assert ids == sorted(AWKWARD_TEXT, key=self.order)

    def test_all_gives_its_own_list_only(self, backend: DataInterface) -> None:
        backend.store([record(f"{n}", task_list=name) for n, name in enumerate(AWKWARD_TEXT)])
        seen = {name: [(r.task_list, r.id) for r in backend.all(name)] for name in AWKWARD_TEXT}
        assert seen == {name: [(name, f"{n}")] for n, name in enumerate(AWKWARD_TEXT)}
        assert [backend.count(name) for name in AWKWARD_TEXT] == [1] * len(AWKWARD_TEXT)

    def test_saved_before_is_strict(self, backend: DataInterface) -> None:
        versions = dict(zip("dbca", backend.store([record(id) for id in "dbca"]), strict=True))

        def ids(saved_before: int) -> set[str]:
            return {r.id for r in backend.all("list", saved_before=saved_before)}

        assert ids(versions["b"]) == {"d"}
        assert ids(versions["b"] + 1) == {"d", "b"}
        assert ids(versions["d"]) == set()
        assert ids(0) == set()
        assert ids(2**53) == set("abcd")

    def test_saved_before_looks_at_the_newest_version(self, backend: DataInterface) -> None:
        backend.store([record("a"), record("b")])
        again = save(backend, record("a"))
        assert [r.id for r in backend.all("list", saved_before=again)] == ["b"]

    def test_a_long_list_comes_once_and_whole(self, backend: DataInterface) -> None:
        ids = [f"{n:06}" for n in range(self.many_records)]
        backend.store([record(id, data=id.encode()) for id in reversed(ids)])
        backend.store([record(f"{n:06}", task_list="other") for n in range(50)])
        assert [(r.id, r.data) for r in backend.all("list")] == [
            (id, id.encode()) for id in sorted(ids, key=self.order)
        ]
        assert backend.count("list") == self.many_records

    def test_saved_before_over_a_long_list(self, backend: DataInterface) -> None:
        ids = [f"{n:06}" for n in range(self.many_records)]
        versions = dict(zip(ids, backend.store([record(id) for id in ids]), strict=True))
        backend.store([record(id) for id in ids[: len(ids) // 2]])  # the first half is too new; the rest follows pages
        cut = versions[ids[-10]]  # nothing of the last ten either
        found = [r.id for r in backend.all("list", saved_before=cut)]
        assert found == sorted(ids[len(ids) // 2 : -10], key=self.order)

    def test_all_holds_no_more_than_a_page(self, backend: DataInterface) -> None:
        data = b"x" * min(backend.capabilities.max_data_bytes, 10_000)
        for start in range(0, self.many_records, 500):
            backend.store([record(f"{n:06}", data=b"%06d" % n + data[6:]) for n in range(start, start + 500)])
        whole_bytes = len(data) * backend.count("list")
        peaks_bytes: list[int] = []
        for _ in range(3):  # other threads' memory is counted too: what is held each time is ours
            gc.collect()
            tracemalloc.start()
            try:
                count = sum(1 for _ in backend.all("list"))
                peaks_bytes.append(tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()
            assert count * len(data) == whole_bytes
        assert min(peaks_bytes) < whole_bytes / 2, "all() holds most of the list in memory; read it page by page"

    def test_a_new_list_is_named_once(self, backend: DataInterface) -> None:
        names = [*AWKWARD_TEXT, "x/y"]
        backend.store([record(id, task_list=name) for name in names for id in "abc"])
        assert sorted(backend.task_lists()) == sorted(names)

    def test_task_lists_keep_a_list_until_it_is_empty(self, backend: DataInterface) -> None:
        assert list(backend.task_lists()) == []
        backend.store([record("a", task_list="one"), record("b", task_list="one"), record("a", task_list="two")])
        backend.delete([TaskKey("one", "a")])
        assert sorted(backend.task_lists()) == ["one", "two"]
        backend.delete([TaskKey("one", "b")])
        assert set(backend.task_lists()) - {"one"} == {"two"}  # "one" may still be named for a while

    def test_count_follows(self, handles: Handles, backend: DataInterface) -> None:
        versions = backend.store([record(id) for id in "aabbc"])
        assert backend.count("list") == 3
        backend.delete([TaskKey("list", "a", versions[0]), TaskKey("list", "b")])
        assert backend.count("list") == 2
        assert handles.open().count("list") == 2

    @pytest.mark.parametrize("text", ["list", "x" * 1_024, "\u00e9" * 512])
    def test_count_takes_any_name(self, backend: DataInterface, text: str) -> None:
        backend.store([record(id, task_list=text) for id in "abc"])
        assert backend.count(text) == 3
