"""Heartbeats: what a run or a worker holds is kept from running out, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ..claiming import claiming_of, held, saved_at
from ..claims import Held
from ..store import TaskStore
from ..task import Task

BEATS_A_LEASE = 3
"""Two may fail or be late before a lease runs out."""

JOIN_S = 5.0
"""How long the end waits for a heartbeat that is under way; what it may still do then harms nobody."""

log: logging.Logger = logging.getLogger("atleastonce")


class Heartbeats:
    """Renews the leases of all tasks that it was told to hold, every third of a lease.

    Args:
        store: whose tasks they are.
        lease: of the claims, microseconds.
    """

    def __init__(self, store: TaskStore, lease: int) -> None:
        self._backend = claiming_of(store).backend
        self._every_s = lease / 1_000_000 / BEATS_A_LEASE
        self._held: dict[tuple[str, str], Held] = {}
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self, tasks: Iterable[Task]) -> None:
        """Renew these too from now on."""
        self._held.update({(task.task_list, task.id): held(task) for task in tasks})

    def drop(self, task: Task) -> None:
        """Renew it no more; a newer version of it that is held, saved by the same run since, stays so."""
        key = task.task_list, task.id
        holder = self._held.get(key)
        if holder is not None and (holder.saved_at or 0) <= saved_at(task):
            self._held.pop(key, None)  # the thread may have been quicker

    def begin(self) -> None:
        """Start the thread, where it has not been yet. Not before there is work: a pool that forks had better fork first."""
        if self._thread is None:
            thread = threading.Thread(target=self._beat, name="atleastonce-heartbeats", daemon=True)
            thread.start()
            self._thread = thread  # only now: one that could not be started cannot be joined

    def end(self) -> list[Held]:
        """Renew nothing any more; what was held until now."""
        rest = list(self._held.values())
        self._held.clear()
        self._end.set()
        if self._thread is not None:
            self._thread.join(JOIN_S)
        return rest

    def _beat(self) -> None:
        while not self._end.wait(self._every_s):
            holders = list(self._held.copy().values())
            if not holders:
                continue
            try:
                claims = self._backend.heartbeat(holders)
            except Exception as error:  # noqa: BLE001 - whatever it is, without this thread all claims would be lost
                log.warning("the leases of %d tasks could not be renewed: %s", len(holders), type(error).__name__)
                continue
            for holder, claim in zip(holders, claims, strict=True):
                # Also where it was just completed or failed by its worker, so it is no news worth a warning.
                if claim is None and self._held.get((holder.task_list, holder.id)) is holder:
                    del self._held[holder.task_list, holder.id]
                    log.info("lost the claim on task_list=%r id=%r", holder.task_list, holder.id)


@contextmanager
def releasing(store: TaskStore, heartbeats: Heartbeats | None) -> Iterator[None]:
    """At the end of the block, however it comes, what is held and was not begun is given back."""
    try:
        yield
    finally:
        if heartbeats is not None:
            claiming_of(store).release_unstarted(heartbeats.end())


@contextmanager
def kept_alive(store: TaskStore, task: Task, lease: int) -> Iterator[None]:
    """The claim on one task is renewed for as long as the block runs."""
    heartbeats = Heartbeats(store, lease)
    heartbeats.hold([task])
    try:
        heartbeats.begin()  # in here: an interrupt on its way out leaves a thread behind that would hold the task for ever
        yield
    finally:
        heartbeats.end()
