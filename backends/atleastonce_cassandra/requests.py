"""The requests that a step of the protocol takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from zlib import crc32

from cassandra import ConsistencyLevel

from .link import Link
from .protocol.steps import Delete, Measure, Read, ReadEmpty, Register, Row, Step, Unregister, Wait, Write
from .statements import Encoded, RowBatch, bigint_bytes, int_bytes, list_value, place_values
from .tables import LIST_BUCKETS
from .text import is_utf8

MAX_BATCH_ROWS = 500
MAX_BATCH_BYTES = 1024 * 1024
"""Of one request: large enough for its cost to be that of the rows, small enough for any server."""

MAX_IDS_READ = 100
"""In one query: what the default guardrails of managed services allow."""


class Request(NamedTuple):
    """A statement with its values; one that only reads may be sent to a second server meanwhile."""

    statement: Any
    reading: bool = False


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
    delete, key = link.statements.delete, place_values(step.place)
    rows = [(bigint_bytes(timestamp), *key, id) for id, timestamp in step.keys]
    if len(rows) == 1:
        yield Request(Encoded(delete, rows[0]))
        return
    for start in range(0, len(rows), MAX_BATCH_ROWS):
        yield Request(RowBatch(delete, rows[start : start + MAX_BATCH_ROWS], Encoded(delete, rows[0])))


def _read(step: Read, link: Link) -> Iterator[Request]:
    key, ids = place_values(step.place), step.ids
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
}
