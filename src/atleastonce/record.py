"""What a backend stores: one task as its bytes, and the key that names one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

NO_META: Mapping[str, str] = MappingProxyType({})


@attrs.frozen(slots=False)  # attrs writes a frozen instance faster through its __dict__: this is the hot path
class TaskRecord:
    """One stored task. Immutable.

    Attributes:
        task_list: the list it belongs to; 1 to 1,024 bytes of UTF-8, no NUL.
        id: unique within the list; same limits.
        type: the type tag, with ``@version`` above version 1; at most 255 bytes of UTF-8.
        data: the task's fields as a JSON object in UTF-8. Kept byte for byte, also where it is not JSON at all.
        saved_at: the version: microseconds since 1970, below 2**53. None in a record that was never saved.
        attempts: failed attempts since it was saved.
        last_error: text of the last failed attempt.
        run_at: not due before, microseconds since 1970; None: due at once.
        meta: small str-to-str notes that are kept through save and redrive.
        problem: why a stored row cannot be read where its other attributes cannot show it (a column of the wrong
            kind, say); None for a sound row. A record with a problem can be deleted, never stored.
        drawn: the id was drawn for this task, and this is its first save: nobody else can have saved it yet.
            A backend may save trouble by it. It is neither stored nor compared.

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
