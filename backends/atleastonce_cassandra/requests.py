"""The requests that a step of the protocol takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from zlib import crc32

from cassandra import ConsistencyLevel

from .link import Link
from .protocol.places import SHARD_SLOT, Place
from .protocol.state import State
from .protocol.steps import (
    Bury,
    Delete,
    Measure,
    Read,
    ReadClaims,
    ReadEmpty,
    ReadPage,
    ReadRows,
    ReadVersions,
    Register,
    RegisterDead,
    Report,
    Row,
    Step,
    Swap,
    Unregister,
    Wait,
    Write,
)
from .protocol.versions import deletion_timestamp, failure_timestamp
from .rows import cell_again, claim_cell, due_cell, failure_cell
from .statements import Encoded, RowBatch, Together, bigint_bytes, int_bytes, list_value, place_values
from .tables import LIST_BUCKETS
from .text import is_utf8

MAX_BATCH_ROWS = 500
MAX_BATCH_BYTES = 1024 * 1024
"""Of one request: large enough for its cost to be that of the rows, small enough for any server."""

MAX_IDS_READ = 100
"""In one query: what the default guardrails of managed services allow."""


FEWEST_BETWEEN = 25
"""So many rows of a segment are read from the first to the last, since that costs a server a tenth of naming each. There are at most 1,000 in
a segment, so no more than forty times too many are read. Those of a shard are named: it may be full of rows of completed tasks."""

GARBAGE_SECONDS = 7 * 24 * 3_600
"""A row of the claims goes when nothing was written to it for so long after its lease ended and its task was due. Until then most have been
claimed again. What it takes along is an attempt whose worker was lost, if nobody claimed anything meanwhile; the others are with
the task."""

LONGEST_SECONDS = 365 * 24 * 3_600
"""What is to be kept for longer is kept for ever: servers refuse, or cut, expiry dates beyond 2038."""


class Request(NamedTuple):
    """A statement with its values; one that only reads may be sent to a second server meanwhile, and one that is `once` to none."""

    statement: Any
    reading: bool = False
    once: bool = False


def requests_of(step: Step, link: Link) -> list[Request]:
    """What to send for a step; nothing for one that needs no server."""
    return list(_REQUESTS[type(step)](step, link))


def chunks(rows: Sequence[Row], most_rows: int = MAX_BATCH_ROWS, most_bytes: int = MAX_BATCH_BYTES) -> Iterator[slice]:
    """Slices of the rows, each of so many rows and bytes at most (one row at least)."""
    if len(rows) <= most_rows and sum([len(row.cell) for row in rows]) <= most_bytes:
        yield slice(0, len(rows))
        return
    start = size = 0
    for end, row in enumerate(rows):
        length = len(row.cell)
        if end > start and (end - start >= most_rows or size + length > most_bytes):
            yield slice(start, end)
            start, size = end, 0
        size += length
    yield slice(start, len(rows))


def _measure(step: Measure, link: Link) -> Iterator[Request]:
    yield Request(Encoded(link.statements.clock, ()))


def _register(step: Register, link: Link) -> Iterator[Request]:
    timestamp, task_list = bigint_bytes(step.timestamp), step.place.task_list
    yield Request(Encoded(link.statements.register, (*place_values(step.place), timestamp)))
    yield Request(
        Encoded(link.statements.name_list, (int_bytes(crc32(task_list) % LIST_BUCKETS), task_list, timestamp))
    )


def _write(step: Write, link: Link) -> Iterator[Request]:
    insert, key = link.statements.insert, place_values(step.place)
    rows = [(*key, row.id, row.cell, bigint_bytes(row.version)) for row in step.rows]
    if len(rows) == 1:
        yield Request(Encoded(insert, rows[0]))
        return
    for part in chunks(step.rows):
        yield Request(RowBatch(insert, rows[part], Encoded(insert, rows[0])))


def _delete(step: Delete, link: Link) -> Iterator[Request]:
    delete = link.claim_statements().discard if step.dead else link.statements.delete
    key = place_values(step.place)
    rows = [(bigint_bytes(timestamp), *key, id) for id, timestamp in step.keys]
    if len(rows) == 1:
        yield Request(Encoded(delete, rows[0]))
        return
    for start in range(0, len(rows), MAX_BATCH_ROWS):
        yield Request(RowBatch(delete, rows[start : start + MAX_BATCH_ROWS], Encoded(delete, rows[0])))


def _read(step: Read, link: Link) -> Iterator[Request]:
    key, ids = place_values(step.place), step.ids
    if step.dead:
        statements = link.claim_statements()
        for id in ids:
            yield Request(Encoded(statements.dead_version, (*key, id)), reading=True)
        return
    if len(ids) > 1:
        usual = [id for id in ids if is_utf8(id)]
        for start in range(0, len(usual), MAX_IDS_READ):
            part = list_value(usual[start : start + MAX_IDS_READ])
            yield Request(Encoded(link.statements.read, (*key, part), link.verify_at), reading=True)
        if len(usual) == len(ids):
            return
        ids = [id for id in ids if not is_utf8(id)]  # the server takes them as an id, but not in a list of ids
    for id in ids:
        yield Request(Encoded(link.statements.read_one, (*key, id), link.verify_at), reading=True)


def _read_empty(step: ReadEmpty, link: Link) -> Iterator[Request]:
    level = ConsistencyLevel.EACH_QUORUM if step.settled else ConsistencyLevel.ALL
    yield Request(Encoded(link.statements.any, place_values(step.place), level))


def _unregister(step: Unregister, link: Link) -> Iterator[Request]:
    yield Request(Encoded(link.statements.unregister, (bigint_bytes(step.timestamp), *place_values(step.place))))


def _read_page(step: ReadPage, link: Link) -> Iterator[Request]:
    values = (*place_values(step.place), step.after, int_bytes(step.limit))
    bound = Encoded(link.claim_statements().page, values)
    bound.fetch_size = step.limit
    yield Request(bound, reading=True)


def _read_rows(step: ReadRows, link: Link) -> Iterator[Request]:
    statements = link.claim_statements()
    return _read_ids(step.place, step.ids, statements.rows, statements.row)


def _read_versions(step: ReadVersions, link: Link) -> Iterator[Request]:
    statements = link.claim_statements()
    if step.everywhere:
        return _read_ids(step.place, step.ids, statements.versions, statements.version, link.verify_at)
    if _are_many(step):
        return _read_between(step, statements.versions_between)
    return _read_ids(step.place, step.ids, statements.versions, statements.version)


def _are_many(step: ReadVersions | ReadClaims) -> bool:
    return step.place.slot != SHARD_SLOT and len(step.ids) >= FEWEST_BETWEEN


def _read_between(step: ReadVersions | ReadClaims, between: Any) -> Iterator[Request]:
    yield Request(Encoded(between, (*place_values(step.place), min(step.ids), max(step.ids))), reading=True)


def _read_ids(place: Place, ids: Sequence[bytes], many: Any, one: Any, level: int | None = None) -> Iterator[Request]:
    key = place_values(place)
    usual = [id for id in ids if is_utf8(id)]
    for start in range(0, len(usual), MAX_IDS_READ):
        yield Request(Encoded(many, (*key, list_value(usual[start : start + MAX_IDS_READ])), level), reading=True)
    for id in ids if len(usual) < len(ids) else ():
        if not is_utf8(id):  # the server takes them as an id, but not in a list of ids
            yield Request(Encoded(one, (*key, id), level), reading=True)


def _read_claims(step: ReadClaims, link: Link) -> Iterator[Request]:
    if _are_many(step) and not step.settled:
        yield from _read_between(step, link.claim_statements().claims_between)
        return
    claims, key = link.claim_statements().claims, place_values(step.place)
    level = ConsistencyLevel.SERIAL if step.settled else None
    for start in range(0, len(step.ids), MAX_IDS_READ):
        ids = list_value(step.ids[start : start + MAX_IDS_READ])
        yield Request(Encoded(claims, (*key, ids), level), reading=True)


def _swap(step: Swap, link: Link) -> Iterator[Request]:
    swap, key, now = link.claim_statements().swap, place_values(step.place), step.now
    rows = [
        (
            int_bytes(kept_seconds(change.new, now)),
            claim_cell(change.new),
            *key,
            change.id,
            None if change.old is None else claim_cell(change.old),
        )
        for change in step.changes
    ]
    first = Encoded(swap, rows[0])
    yield Request(first if len(rows) == 1 else RowBatch(swap, rows, first), once=True)


def kept_seconds(state: State, now: int) -> int:
    """The TTL of a row of the claims, 0 for none."""
    needed = max(state.until, state.due_at or 0) - now
    seconds = max(0, needed) // 1_000_000 + GARBAGE_SECONDS
    return seconds if seconds < LONGEST_SECONDS else 0


def _report(step: Report, link: Link) -> Iterator[Request]:
    report, key = link.claim_statements().report, place_values(step.place)
    rows = [
        (
            bigint_bytes(failure_timestamp(one.version)),
            failure_cell(one.attempts, one.error),
            due_cell(step.now, one.due_at),
            *key,
            one.id,
        )
        for one in step.failures
    ]
    first = Encoded(report, rows[0])
    yield Request(first if len(rows) == 1 else RowBatch(report, rows, first))


def _register_dead(step: RegisterDead, link: Link) -> Iterator[Request]:
    values = (*place_values(step.place), bigint_bytes(step.timestamp))
    yield Request(Encoded(link.claim_statements().register_dead, values))


def _bury(step: Bury, link: Link) -> Iterator[Request]:
    statements, key, found = link.claim_statements(), place_values(step.place), step.found
    copy = (
        *key,
        found.id,
        cell_again(found.task),
        failure_cell(step.attempts, step.error),
        bigint_bytes(step.died_at),
        bigint_bytes(found.version),
    )
    if step.only_copy:
        yield Request(Encoded(statements.bury, copy))
        return
    delete = (bigint_bytes(deletion_timestamp(found.version)), *key, found.id)
    yield Request(Together((Encoded(statements.bury, copy), Encoded(statements.delete, delete))))


def _nothing(step: Wait, link: Link) -> Iterator[Request]:
    return iter(())


_REQUESTS: dict[type, Callable[[Any, Link], Iterator[Request]]] = {
    Measure: _measure,
    Register: _register,
    Write: _write,
    Delete: _delete,
    Read: _read,
    ReadEmpty: _read_empty,
    Unregister: _unregister,
    Wait: _nothing,
    ReadPage: _read_page,
    ReadRows: _read_rows,
    ReadVersions: _read_versions,
    ReadClaims: _read_claims,
    Swap: _swap,
    Report: _report,
    RegisterDead: _register_dead,
    Bury: _bury,
}
