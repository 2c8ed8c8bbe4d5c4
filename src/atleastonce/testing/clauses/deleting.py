"""`delete`: removes the version that is meant, never a newer one."""

from __future__ import annotations

import pytest

from atleastonce.interface import DataInterface
from atleastonce.record import TaskKey

from .base import Clauses, Handles, record, save


class DeletingClauses(Clauses):
    """`delete`."""

    @pytest.mark.parametrize("ahead", [0, 1, 10**9])
    def test_the_same_or_a_newer_version_removes(self, backend: DataInterface, ahead: int) -> None:
        version = save(backend, record("a"))
        save(backend, record("b"))
        backend.delete([TaskKey("list", "a", version + ahead)])
        assert backend.find("list", "a") is None
        assert [r.id for r in backend.all("list")] == ["b"]
        assert backend.count("list") == 1

    def test_no_version_removes_any(self, backend: DataInterface) -> None:
        save(backend, record("a", saved_at=2**52))
        backend.delete([TaskKey("list", "a")])
        assert backend.find("list", "a") is None
        assert list(backend.all("list")) == []

    def test_an_older_version_leaves_the_newer_one(self, backend: DataInterface) -> None:
        old = save(backend, record("a", data=b"old"))
        new = save(backend, record("a", data=b"new"))
        backend.delete([TaskKey("list", "a", old)])
        backend.delete([TaskKey("list", "a", new - 1)])
        backend.delete([TaskKey("list", "a", 0)])
        assert backend.find("list", "a") == record("a", data=b"new", saved_at=new)
        assert backend.count("list") == 1

    def test_an_older_version_leaves_what_another_object_saved(self, handles: Handles, backend: DataInterface) -> None:
        old = save(backend, record("a", data=b"old"))
        new = save(handles.open(), record("a", data=b"new"))
        backend.delete([TaskKey("list", "a", old)])
        assert backend.find("list", "a") == record("a", data=b"new", saved_at=new)

    def test_a_delete_may_be_repeated(self, backend: DataInterface) -> None:
        version = save(backend, record("a"))
        for _ in range(3):
            backend.delete([TaskKey("list", "a", version), TaskKey("list", "a", version)])
        assert backend.find("list", "a") is None
        again = save(backend, record("a", data=b"again"))
        backend.delete([TaskKey("list", "a", version)])  # late: the first delete's answer was lost, say
        assert backend.find("list", "a") == record("a", data=b"again", saved_at=again)

    def test_what_is_not_there_is_no_error(self, backend: DataInterface) -> None:
        save(backend, record("a"))
        backend.delete([TaskKey("list", "b"), TaskKey("list", "b", 1), TaskKey("other", "a"), TaskKey("other", "a", 1)])
        assert backend.count("list") == 1

    def test_an_empty_batch_is_no_error_for_delete(self, backend: DataInterface) -> None:
        save(backend, record("a"))
        backend.delete([])
        assert backend.count("list") == 1

    def test_one_list_only(self, backend: DataInterface) -> None:
        names = ["list", "List", "list ", "lis", "list%", "l_st"]
        backend.store([record("a", task_list=name) for name in names])
        backend.delete([TaskKey("list", "a")])
        assert [name for name in names if backend.find(name, "a") is None] == ["list"]

    def test_one_id_only(self, backend: DataInterface) -> None:
        ids = ["a", "A", "a ", "%", "_", "aa", "\u00e4", "a\u0308"]
        backend.store([record(id) for id in ids])
        backend.delete([TaskKey("list", "%"), TaskKey("list", "_"), TaskKey("list", "a\u0308")])
        assert [id for id in ids if backend.find("list", id) is None] == ["%", "_", "a\u0308"]

    def test_a_batch_judges_each_key_by_its_own_version(self, backend: DataInterface) -> None:
        old = dict(zip("abcd", backend.store([record(id) for id in "abcd"]), strict=True))
        new = dict(zip("bc", backend.store([record(id) for id in "bc"]), strict=True))
        backend.delete(
            (
                TaskKey("list", "a", old["a"]),
                TaskKey("list", "b", old["b"]),
                TaskKey("list", "zz", 7),
                TaskKey("list", "c", old["c"]),
                TaskKey("list", "c", new["c"]),
            )
        )
        assert sorted(r.id for r in backend.all("list")) == ["b", "d"]

    def test_a_large_batch_is_removed_whole(self, backend: DataInterface) -> None:
        ids = [f"{n:06}" for n in range(self.many_records)]
        versions = backend.store([record(id) for id in ids])
        backend.delete([TaskKey("list", id, v) for id, v in zip(ids, versions, strict=True) if id != "000007"])
        assert [r.id for r in backend.all("list")] == ["000007"]
        assert backend.count("list") == 1
