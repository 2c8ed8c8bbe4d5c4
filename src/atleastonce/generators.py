"""Generators: iterables of tasks that can be put one after another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from .defaults import default_store
from .store import TaskStore
from .task import Task


class Generator(ABC, Iterable[Task]):
    """An iterable of tasks. Subclass it and write `__iter__`; there is no constructor to call."""

    @abstractmethod
    def __iter__(self) -> Iterator[Task]:
        """The tasks, generated anew for every iteration."""

    def append(self, other: Iterable[Task]) -> CombinedGenerator:
        """This one's tasks, then the other's; neither is changed."""
        return CombinedGenerator(self, other)


class CombinedGenerator(Generator):
    """The tasks of several iterables, one after another, each iterated only when its turn comes."""

    def __init__(self, *parts: Iterable[Task]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[Task]:
        for part in self._parts:
            yield from part

    def append(self, other: Iterable[Task]) -> CombinedGenerator:
        """All of these tasks, then the other's."""
        return CombinedGenerator(*self._parts, other)  # flat, so that a long chain does not nest


class ExistingTasks(Generator):
    """The tasks that a list has in a store (the default one if None), read anew for every iteration."""

    def __init__(self, task_list: str, store: TaskStore | None = None) -> None:
        self._task_list = task_list
        self._store = store

    def __iter__(self) -> Iterator[Task]:
        return (default_store() if self._store is None else self._store).all(self._task_list)
