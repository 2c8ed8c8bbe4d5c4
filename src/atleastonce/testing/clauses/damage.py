"""A stored record that was damaged: it is shown, it hides nobody, and it can be removed or saved over."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from atleastonce.interface import DataInterface
from atleastonce.record import TaskKey, TaskRecord

from .base import Clauses, Handles, record, save

Damage = Callable[[str, str], None]
"""Damages the stored record of that list and id, past the backend, in a way that shows in `TaskRecord.problem`."""


class DamageClauses(Clauses):
    """`TaskRecord.problem`. Run where the backend gives the second, optional fixture."""

    @pytest.fixture
    def damage(self) -> Damage | None:
        """Override it with a callable that takes task list and id and damages what is stored under them."""
        return None

    @pytest.fixture
    def damaged(self, damage: Damage | None, handles: Handles, backend: DataInterface) -> TaskRecord:
        """A damaged record between two sound ones."""
        if damage is None:
            pytest.skip("no fixture `damage`: nothing shows what this backend does with a damaged record")
        backend.store([record("a"), record("b", data=b"damaged soon"), record("c")])
        backend.close()
        damage("list", "b")
        found = handles.open().find("list", "b")
        assert found is not None
        assert found.problem
        return found

    def test_damage_is_shown_and_hides_nobody(self, backend: DataInterface, damaged: TaskRecord) -> None:
        assert (damaged.task_list, damaged.id) == ("list", "b")
        assert {r.id: r.problem is None for r in backend.all("list")} == {"a": True, "b": False, "c": True}
        assert damaged in list(backend.all("list"))
        assert backend.count("list") == 3
        assert "list" in backend.task_lists()

    def test_damage_stays_until_it_is_removed(self, backend: DataInterface, damaged: TaskRecord) -> None:
        save(backend, record("d"))
        backend.delete([TaskKey("list", "a")])
        assert backend.find("list", "b") == damaged
        backend.delete([TaskKey("list", "b", damaged.saved_at)])
        assert backend.find("list", "b") is None
        assert sorted(r.id for r in backend.all("list")) == ["c", "d"]

    def test_damage_can_be_saved_over(self, backend: DataInterface, damaged: TaskRecord) -> None:
        version = save(backend, record("b", data=b"sound"))
        assert backend.find("list", "b") == record("b", data=b"sound", saved_at=version)
        assert sorted(r.id for r in backend.all("list")) == ["a", "b", "c"]
