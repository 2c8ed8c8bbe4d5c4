"""What a backend stores: one task as its bytes, and the key that names one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

MAX_ATTEMPTS = 1_000_000_000
"""What a damaged row says beyond that is read as that: more than anybody counts, and a few more fit into 32 bits."""

NO_META: Mapping[str, str] = MappingProxyType({})


@attrs.frozen
class Claim:
    """A task's being held by one worker.

    Attributes:
        token: proves it; nobody can guess it.
        until: when its lease ends unless it is renewed, microseconds since 1970.
        lease: for how long it is claimed or renewed, microseconds.
        worker_lost: the claim before this one ended without a word, after work had begun: that cost an attempt.
    """

    token: str = attrs.field(repr=False)
    until: int
    lease: int
    worker_lost: bool = False


@attrs.frozen(slots=False)  # attrs writes a frozen instance faster through its __dict__: this is the hot path
class TaskRecord:
    """One stored task. Immutable.

    Attributes:
        task_list: the list it belongs to; 1 to 1,024 bytes of UTF-8, no NUL.
        id: unique within the list; same limits.
        type: the type tag, with ``@version`` above version 1; at most 255 bytes of UTF-8.
        data: the task's fields as a JSON object in UTF-8. Kept byte for byte, also where it is not JSON at all.
        saved_at: the version: microseconds since 1970, below 2**53. None in a record that was never saved.
        attempts: failed attempts since it was saved; at most `MAX_ATTEMPTS`.
        last_error: text of the last failed attempt.
        run_at: not due before, microseconds since 1970, below 2**53; None: due at once.
        meta: small str-to-str notes that are kept through save and redrive.
        problem: why a stored row cannot be read where its other attributes cannot show it (a column of the wrong
            kind, say); None for a sound row. A record with a problem can be deleted, never stored.
        drawn: the id was drawn for this task, and this is its first save: nobody else can have saved it yet.
            A backend may save trouble by it. It is neither stored nor compared.
        due_at: not due again before, microseconds since 1970, after a failed attempt or a release; None: no such wait.
        claim: the claim under which `ClaimsInterface.claim` gave the record; None from everything else.
        died_at: when it was moved to the dead letters, microseconds since 1970; None: it was not.

    Text that is not UTF-8 in the storage is decoded with ``surrogateescape`` and written back as the same bytes.
    """

    task_list: str
    id: str
    type: str
    data: bytes
    saved_at: int | None = None
    attempts: int = 0
    last_error: str | None = None
    run_at: int | None = None
    meta: Mapping[str, str] = NO_META
    problem: str | None = None
    drawn: bool = attrs.field(default=False, eq=False, repr=False)
    due_at: int | None = None
    claim: Claim | None = None
    died_at: int | None = None


for _field in attrs.fields(TaskRecord):
    if _field.default is not attrs.NOTHING:
        setattr(TaskRecord, _field.name, _field.default)  # what `usual_record` leaves out is found in the class


def usual_record(
    task_list: str,
    id: str,
    type: str,
    data: bytes,
    saved_at: int | None,
    drawn: bool = False,  # noqa: FBT001, FBT002 (one is made per task)
) -> TaskRecord:
    """A `TaskRecord` of these, in half of the time: they are made by the million."""
    record = object.__new__(TaskRecord)
    state = record.__dict__
    state["task_list"] = task_list
    state["id"] = id
    state["type"] = type
    state["data"] = data
    state["saved_at"] = saved_at
    if drawn:
        state["drawn"] = True
    return record


@attrs.frozen(slots=False)
class TaskKey:
    """Names one stored task, or one version of it.

    Attributes:
        task_list: the list.
        id: the id within the list.
        saved_at: the newest version that is meant, microseconds; None: whichever is stored.
    """

    task_list: str
    id: str
    saved_at: int | None = None
