"""`Run`: what one `dispatch` or `redrive` works with, whichever way it hands tasks over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import Any

import attrs

from ..claiming import Claiming, claiming_of
from ..store import TaskStore
from ..task import Task
from .heartbeats import Heartbeats
from .report import Tally

OnResult = Callable[[Task, Any], object]
"""Called with a task and what its `execute` returned, in the caller's thread."""

MAX_REFUSALS = 10
"""So many refusals in a row mean that the broker is down, not that it dislikes one task."""

GRACE = timedelta(seconds=30)
"""As long as Kubernetes gives a container to end, by default."""


class Broken(Exception):
    """The pool or broker takes no more; the cause is what it raised."""


@attrs.frozen(kw_only=True)
class Run:
    """One run.

    Attributes:
        store: whose tasks it hands over.
        tally: its counts.
        on_result: called with what was completed.
        stop: once set, nothing more is begun.
        grace: how long what runs then is waited for.
        heartbeats: keep what it has claimed; None: it claims nothing.
    """

    store: TaskStore
    tally: Tally
    on_result: OnResult | None = None
    stop: Event | None = None
    grace: timedelta = GRACE
    heartbeats: Heartbeats | None = None

    @property
    def claiming(self) -> Claiming:
        """The store's claims."""
        return claiming_of(self.store)

    def stopped(self) -> bool:
        """Whether it was asked to stop."""
        return self.stop is not None and self.stop.is_set()

    def hold(self, tasks: list[Task]) -> None:
        """Keep these claims."""
        if self.heartbeats is not None:
            self.heartbeats.hold(tasks)

    def begin(self) -> None:
        """Work begins: from now on claims are renewed."""
        if self.heartbeats is not None:
            self.heartbeats.begin()

    def drop(self, task: Task) -> None:
        """Keep its claim no longer."""
        if self.heartbeats is not None:
            self.heartbeats.drop(task)

    def lost(self, task: Task) -> None:
        """Somebody else has it, or has done it: it is none of this run's any more."""
        self.drop(task)
        self.tally.seen -= 1

    def let_go(self, task: Task) -> None:
        """Give its claim back, at no cost."""
        self.drop(task)
        self.claiming.let_go(task)

    def let_go_all(self, tasks: list[Task]) -> None:
        """Give back the claims of all of them, in one step."""
        for task in tasks:
            self.drop(task)
        self.claiming.let_go_all(tasks)
