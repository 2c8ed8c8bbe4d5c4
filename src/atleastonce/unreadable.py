"""`UnreadableTask`: what stands in for a stored record that cannot be read here."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, Self

from .converter.plain import check_loaded, loads
from .exceptions import AtLeastOnceError, InvalidTask
from .record import TaskRecord
from .task import Task


class UnreadableTask(Task, registered=False):
    """A stored record that cannot be read in this process; its bytes are untouched.

    It may be completed, or saved back byte for byte (to its own store or another). `execute` raises the reason.
    The store makes these; there is no constructor to call.
    """

    _record: ClassVar[TaskRecord]  # per object in truth, but no attrs field
    _reason: ClassVar[AtLeastOnceError]  # likewise

    @property
    def reason(self) -> AtLeastOnceError:
        """Why it cannot be read; an `UnknownTaskType`, or `InvalidTask` for a garbled record."""
        return self._reason

    def _record_to_save(self) -> TaskRecord:
        """The record as it was, to be stored anew byte for byte. Raises the reason where it is not all there."""
        if self._record.problem is not None:
            raise self.reason
        return self._record

    def execute(self, *args: Any, **options: Any) -> NoReturn:
        """Raise the reason."""
        raise self.reason

    def replace(self, **changes: Any) -> NoReturn:
        """Raise the reason: what cannot be read cannot be changed."""
        raise self.reason

    def as_hash(self) -> dict[str, Any]:
        """The hash of a record that is sound but of an unknown type; raises the reason for a garbled one."""
        task_hash: dict[str, Any] = {"task_list": self.task_list, "id": self.id, "type": self.type, "data": self.data}
        if self._saved_at is not None:
            task_hash["saved_at"] = self._saved_at
        return task_hash

    @property
    def data(self) -> dict[str, Any]:
        """The stored JSON object; raises the reason where it is none."""
        try:
            data = loads(self._record.data)
            check_loaded(data, self._record.data)
        except InvalidTask:
            raise self.reason from None
        if type(data) is not dict:
            raise self.reason
        return data

    @property
    def type(self) -> str:
        """The type as stored."""
        return self._record.type

    def _compared(self) -> tuple[Any, ...]:
        return self.task_list, self.id, self._record.type, self._record.data

    def __reduce__(self) -> NoReturn:
        raise InvalidTask("a task that cannot be read here cannot be sent to another process") from self.reason

    def __copy__(self) -> Self:
        raise self.reason

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        raise self.reason


def unreadable(record: TaskRecord, reason: AtLeastOnceError) -> UnreadableTask:
    """The stand-in for a record that raised `reason` when it was read."""
    task = object.__new__(UnreadableTask)
    sound_version = type(record.saved_at) is int and record.saved_at >= 0
    task.__dict__.update(
        task_list=record.task_list,
        id=record.id,
        _reason=reason,
        _record=record,
        _saved_at=record.saved_at if sound_version else None,
        _attempts=record.attempts,
        _last_error=record.last_error,
        _run_at=record.run_at,
        _due_at=record.due_at,
        _claim=record.claim,
        _died_at=record.died_at,
    )
    return task
