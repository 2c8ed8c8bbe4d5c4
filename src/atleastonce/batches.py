"""What a batch failure leaves behind: how much was done, and what was not."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from .exceptions import AtLeastOnceError, InvalidTask
from .record import TaskKey

_SHOWN = 5


@attrs.frozen
class BatchFailure:
    """Where `save_all` or `complete_all` stopped; on the error as ``.batch``.

    Attributes:
        done: how many tasks were saved or completed for certain, in the order given.
        not_done: keys of the tasks after them that had been taken from the iterable. Where the error's ``outcome`` is
            ``"unknown"`` some of these may be done; else none is. What follows was never taken.
    """

    done: int
    not_done: tuple[TaskKey, ...] = attrs.field(repr=lambda keys: f"<{len(keys)} keys>")


def note_failure(
    error: BaseException, verb: str, done: int, not_done: Sequence[TaskKey], *, during_write: bool
) -> None:
    """Say on the error how far the batch came: as text for people, as ``.batch`` for programs.

    An error during the write (an interrupt, say) leaves it in doubt, unless it says that nothing was written.
    """
    nothing_written = isinstance(error, InvalidTask) or getattr(error, "outcome", None) == "not_applied"
    unknown = during_write and not nothing_written
    ids = ", ".join(repr(key.id) for key in not_done[:_SHOWN])
    more = f" and {len(not_done) - _SHOWN:,} more" if len(not_done) > _SHOWN else ""
    error.add_note(
        f"{done:,} tasks were {verb} before this; {'perhaps' if unknown else 'certainly'} not {verb}: "
        f"{len(not_done):,} ({ids}{more})"
    )
    if isinstance(error, AtLeastOnceError):
        error.batch = BatchFailure(done, tuple(not_done))
