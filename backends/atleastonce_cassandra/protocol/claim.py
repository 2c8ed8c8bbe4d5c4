"""Claim: find what is due and free, take it by compare-and-set, and give out only what is still there then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import attrs

from atleastonce.claims import WORKER_LOST
from atleastonce.record import MAX_ATTEMPTS, Claim, TaskRecord

from .client import Client
from .places import Place
from .state import ERROR_BYTES, State
from .steps import Failed, Found, ReadClaims, ReadPage, ReadVersions, Report, Steps
from .swap import swap

FIRST_PAGE_ROWS = 100
"""At least; twice as many on each further page: much of a list that others work on is held by them."""

LOOK_ROWS = 2_000
"""A look that has read so many goes no further: few of them may be due, and what was seen so far must not be lost to a deadline."""

LOOK_BYTES = 8 * 1024 * 1024
"""The same for large rows."""

LOST = WORKER_LOST.encode()


class Terms(NamedTuple):
    """Of one call. Times in microseconds.

    Attributes:
        lease: for how long.
        due_by: when a task must have been due.
        saved_before: only versions below; None: all.
        read: the record for a row.
        page_rows: the most to read at once.
        first_rows: how many to read first.
    """

    lease: int
    due_by: int
    saved_before: int | None
    read: Callable[[Found], TaskRecord]
    page_rows: int = FIRST_PAGE_ROWS
    first_rows: int = FIRST_PAGE_ROWS


class Candidate(NamedTuple):
    """A task that seems to be due and free.

    Attributes:
        found: its row.
        record: the same.
        seen: its row of the claims.
    """

    found: Found
    record: TaskRecord
    seen: State | None


class Looked(NamedTuple):
    """What was found at a place.

    Attributes:
        candidates: in the order of their ids.
        after: the id behind which the next look goes on; None: there is nothing more.
        rows: how many were read; size: their bytes, together.
        reports: the ids of rows without a task, which are failure reports alone.
        empty_since: when the reading began, by the client's clock, of a place that has no row of any kind; None: it has some, or was not
            read from its beginning.
    """

    candidates: Sequence[Candidate]
    after: bytes | None
    rows: int
    size: int
    reports: Sequence[bytes] = ()
    empty_since: int | None = None


def look(client: Client, place: Place, after: bytes, until: bytes | None, room: int, terms: Terms) -> Steps[Looked]:
    """Find at most `room` tasks that are due and that nobody holds, behind the id `after`, up to and with `until` (None: to the end). Changes nothing.

    Fewer than there are, where it had to read very many: then `Looked.after` says where to go on.
    """
    began = client.clock.now()
    candidates: list[Candidate] = []
    reports: list[bytes] = []
    rows_read = bytes_read = 0
    limit = max(FIRST_PAGE_ROWS, terms.first_rows)
    while True:
        limit = min(limit, terms.page_rows)
        page: list[Found] = yield ReadPage(place, after, limit)
        if not page and not after:
            return Looked((), None, 0, 0, (), began)
        rows = page if until is None else [row for row in page if row.id <= until]
        rows_read += len(rows)
        bytes_read += sum(sum(len(part or b"") for part in row.task) for row in rows if row.task)
        reports += [row.id for row in rows if not row.task]
        tasks = [row for row in rows if row.task and (terms.saved_before is None or row.version < terms.saved_before)]
        seen, outdated = yield from _seen(client, place, tasks)
        now = client.clock.now()
        for row in tasks:
            state = seen.get(row.id)
            if row.id in outdated or not _is_free(state, row.version, now, terms.due_by):
                continue
            record = terms.read(row)
            if record.run_at is not None and record.run_at > terms.due_by:
                continue
            if len(candidates) == room:
                return Looked(candidates, candidates[-1].found.id, rows_read, bytes_read, reports)
            candidates.append(Candidate(row, record, state))
        if len(rows) < limit:
            return Looked(candidates, None, rows_read, bytes_read, reports)
        after = rows[-1].id
        if len(candidates) == room or rows_read >= LOOK_ROWS or bytes_read >= LOOK_BYTES:
            return Looked(candidates, after, rows_read, bytes_read, reports)
        limit *= 2


def _is_free(state: State | None, version: int, now: int, due_by: int | None) -> bool:
    if state is None or state.version != version:
        return True
    return not state.is_held(now) and (due_by is None or (state.due_at or 0) <= due_by)


def _seen(client: Client, place: Place, rows: Sequence[Found]) -> Steps[tuple[dict[bytes, State], set[bytes]]]:
    """What the claims know of these rows; and the ids of those that are outdated by now.

    A state of a newer version says that the task was saved anew since its row was read, perhaps in another data centre, from which
    the claim came sooner than the row; and whoever holds the newer one must not be disturbed. Or the newer one was completed, and the task
    saved anew by a clock that was set back: then the state says nothing, once its lease is over.
    """
    if not rows:
        return {}, set()
    seen: dict[bytes, State] = yield ReadClaims(place, [row.id for row in rows])
    newer = [row for row in rows if row.id in seen and seen[row.id].is_newer(row.version)]
    now = client.clock.now()
    outdated = {row.id for row in newer if seen[row.id].is_held(now)}
    unclear = [row for row in newer if row.id not in outdated]
    if unclear:
        there: dict[bytes, int] = yield ReadVersions(place, [row.id for row in unclear], everywhere=True)
        outdated.update(row.id for row in unclear if there.get(row.id) != row.version)
    return seen, outdated


class Taking:
    """One task's being claimed: how its state changes.

    Args:
        client: the process.
        version: of the task.
        lease: for how long, microseconds.
        due_by: when it must have been due; None: it need not be.
        token: of the new claim.
        copied: how many attempts the task's row knows of.
        seen: the state that was found.
    """

    def __init__(
        self, client: Client, version: int, lease: int, due_by: int | None, token: str, copied: int, seen: State | None
    ) -> None:
        self._client = client
        self._version = version
        self._lease = lease
        self._due_by = due_by
        self.copied = copied
        self._seen = seen
        self.token = token
        self.lost = False

    def decide(self, old: State | None) -> State | None:
        """See `swap.Decide`."""
        token = self.token.encode()
        now = self._client.clock.now()
        if old is not None and old.version != self._version:
            if old.is_newer(self._version) and old != self._seen:
                return None
            old = None
        if old is not None and old.token == token:
            return old
        if not _is_free(old, self._version, now, self._due_by):
            return None
        before = State(self._version) if old is None else old
        self.lost = before.token is not None and before.started
        return before._replace(
            token=token,
            until=now + self._lease,
            lease=self._lease,
            started=False,
            attempts=min(max(before.attempts or 0, self.copied) + self.lost, MAX_ATTEMPTS),
            error=LOST[:ERROR_BYTES] if self.lost else before.error,
        )

    def claim(self, state: State) -> Claim:
        """The claim, once that is the state."""
        return Claim(self.token, state.until, state.lease, worker_lost=self.lost)


def take(client: Client, place: Place, candidates: Sequence[Candidate], terms: Terms) -> Steps[list[TaskRecord]]:
    """Claim the candidates; those that were claimed, with their claims, in order."""
    takings = {
        candidate.found.id: Taking(
            client,
            candidate.found.version,
            terms.lease,
            terms.due_by,
            client.token(),
            candidate.record.attempts,
            candidate.seen,
        )
        for candidate in candidates
    }
    seen = {candidate.found.id: candidate.seen for candidate in candidates}
    claimed = yield from claimed_of(client, place, takings, seen)
    records = []
    for found, record, _ in candidates:
        id = found.id
        if id in claimed:
            state, taking = claimed[id], takings[id]
            last_error = record.last_error
            if state.attempts > record.attempts:
                last_error = WORKER_LOST if taking.lost else state.error.decode("utf-8", "replace")
            records.append(
                attrs.evolve(
                    record,
                    attempts=state.attempts,
                    last_error=last_error,
                    due_at=state.due_at,
                    claim=taking.claim(state),
                )
            )
    return records


def claimed_of(
    client: Client, place: Place, takings: Mapping[bytes, Taking], seen: Mapping[bytes, State | None]
) -> Steps[dict[bytes, State]]:
    """Claim; the states of those whose tasks are still there once they are claimed."""
    changed = yield from swap(client, place, {id: taking.decide for id, taking in takings.items()}, seen)
    if not changed:
        return {}
    there: dict[bytes, int] = yield ReadVersions(place, list(changed))
    claimed = {id: state for id, state in changed.items() if there.get(id) == state.version}
    # Also those of which a claimer before this one died before it could say so.
    untold = [
        Failed(id, state.version, state.attempts, LOST if takings[id].lost else state.error, state.due_at)
        for id, state in claimed.items()
        if state.attempts > takings[id].copied
    ]
    if untold:
        yield Report(place, untold, client.clock.now())
    return claimed


def claim_saved(client: Client, place: Place, versions: Mapping[bytes, int], lease: int) -> Steps[dict[bytes, Claim]]:
    """Claim these versions, due or not; by id, those that were claimed."""
    takings = {id: Taking(client, version, lease, None, client.token(), 0, None) for id, version in versions.items()}
    claimed = yield from claimed_of(client, place, takings, {})  # usually nobody knows of what was just saved
    return {id: takings[id].claim(state) for id, state in claimed.items()}
