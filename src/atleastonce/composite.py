"""`CompositeTask`: a task that executes and completes the tasks of another list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from .claiming import claiming_of, is_due
from .exceptions import InvalidTask, StoreError
from .execution import execute
from .keys import check_task_list
from .record import TaskRecord
from .settling import Fate, settle
from .task import Task


class ChildrenFailed(ExceptionGroup[Exception]):
    """Some children of a composite failed; they are still pending.

    Attributes:
        results: what those that succeeded returned, in their order.
    """

    results: list[Any]

    def __init__(self, message: str, errors: Sequence[Exception], results: Sequence[Any] = ()) -> None:
        """`errors` must not be empty."""
        super().__init__(message, errors)
        self.results = list(results)

    def __new__(cls, message: str, errors: Sequence[Exception], results: Sequence[Any] = ()) -> Self:
        """As `__init__`: an ExceptionGroup takes its arguments in both."""
        return super().__new__(cls, message, errors)

    def derive(self, excs: Sequence[Exception]) -> ChildrenFailed:  # type: ignore[override]  # narrower than the base's
        """A part of the group, as ``except*`` makes one; it keeps the results."""
        return ChildrenFailed(self.message, excs, self.results)


class CompositeTask(Task):
    """Executes and completes every task of `child_task_list`, in one pass.

    The children are read from the store that this task is bound to, else from the default one.
    """

    child_task_list: str

    def __attrs_post_init__(self) -> None:
        self._check_child_task_list()

    def _check_child_task_list(self) -> None:
        check_task_list(self.child_task_list)
        if self.child_task_list == self.task_list:
            raise InvalidTask(f"a composite's child_task_list must not be its own list, {self.task_list!r}")

    def _record_to_save(self) -> TaskRecord:
        self._check_child_task_list()  # again: it may have been set since
        return super()._record_to_save()

    def execute(self, *args: Any, **options: Any) -> list[Any]:
        """Execute each child with the same options and complete it; the results, in the order of `TaskStore.all`.

        A child that fails stays pending and stops no other; one that is not due yet is left. Raises `ChildrenFailed` (an ExceptionGroup) at the end with
        all that was raised, and with what succeeded in its ``results``.
        """
        self._check_child_task_list()
        store = self._bound_store()
        results: list[Any] = []
        errors: list[Exception] = []
        now = claiming_of(store).clock()
        for child in store.all(self.child_task_list):
            if not is_due(child, now):
                continue
            try:
                result = execute(child, *args, **options)
            except Exception as error:  # noqa: BLE001 - a child may raise anything; it is raised again at the end
                try:
                    fate = settle(store, child, error)
                except StoreError as trouble:  # a `Discard` that could not be completed
                    errors.append(trouble)
                    continue
                if fate in {Fate.FAILED, Fate.DEAD}:
                    errors.append(error)
                continue
            try:
                store.complete(child)
            except Exception as error:  # noqa: BLE001 - likewise; no fault of the child, so it costs it no attempt
                errors.append(error)
            else:
                results.append(result)
        if errors:
            kinds = ", ".join(
                sorted({type(error).__name__ for error in errors})
            )  # all that a run's report shows of them
            count = f"{len(errors)} of {len(errors) + len(results)} children failed"
            raise ChildrenFailed(f"{count}: {kinds}", errors, results)
        return results
