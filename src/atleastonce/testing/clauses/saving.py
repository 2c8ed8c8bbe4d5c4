"""`store` and `find`: what was given comes back, byte for byte."""

from __future__ import annotations

import attrs
import pytest

from atleastonce.exceptions import InvalidTask, StoreError
from atleastonce.interface import DataInterface
from atleastonce.record import TaskKey, TaskRecord

from .base import Clauses, record, save

AWKWARD_TEXT = [
    *("a", "A", "a ", " a", "aa", "a\n", "a\t", "a.", "\u00e4", "a\u0308", "\u00c4", "\u1e9e", "ss", "\u00df"),
    *("%", "a%", "_", "*", "?", "[a]", "'", '"', "`", "';--", "\\", "\\n", "/", "a/b", ".", "..", "~", "$a", "{}"),
    *("0", "00", "1", "1.0", "1e0", "-1", "NULL", "None", "null", "true", "con", "\x01", "\x7f", "\u200b", "\ufeff"),
    *("\u65e5\u672c", "\U0001f600", "\uffff", "\U0010ffff", "x" * 1_024, "x" * 1_023 + "y", "\u00e9" * 512),
]
"""Texts that a storage may hold to be the same, or may take for something else than text."""

AWKWARD_DATA = [
    *(b"{}", b'{"a": 1}', b'{"a" : 1.0 }', b'{"a":1,"a":2}', b'{"a":"\\u0000"}', '{"é":"😀"}'.encode()),
    *(b"", b" ", b"null", b"0", b"1e5", b"not JSON", b"a\0b", b"\0", b"\xff\xfe", b"\xed\xa0\x80", bytes(range(256))),
]
"""Data of every kind: it is bytes to a backend, JSON or not."""


class SavingClauses(Clauses):
    """`store`, `find`."""

    def test_what_was_never_saved_is_not_found(self, backend: DataInterface) -> None:
        assert backend.find("list", "a") is None
        save(backend, record("a"))
        assert backend.find("list", "b") is None
        assert backend.find("other", "a") is None

    def test_a_record_comes_back_whole(self, backend: DataInterface) -> None:
        given = record("a", type="Kind@2", data=b'{"x": 1}', run_at=1_735_689_600_000_001, meta={"k": "v"})
        version = save(backend, given)
        assert type(version) is int
        assert backend.find("list", "a") == attrs.evolve(given, saved_at=version)

    @pytest.mark.parametrize("data", AWKWARD_DATA)
    def test_data_is_kept_byte_for_byte(self, backend: DataInterface, data: bytes) -> None:
        save(backend, record(data=data))
        found = backend.find("list", "a")
        assert found is not None
        assert type(found.data) is bytes
        assert found.data == data
        assert [r.data for r in backend.all("list")] == [data]

    def test_data_of_the_stated_limit_is_kept(self, backend: DataInterface) -> None:
        data = b"x" * min(backend.capabilities.max_data_bytes, 1 << 20)  # a MiB tells enough
        save(backend, record(data=data))
        found = backend.find("list", "a")
        assert found is not None
        assert found.data == data

    def test_ids_are_told_apart_to_the_byte(self, backend: DataInterface) -> None:
        backend.store([record(id, data=id.encode()) for id in AWKWARD_TEXT])
        found = {id: backend.find("list", id) for id in AWKWARD_TEXT}
        assert {id: r and (r.id, r.data) for id, r in found.items()} == {id: (id, id.encode()) for id in AWKWARD_TEXT}
        assert backend.count("list") == len(AWKWARD_TEXT)

    def test_task_lists_are_told_apart_to_the_byte(self, backend: DataInterface) -> None:
        backend.store([record(task_list=name, data=name.encode()) for name in AWKWARD_TEXT])
        found = {name: backend.find(name, "a") for name in AWKWARD_TEXT}
        assert {n: r and (r.task_list, r.data) for n, r in found.items()} == {n: (n, n.encode()) for n in AWKWARD_TEXT}

    def test_list_and_id_do_not_run_together(self, backend: DataInterface) -> None:
        pairs = [("a", "bc"), ("ab", "c"), ("a/b", "c"), ("a", "b/c"), ("a:b", "c"), ("a", "b:c"), ("a b", "c")]
        backend.store([record(id, task_list=name, data=f"{name}|{id}".encode()) for name, id in pairs])
        assert [getattr(backend.find(name, id), "data", None) for name, id in pairs] == [
            f"{name}|{id}".encode() for name, id in pairs
        ]

    @pytest.mark.parametrize("type", ["T", "t", "T@2", "a b", "1", "T'", "\u00e4", "a\u0308", "x" * 255])
    def test_the_type_is_kept_byte_for_byte(self, backend: DataInterface, type: str) -> None:
        save(backend, record(type=type))
        found = backend.find("list", "a")
        assert found is not None
        assert found.type == type

    @pytest.mark.parametrize("raw", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80"])
    def test_text_that_is_not_utf8_is_kept_or_refused(self, backend: DataInterface, raw: bytes) -> None:
        """A storage in which such bytes cannot be never gives any, so it may refuse them; it must not change them."""
        save(backend, record("neighbour"))
        text = raw.decode("utf-8", "surrogateescape")
        for odd in (record(text), record("a", task_list=text), record("b", type=text)):
            try:
                version = save(backend, odd)
            except (InvalidTask, StoreError) as error:
                assert getattr(error, "outcome", "not_applied") == "not_applied"
                version = None
            expected = None if version is None else attrs.evolve(odd, saved_at=version)
            if expected is not None:
                assert backend.find(odd.task_list, odd.id) == expected
                assert expected in list(backend.all(odd.task_list))
                backend.delete([TaskKey(odd.task_list, odd.id)])
        assert [r.id for r in backend.all("list")] == ["neighbour"]

    @pytest.mark.parametrize("run_at", [None, 0, 1, 1_735_689_600_123_456, 2**53 - 1])
    def test_run_at_is_kept(self, backend: DataInterface, run_at: int | None) -> None:
        save(backend, record(run_at=run_at))
        found = backend.find("list", "a")
        assert found is not None
        assert found.run_at == run_at

    @pytest.mark.parametrize("meta", [{}, {"k": "v"}, {"": "", "ü": "'\"\n", "b": "1", "a": "x" * 1_000}])
    def test_meta_is_kept(self, backend: DataInterface, meta: dict[str, str]) -> None:
        given = dict(meta)
        save(backend, record(meta=given))
        given["later"] = "must not show"
        found = backend.find("list", "a")
        assert found is not None
        assert dict(found.meta) == meta

    def test_saving_anew_replaces_everything(self, backend: DataInterface) -> None:
        first = save(backend, record(type="Old", data=b"old", run_at=5, meta={"old": "1"}))
        second = save(backend, record(type="New", data=b"new"))
        assert second > first
        assert backend.find("list", "a") == record(type="New", data=b"new", saved_at=second)
        assert backend.count("list") == 1

    def test_attempts_and_errors_of_the_argument_are_ignored(self, backend: DataInterface) -> None:
        given = TaskRecord("list", "a", "Type", b"{}", attempts=5, last_error="an error")
        version = save(backend, given)
        assert backend.find("list", "a") == record("a", saved_at=version)
        save(backend, given)
        assert [(r.attempts, r.last_error) for r in backend.all("list")] == [(0, None)]

    def test_an_empty_batch_is_no_error(self, backend: DataInterface) -> None:
        assert list(backend.store([])) == []
        assert backend.count("list") == 0

    def test_a_batch_is_stored_in_order(self, backend: DataInterface) -> None:
        batch = [record(id, data=id.encode(), task_list=name) for id in "cabd" for name in ("one", "two")]
        versions = backend.store(tuple(batch))
        assert len(versions) == len(batch)
        for given, version in zip(batch, versions, strict=True):
            assert backend.find(given.task_list, given.id) == attrs.evolve(given, saved_at=version)

    def test_of_one_key_twice_in_a_batch_the_last_wins(self, backend: DataInterface) -> None:
        batch = [record("a", data=b"1"), record("b"), record("a", data=b"2"), record("a", data=b"3", type="Last")]
        versions = backend.store(batch)
        assert len(versions) == len(batch)
        assert backend.find("list", "a") == attrs.evolve(batch[-1], saved_at=versions[-1])
        assert backend.count("list") == 2

    def test_a_large_batch_is_stored_whole(self, backend: DataInterface) -> None:
        versions = backend.store([record(f"{n:06}") for n in range(self.many_records)])
        assert len(set(versions)) == self.many_records
        assert backend.count("list") == self.many_records
