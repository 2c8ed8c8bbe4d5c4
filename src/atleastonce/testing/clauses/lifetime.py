"""What surrounds the verbs: `capabilities`, `setup`, `close`, opening anew, a crash."""

from __future__ import annotations

from itertools import islice

import pytest

from atleastonce.claims import ClaimsInterface
from atleastonce.exceptions import SchemaMissing
from atleastonce.interface import Capabilities, DataInterface
from atleastonce.record import TaskKey
from atleastonce.urls import parse_url

from .base import Clauses, Handles, record, save


class LifetimeClauses(Clauses):
    """`capabilities`, `setup`, `close`, reopening."""

    def test_it_has_every_method(self, handles: Handles) -> None:
        backend = handles.open()
        assert isinstance(backend, DataInterface)
        if backend.capabilities.claims:
            assert isinstance(backend, ClaimsInterface), "it announces claims, and lacks a method of them"

    def test_it_says_what_it_can_do(self, handles: Handles) -> None:
        backend = handles.open()
        capabilities = backend.capabilities  # before setup: it costs no request
        assert isinstance(capabilities, Capabilities)
        assert capabilities.name
        assert capabilities.max_data_bytes >= 1_024  # less would hold no task
        backend.setup()
        assert backend.capabilities == capabilities

    def test_its_url_leads_back_and_holds_no_password(self, backend: DataInterface) -> None:
        if backend.capabilities.url is not None:
            url = parse_url(backend.capabilities.url)
            assert url.scheme == backend.capabilities.name
            assert url.password is None

    def test_setup_says_what_it_would_do_and_does_it(self, handles: Handles) -> None:
        backend = handles.open()
        plan = backend.setup(dry_run=True)
        assert backend.setup(dry_run=True) == plan  # nothing was done
        assert all(isinstance(statement, str) for statement in plan)
        assert backend.setup() == plan
        assert backend.setup(dry_run=True) == []

    def test_setup_may_be_repeated(self, handles: Handles, backend: DataInterface) -> None:
        version = save(backend, record("a"))
        assert backend.setup() == []
        assert handles.open().setup() == []
        assert backend.find("list", "a") == record("a", saved_at=version)

    def test_setup_may_run_in_many_places_at_once(self, handles: Handles) -> None:
        backends = [handles.open() for _ in range(8)]
        self.in_threads([one.setup for one in backends])
        for n, one in enumerate(backends):
            save(one, record(f"{n}"))
        for one in backends:
            assert {r.id for r in one.all("list")} == {f"{n}" for n in range(8)}

    def test_without_setup_it_works_or_says_so(self, handles: Handles) -> None:
        backend = handles.open()
        try:
            version = save(backend, record("a"))
        except SchemaMissing:
            with pytest.raises(SchemaMissing) as missing:
                backend.find("list", "a")
            assert missing.value.outcome == "not_applied"
            with pytest.raises(SchemaMissing):
                next(backend.all("list"), None)
            backend.setup()
            version = save(backend, record("a"))
        assert backend.find("list", "a") == record("a", saved_at=version)

    def test_reading_first_finds_nothing(self, handles: Handles) -> None:
        backend = handles.open()
        try:
            assert backend.find("list", "a") is None
            assert list(backend.all("list")) == []
            assert backend.count("list") == 0
            assert list(backend.task_lists()) == []
            backend.delete([TaskKey("list", "a")])
        except SchemaMissing:  # it is one that has to be set up first
            backend.setup()
            assert backend.find("list", "a") is None

    def test_close_may_be_repeated(self, handles: Handles, backend: DataInterface) -> None:
        handles.open().close()  # never used
        backend.close()
        backend.close()

    def test_it_works_after_close(self, handles: Handles, backend: DataInterface) -> None:
        save(backend, record("a"))
        for _ in range(2):
            backend.close()
            version = save(backend, record("b"))
            assert backend.find("list", "b") == record("b", saved_at=version)
            backend.close()
            assert "b" in [r.id for r in backend.all("list")]
            backend.close()
            backend.delete([TaskKey("list", "b", version)])
            backend.close()
            assert backend.find("list", "b") is None
        if self.persistent:
            assert backend.find("list", "a") is not None

    def test_closing_one_leaves_the_other(self, handles: Handles, backend: DataInterface) -> None:
        other = handles.open()
        save(other, record("a"))
        backend.close()
        version = save(other, record("b"))
        assert other.find("list", "b") == record("b", saved_at=version)

    def test_opening_anew_sees_everything(self, handles: Handles, backend: DataInterface) -> None:
        versions = backend.store([record(f"{n:03}", data=b"%d" % n, meta={"n": f"{n}"}) for n in range(100)])
        save(backend, record("a", task_list="other"))
        backend.delete([TaskKey("list", f"{n:03}", versions[n]) for n in range(0, 100, 2)])
        before = list(backend.all("list"))
        assert len(before) == 50
        if self.persistent:
            backend.close()
        again = handles.open()
        assert list(again.all("list")) == before
        assert again.count("list") == 50
        assert sorted(again.task_lists()) == ["list", "other"]
        assert again.setup(dry_run=True) == []
        assert again.find("list", "001") in before

    def test_a_crash_loses_nothing(self, handles: Handles, backend: DataInterface) -> None:
        """What a dead process leaves: an object that is not closed, with readers half way."""
        versions = backend.store([record(f"{n:03}") for n in range(100)])
        half_read = backend.all("list")
        assert len(list(islice(half_read, 5))) == 5
        backend.delete([TaskKey("list", "000", versions[0])])
        last = save(backend, record("last"))
        if self.persistent:
            self.crash(backend)
        again = handles.open()
        assert again.find("list", "000") is None
        assert again.find("list", "last") == record("last", saved_at=last)
        assert again.count("list") == 100
        assert save(again, record("last")) > last
        del half_read

    def test_objects_on_one_storage_see_each_other(self, handles: Handles, backend: DataInterface) -> None:
        other = handles.open()
        for n in range(5):
            version = save(backend, record("a", data=b"%d" % n))
            assert other.find("list", "a") == record("a", data=b"%d" % n, saved_at=version)
            assert [r.saved_at for r in other.all("list")] == [version]
            other.delete([TaskKey("list", "a", version)])
            assert backend.find("list", "a") is None
            assert backend.count("list") == 0
