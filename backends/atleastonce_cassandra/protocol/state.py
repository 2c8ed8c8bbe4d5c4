"""What the claims table knows of a task: one value, which only ever changes as a whole, by compare-and-set."""

from __future__ import annotations

from typing import NamedTuple

ERROR_BYTES = 200
"""So much of the last error is kept here too, for the case that a crash comes between this and the whole text's being written."""

MAX_ATTEMPTS = 2**31 - 1
"""What the servers' int can hold: a row that somebody damaged may say so many, and one more would fit into no cell."""


class State(NamedTuple):
    """Of one version of a task. That of another version says nothing.

    Attributes:
        version: of the task.
        token: of the claim, in UTF-8; None: nobody holds it.
        until: when the lease ends, microseconds since 1970 by the servers.
        lease: how long it is, microseconds.
        started: whether work has begun under this claim.
        attempts: how many failed, as far as this table knows; the task's row may know of more.
        error: the beginning of the last one's text.
        due_at: not due before, microseconds since 1970; None: no such wait.
    """

    version: int
    token: bytes | None = None
    until: int = 0
    lease: int = 0
    started: bool = False
    attempts: int = 0
    error: bytes = b""
    due_at: int | None = None

    def is_held(self, now: int) -> bool:
        """Whether somebody holds the task at that moment."""
        return self.token is not None and now < (self.until or 0)

    def is_newer(self, version: int) -> bool:
        """Whether it is of a later version. (A row that somebody damaged has none.)"""
        return (self.version or 0) > version
