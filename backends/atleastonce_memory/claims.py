"""The verbs of `ClaimsInterface` on a `Space`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from atleastonce.claims import WORKER_LOST, ClaimPage, Failure, Held
from atleastonce.clock import Clock, boot_clock, system_clock
from atleastonce.record import Claim, TaskKey, TaskRecord

from .space import Row, Space, State, lock, stored


class Claims:
    """The half of `MemoryStore` that has to do with claims.

    Leases go by the boot-time clock, so that nobody's setting the wall clock ends one, unless the store was given a clock
    of its own.
    """

    def __init__(self, space: Space, clock: Clock) -> None:
        self._space = space
        self._clock = clock
        self._lease_clock = boot_clock if clock is system_clock else clock

    def claim(
        self,
        task_list: str,
        *,
        lease: int,
        limit: int,
        due_by: int | None = None,
        saved_before: int | None = None,
        cursor: Any = None,
    ) -> ClaimPage:
        """See `ClaimsInterface.claim`. The ids of a pass are those at its first page; the cursor holds them."""
        ids, place = (self._space.ids(task_list), 0) if cursor is None else cursor
        records: list[TaskRecord] = []
        with lock:
            due_by = self._clock() if due_by is None else due_by
            while place < len(ids) and len(records) < limit:
                row, state = self._space.find(task_list, ids[place])
                place += 1
                if row is None or (saved_before is not None and row[0] >= saved_before):
                    continue
                if max(row[1].run_at or 0, (state and state.due_at) or 0) <= due_by and not self._is_held(state):
                    claim, state = self._take(row, state, lease)
                    records.append(attrs.evolve(stored(row, state), claim=claim))
        return ClaimPage(records, (ids, place) if place < len(ids) else None)

    def claim_saved(self, keys: Sequence[TaskKey], *, lease: int) -> Sequence[Claim | None]:
        """See `ClaimsInterface.claim_saved`."""
        claims: list[Claim | None] = []
        with lock:
            for key in keys:
                row, state = self._space.find(key.task_list, key.id)
                free = row is not None and row[0] == key.saved_at and not self._is_held(state)
                claims.append(self._take(row, state, lease)[0] if free and row is not None else None)
        return claims

    def start(self, held: Held, *, done: TaskKey | None = None) -> Claim | None:
        """See `ClaimsInterface.start`."""
        with lock:
            if done is not None:
                self._space.remove(done)
            state = self._held(held)
            if state is None:
                return None
            state.started = True
            return self._renew(state)

    def heartbeat(self, held: Sequence[Held]) -> Sequence[Claim | None]:
        """See `ClaimsInterface.heartbeat`."""
        with lock:
            states = [self._held(one) for one in held]
            return [None if state is None else self._renew(state) for state in states]

    def release(self, held: Sequence[Held], *, due_at: int | None = None, unstarted: bool = False) -> Sequence[bool]:
        """See `ClaimsInterface.release`."""
        with lock:
            return [self._release(one, due_at, unstarted=unstarted) for one in held]

    def fail(self, failure: Failure) -> bool:
        """See `ClaimsInterface.fail`."""
        held, space = failure.held, self._space
        with lock:
            row, _ = space.find(held.task_list, held.id)
            state = self._version(held) if held.token is None else self._held(held)
            if row is None or state is None or (held.token is None and state.attempts >= failure.attempts):
                return False
            state.attempts = max(state.attempts, failure.attempts)  # a report without a token may have come meanwhile
            state.last_error = failure.last_error
            state.due_at = failure.due_at
            if held.token is not None:
                state.token = None
            if failure.dead:
                dead = attrs.evolve(stored(row, state), due_at=None, died_at=self._clock())
                space.dead.setdefault(held.task_list, {})[held.id] = dead
                space.remove(TaskKey(held.task_list, held.id))
        return True

    def flush(self) -> None:
        """See `ClaimsInterface.flush`. There is nothing to do."""

    def dead(self, task_list: str) -> Iterator[TaskRecord]:
        """See `ClaimsInterface.dead`."""
        for id in self._space.dead_ids(task_list):
            with lock:
                found = self._space.dead.get(task_list, {}).get(id)
            if found is not None:
                yield found

    def discard(self, keys: Sequence[TaskKey]) -> None:
        """See `ClaimsInterface.discard`."""
        with lock:
            for key in keys:
                self._space.discard(key)

    def _is_held(self, state: State | None) -> bool:
        return state is not None and state.token is not None and state.until > self._lease_clock()

    def _take(self, row: Row, state: State | None, lease: int) -> tuple[Claim, State]:
        """Claim a task that nobody holds."""
        version, record = row
        if state is None:
            state = self._space.states[record.task_list, record.id] = State(version)
        lost = state.token is not None and state.started
        if lost:
            state.attempts += 1
            state.last_error = WORKER_LOST
        state.token, state.lease, state.started = secrets.token_hex(16), lease, False
        return attrs.evolve(self._renew(state), worker_lost=lost), state

    def _renew(self, state: State) -> Claim:
        assert state.token is not None
        state.until = self._lease_clock() + state.lease
        return Claim(state.token, self._clock() + state.lease, state.lease)

    def _held(self, held: Held) -> State | None:
        """The state of a task that is held by this very claim."""
        row, state = self._space.find(held.task_list, held.id)
        if row is None or state is None or held.token is None or state.token != held.token:
            return None
        return state if held.saved_at is None or row[0] == held.saved_at else None

    def _version(self, held: Held) -> State | None:
        """The state of a task that is there at this very version; made where there is none yet."""
        row, state = self._space.find(held.task_list, held.id)
        if row is None or row[0] != held.saved_at:
            return None
        if state is None:
            state = self._space.states[held.task_list, held.id] = State(row[0])
        return state

    def _release(self, held: Held, due_at: int | None, *, unstarted: bool) -> bool:
        state = self._version(held) if held.token is None else self._held(held)
        if state is None or (unstarted and state.started):
            return False
        if held.token is not None:
            state.token, state.started = None, False
        if due_at is not None:
            state.due_at = due_at
        return True
