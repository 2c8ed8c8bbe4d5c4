"""Which places a list has, read from the registry as they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cassandra import ReadFailure

from .errors import translate
from .link import Link
from .links import Links
from .protocol.clock import Clock
from .protocol.places import SHARD_SLOT, Place, slot_at
from .statements import Encoded, int_bytes

MAX_SLOT = 2**31 - 1
REGISTRY_PAGE = 5_000

_Select = Callable[[Link], Any]


def tasks_registry(link: Link) -> Any:
    """The statement for places with tasks."""
    return link.statements.segments


def dead_registry(link: Link) -> Any:
    """The statement for places with dead letters."""
    return link.claim_statements().dead_segments


def places(
    links: Links,
    clock: Clock,
    list_bytes: bytes,
    timeout: float,
    *,
    select: _Select = tasks_registry,
    start: tuple[int, int] | None = None,
) -> Iterator[Place]:
    """What the registry names, in order, from `start` (slot and token) on.

    The registry of a list that had many segments is full of deletions for a while, more than a server reads at once: then the range
    of slots is halved.
    """
    recent = 0 if clock.is_due() else max(0, slot_at(clock.now()))
    ranges = [(recent, MAX_SLOT), (0, recent), (SHARD_SLOT, 0)]  # the last one is next
    last = (SHARD_SLOT - 1, 0) if start is None else (start[0], start[1] - 1)
    while ranges:
        low, high = ranges.pop()
        low = max(low, last[0])
        values = (list_bytes, int_bytes(low), int_bytes(high))
        more, state = low < high, None
        while more:
            with links.use() as link:
                bound = Encoded(select(link), values)
                bound.fetch_size = REGISTRY_PAGE
                try:
                    answer = link.send(bound, reading=True, state=state).result(timeout)
                except ReadFailure as error:
                    low = max(low, last[0])
                    if high - low <= 1:
                        raise translate(error, link.where, writing=False) from error
                    middle = (low + high) // 2
                    ranges += [(middle, high), (low, middle)]
                    break
                except Exception as error:
                    raise translate(error, link.where, writing=False) from error
            for slot, token in answer.current_rows:
                if (slot, token) > last:  # what came before a range had to be halved is not given again
                    last = (slot, token)
                    yield Place(list_bytes, slot, token)
            state = answer.paging_state
            more = state is not None
