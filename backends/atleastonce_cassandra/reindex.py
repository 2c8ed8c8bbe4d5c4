"""Reindex: from the tasks and dead letters themselves to the registries of where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .errors import translate
from .link import Link
from .player import Player
from .protocol.client import Client
from .protocol.fail import register_dead
from .protocol.places import Place
from .protocol.save import register
from .protocol.steps import Steps
from .statements import Encoded, bigint_bytes
from .waiting import Deadline

RANGES = 256
"""The ring of tokens is read in so many parts: none takes a server long."""

PAGE = 1_000
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


def reindex(link: Link, client: Client, timeout: float) -> int:
    """Register every partition that has rows; how many have tasks."""
    count = _register(link, client, timeout, link.tables.tasks, register)
    if link.settings.has_claims:
        _register(link, client, timeout, link.tables.dead, register_dead)
    return count


def _register(
    link: Link, client: Client, timeout: float, table: str, register: Callable[[Client, Place], Steps[Any]]
) -> int:
    count = 0
    for places in _pages(link, table, timeout):
        Player(link, client, Deadline(timeout)).play_all(register(client, place) for place in places)
        count += len(places)
    return count


def _pages(link: Link, table: str, timeout: float) -> Iterator[list[Place]]:
    statement = link.session.prepare(
        f"SELECT textAsBlob(task_list), slot, origin FROM {table} "
        "WHERE token(task_list, slot, origin) >= ? AND token(task_list, slot, origin) <= ? PER PARTITION LIMIT 1"
    )
    statement.consistency_level = link.verify_at
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
