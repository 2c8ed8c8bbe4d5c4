"""`CassandraStore`: tasks in a Cassandra keyspace, for any number of machines."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from atleastonce.claims import ClaimPage, Failure, Held
from atleastonce.clock import Clock, system_clock
from atleastonce.record import Claim, TaskKey, TaskRecord
from atleastonce.urls import StoreURL

from .base import Base
from .claimer import Claimer
from .errors import partly_applied
from .forks import forget_in_child
from .graveyard import Graveyard
from .link import Link, open_link
from .links import Links
from .options import TASK_RB, Options, options_of
from .player import Player
from .protocol.client import Client
from .protocol.save import prepare
from .reader import Reader
from .reindex import reindex
from .schema import Schema
from .task_rb import TaskRbTable
from .waiting import Deadline
from .writer import Writer


class CassandraStore(Base):
    """Keeps records in a Cassandra keyspace, which `setup` prepares.

    A call that returned is acknowledged by a quorum of the local data centre. A call takes no longer than the timeout, and when it
    waits for other threads' writes in the same partition, or finds no host to connect to, than twice that; `fail`, `release` with a
    ``due_at`` and `store_claimed` have two steps, and that for each; a batch of over 10,000, accordingly.

    Args:
        options: hosts, keyspace and so on; see the fields of `Options`.
        session: an open driver session to use instead of one of our own. It is never closed here.
        clock: gives microseconds since 1970, and is believed; by default the servers' own clock is followed.
        url: by which other processes reach the same tasks.
    """

    def __init__(
        self, options: Options, *, session: Any = None, clock: Clock = system_clock, url: StoreURL | None = None
    ) -> None:
        super().__init__(options, session, clock, url, claims=True)
        self._links = Links(partial(_open, options, session, self._client))
        self._reader = Reader(self._links, self._client, options.timeout)
        self._writer = Writer(self._links, self._client, options.timeout)
        self._claimer = Claimer(self._links, self._client, options.timeout, options.max_data_bytes, self._reader.tidy)
        self._graveyard = Graveyard(self._links, self._client, options.timeout, options.max_data_bytes)
        weakref.finalize(self, self._links.close)
        forget_in_child(self)

    @classmethod
    def from_url(cls, url: StoreURL, *, clock: Clock = system_clock) -> CassandraStore | TaskRbTable:
        """The store for ``cassandra://user:password@host1,host2:9042/keyspace?local_dc=dc1``; see the parameters in `Options`.

        With ``layout=task_rb``, a `TaskRbTable`.
        """
        options = options_of(url)
        kind = TaskRbTable if options.layout == TASK_RB else cls
        return kind(options, clock=clock, url=url)

    @classmethod
    def from_session(
        cls, session: Any, keyspace: str | None = None, *, clock: Clock = system_clock, **options: Any
    ) -> CassandraStore:
        """A store on an open driver session, which stays the caller's to close.

        Args:
            session: of the driver; what we rely on (consistency, retries, timeouts) is stated with each request.
            keyspace: by default the session's own.
            clock: as of the constructor.
            **options: further fields of `Options`.
        """
        return cls(Options(keyspace=keyspace or session.keyspace or "", **options), session=session, clock=clock)

    def __repr__(self) -> str:
        return f"CassandraStore({self._options.keyspace!r}, table={self._options.table!r})"

    def store(self, records: Sequence[TaskRecord]) -> Sequence[int]:
        """See `DataInterface.store`. Each record by itself: a failure may leave some stored."""
        return self._writer.store(records) if records else ()

    def find(self, task_list: str, id: str) -> TaskRecord | None:
        """See `DataInterface.find`."""
        return self._reader.find(task_list, id)

    def all(self, task_list: str, *, saved_before: int | None = None) -> Iterator[TaskRecord]:
        """See `DataInterface.all`. Ids that the application chose come first, by shard; then drawn ones, by slot."""
        return self._reader.all(task_list, saved_before)

    def delete(self, keys: Sequence[TaskKey]) -> None:
        """See `DataInterface.delete`. Each key by itself: a failure may leave some deleted."""
        if keys:
            self._writer.delete(keys)

    def count(self, task_list: str) -> int:
        """See `DataInterface.count`. Reads every partition of the list, on the servers."""
        return self._reader.count(task_list)

    def task_lists(self) -> Iterator[str]:
        """See `DataInterface.task_lists`. A list that is empty now may be among them."""
        return self._reader.task_lists()

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
        """See `ClaimsInterface.claim`. In the order of `all`; leases go by the servers' clock."""
        return self._claimer.claim(task_list, lease, limit, due_by, saved_before, cursor)

    def claim_saved(self, keys: Sequence[TaskKey], *, lease: int) -> Sequence[Claim | None]:
        """See `ClaimsInterface.claim_saved`."""
        return self._claimer.claim_saved(keys, lease) if keys else ()

    def store_claimed(
        self, records: Sequence[TaskRecord], *, lease: int
    ) -> tuple[Sequence[int], Sequence[Claim | None]]:
        """See `ClaimsInterface.store_claimed`. In two steps: a claim is a write of another kind, of a version that is there."""
        versions = self.store(records)
        keys = [TaskKey(it.task_list, it.id, at) for it, at in zip(records, versions, strict=True)]
        with partly_applied():
            return versions, self.claim_saved(keys, lease=lease)

    def start(self, held: Held, *, done: TaskKey | None = None) -> Claim | None:
        """See `ClaimsInterface.start`. As durable as everything else."""
        return self._claimer.start(held, done)

    def heartbeat(self, held: Sequence[Held]) -> Sequence[Claim | None]:
        """See `ClaimsInterface.heartbeat`. Each claim by itself: a failure may leave some renewed."""
        return self._claimer.heartbeat(held) if held else ()

    def release(self, held: Sequence[Held], *, due_at: int | None = None, unstarted: bool = False) -> Sequence[bool]:
        """See `ClaimsInterface.release`. Each claim by itself: a failure may leave some released."""
        return self._claimer.release(held, due_at, unstarted=unstarted) if held else ()

    def fail(self, failure: Failure) -> bool:
        """See `ClaimsInterface.fail`."""
        return self._claimer.fail(failure)

    def flush(self) -> None:
        """See `ClaimsInterface.flush`. There is nothing to do."""

    def dead(self, task_list: str) -> Iterator[TaskRecord]:
        """See `ClaimsInterface.dead`."""
        return self._graveyard.dead(task_list)

    def discard(self, keys: Sequence[TaskKey]) -> None:
        """See `ClaimsInterface.discard`. Each key by itself: a failure may leave some there."""
        if keys:
            self._claimer.discard(keys)

    def setup(self, *, dry_run: bool = False) -> list[str]:
        """See `DataInterface.setup`. Makes a keyspace only where the URL says how."""
        with self._session_for_setup() as session:
            statements = Schema(session, self._options).setup(dry_run=dry_run)
        if statements and not dry_run:
            self.close()  # what was prepared for older tables is of no use
        return statements

    def reindex(self) -> int:
        """Put every partition that has tasks into the registry again; how many there are.

        Needed when registry rows may be gone while tasks are not: after a restore from a backup, a truncate of the registry, or
        the loss of more replicas than the consistency level allows. May run while the store is in use; processes that ran
        already when the rows were lost remember what they registered, so start those afresh first.
        """
        with self._links.use() as link:
            Player(link, self._client, Deadline(self._options.timeout)).play(prepare(self._client))
            return reindex(link, self._client, self._options.timeout)

    def close(self) -> None:
        """See `DataInterface.close`. What other threads have under way ends first."""
        self._links.close()

    def forget(self) -> None:
        """Start afresh in a child."""
        self._links.forget()
        self._client.forget()
        self._writer.forget()
        self._claimer.forget()


def _open(options: Options, session: Any, client: Client) -> Link:
    """A link on the caller's session, or on one of our own. (No method: whatever can open must not keep its store alive.)"""
    link = open_link(options, session)
    client.registered.forget()  # what was registered may be gone: tables are made anew, too
    return link
