"""Reindex: from the tasks themselves to the registry of where they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .errors import translate
from .link import Link
from .player import Player
from .protocol.client import Client
from .protocol.places import Place
from .protocol.save import register
from .statements import Encoded, bigint_bytes
from .waiting import Deadline

RANGES = 256
"""The ring of tokens is read in so many parts: none takes a server long."""

PAGE = 1_000
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


def reindex(link: Link, client: Client, timeout: float) -> int:
    """Register every partition that has rows; how many."""
    statement = link.session.prepare(
        f"SELECT textAsBlob(task_list), slot, origin FROM {link.tables.tasks} "
        "WHERE token(task_list, slot, origin) >= ? AND token(task_list, slot, origin) <= ? PER PARTITION LIMIT 1"
    )
    statement.consistency_level = link.verify_at
    count = 0
    for places in _pages(link, statement, timeout):
        Player(link, client, Deadline(timeout)).play_all(register(client, place) for place in places)
        count += len(places)
    return count


def _pages(link: Link, statement: Any, timeout: float) -> Iterator[list[Place]]:
    step = 2**64 // RANGES
    for low in range(_LOWEST, _HIGHEST, step):
        state = None
        while True:
            bound = Encoded(statement, (bigint_bytes(low), bigint_bytes(low + step - 1)))
            bound.fetch_size = PAGE
            try:
                answer = link.send(bound, reading=True, state=state).result(timeout)
            except Exception as error:
                raise translate(error, link.where, writing=False) from error
            if answer.current_rows:
                yield [Place(*row) for row in answer.current_rows]
            state = answer.paging_state
            if state is None:
                break
