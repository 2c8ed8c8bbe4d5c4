"""`dead`: the dead letters of a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from atleastonce.record import TaskRecord

from .errors import translate
from .link import Link
from .links import Links
from .player import Player
from .protocol.client import Client
from .protocol.places import Place
from .protocol.save import prepare
from .registry import dead_registry, places
from .rows import record_of
from .statements import Encoded, place_values
from .text import encode
from .waiting import Deadline

PAGE_ROWS = 100
"""At most. Dead letters are few, and read by people."""

PAGE_BYTES = 8 * 1024 * 1024
"""Of one page, at most, were each as large as a task may be."""


class Graveyard:
    """See the module.

    Args:
        links: lends the session.
        client: what this process knows.
        timeout: of one request, seconds.
        max_data_bytes: the longest data of a task.
    """

    def __init__(self, links: Links, client: Client, timeout: float, max_data_bytes: int) -> None:
        self._links = links
        self._client = client
        self._timeout = timeout
        self._page_rows = min(PAGE_ROWS, PAGE_BYTES // max_data_bytes)

    def dead(self, task_list: str) -> Iterator[TaskRecord]:
        """The dead letters, in the order in which `all` gives tasks."""
        list_bytes = encode(task_list)
        with self._links.use() as link:
            Player(link, self._client, Deadline(self._timeout)).play(prepare(self._client))
        for place in places(self._links, self._client.clock, list_bytes, self._timeout, select=dead_registry):
            state = None
            while True:
                with self._links.use() as link:
                    answer = self._page(link, place, state)
                for id, task, failure, version, died_at in answer.current_rows:
                    if task is not None:
                        yield attrs.evolve(record_of(task_list, id, task, failure, version), died_at=died_at)
                state = answer.paging_state
                if state is None:
                    break

    def _page(self, link: Link, place: Place, state: bytes | None) -> Any:
        bound = Encoded(link.claim_statements().dead, place_values(place))
        bound.fetch_size = self._page_rows
        try:
            return link.send(bound, reading=True, state=state).result(self._timeout)
        except Exception as error:
            raise translate(error, link.where, writing=False) from error
