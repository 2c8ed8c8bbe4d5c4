"""`find`, `all`, `count`, `task_lists`."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from atleastonce.exceptions import AtLeastOnceError
from atleastonce.record import TaskRecord
from atleastonce.versions import VERSION_LIMIT

from .errors import translate
from .link import Link
from .links import Links
from .player import IN_FLIGHT, Player
from .protocol.client import Client
from .protocol.places import Place, segment_of
from .protocol.save import prepare
from .protocol.steps import Delete, Steps
from .protocol.sweep import GRACE_US, is_sweepable, sweep
from .registry import REGISTRY_PAGE, places
from .rows import record_of
from .statements import Encoded, int_bytes, place_values
from .tables import LIST_BUCKETS
from .text import decode, encode
from .waiting import Deadline, Sent

PAGES_BYTES = 4 * 1024 * 1024
"""What the pages of one `all` that are under way may hold together: a few large ones, or more where they turn out small, as those
of segments that are nearly empty. (Sixteen small ones at all times took twice as long for rows of 1 KB: a place's pages come
one after the other.) Where large ones follow on small ones it is up to four times that for a moment."""

FEWEST_PAGES = 4
"""Under way at once; so many fill the budget."""

FIRST_ROW_BYTES = 16 * 1024
"""How large rows are taken to be until some were seen."""

MAX_PAGE_ROWS = 5_000
MIN_PAGE_ROWS = 4

MAX_SWEEPS = 10_000
"""Of one `all`, so that one never does the work of years."""

log: logging.Logger = logging.getLogger("atleastonce.cassandra")


class _Page(NamedTuple):
    place: Place
    began: int  # when the reading of the place began, by the client's clock
    link: Link
    state: bytes | None  # where the page begins
    sent: Sent


class Reader:
    """See the module.

    Args:
        links: lends the session.
        client: what this process knows.
        timeout: of one request of an iteration, and of any other call; seconds.
    """

    def __init__(self, links: Links, client: Client, timeout: float) -> None:
        self._links = links
        self._client = client
        self._timeout = timeout
        self._row_bytes = float(FIRST_ROW_BYTES)
        self._page_bytes = PAGES_BYTES / FEWEST_PAGES

    def find(self, task_list: str, id: str) -> TaskRecord | None:
        """The record, or None."""
        list_bytes, id_bytes = encode(task_list), encode(id)
        with self._links.use() as link:
            place = Place(list_bytes, *segment_of(id, id_bytes, link.settings.shards))
            answer = self._ask(link, link.statements.find, (*place_values(place), id_bytes))
        for task, *rest in answer.current_rows:
            if task is not None:
                return record_of(task_list, id_bytes, task, *rest)
        return None

    def count(self, task_list: str) -> int:
        """How many records."""
        list_bytes = encode(task_list)
        total = 0
        with self._links.use() as link:
            there = self._places(list_bytes)
            waiting = deque(self._send_count(link, place) for place in islice(there, IN_FLIGHT))
            while waiting:
                total += self._result(link, waiting.popleft()).one()[0]
                for place in islice(there, 1):
                    waiting.append(self._send_count(link, place))
        return total

    def _send_count(self, link: Link, place: Place) -> Sent:
        """There is one answer, but the server reads the rows by pages of so many."""
        return self._send(link, link.statements.count, place_values(place), rows=MAX_PAGE_ROWS)

    def task_lists(self) -> Iterator[str]:
        """The lists' names."""
        with self._links.use() as link:
            lists = link.statements.lists
            firsts = [
                self._send(link, lists, (int_bytes(bucket),), rows=REGISTRY_PAGE) for bucket in range(LIST_BUCKETS)
            ]
            answers = [self._result(link, first) for first in firsts]  # while nobody can close the session
        for bucket, answer in enumerate(answers):
            yield from (decode(name) for (name,) in answer.current_rows)
            while answer.paging_state is not None:
                with self._links.use() as link:
                    values, state = (int_bytes(bucket),), answer.paging_state
                    answer = self._result(  # noqa: PLW2901 (the page after it)
                        link, self._send(link, link.statements.lists, values, rows=REGISTRY_PAGE, state=state)
                    )
                yield from (decode(name) for (name,) in answer.current_rows)

    def all(self, task_list: str, saved_before: int | None) -> Iterator[TaskRecord]:
        """The list's records: shards first, then segments by slot; each in the order of its ids."""
        list_bytes = encode(task_list)
        empty: list[tuple[Place, int]] = []
        orphans: list[tuple[Place, bytes]] = []
        with self._links.use() as link:
            Player(link, self._client, Deadline(self._timeout)).play(prepare(self._client))
            there = self._places(list_bytes)
            waiting = deque(self._first_page(link, place) for place in islice(there, self._pages()))
        while waiting:
            page = waiting.popleft()
            with self._links.use() as link:
                if (
                    page.link is not link
                ):  # the store was closed meanwhile, and what was under way will never be answered
                    waiting.appendleft(self._page(link, page.place, page.began, page.state))
                    continue
                answer = self._result(link, page.sent)
                rows, state = answer.current_rows, answer.paging_state
                self._learn(rows)
                if state is not None:
                    waiting.appendleft(self._page(link, page.place, page.began, state))
                room = max(0, self._pages() - len(waiting))
                waiting.extend(self._first_page(link, place) for place in islice(there, room))
            if not rows and page.state is None and state is None:
                if is_sweepable(page.place, page.began) and len(empty) < MAX_SWEEPS:
                    empty.append((page.place, page.began))
                continue
            for id, task, failure, version, *due in rows:
                if task is None:
                    orphans.append((page.place, id))
                elif saved_before is None or version < saved_before or version >= VERSION_LIMIT:
                    yield record_of(task_list, id, task, failure, version, *due)
        if empty or orphans:
            self.tidy(empty, orphans[:MAX_SWEEPS], self._timeout)

    def _first_page(self, link: Link, place: Place) -> _Page:
        return self._page(link, place, self._client.clock.now(), None)

    def _page(self, link: Link, place: Place, began: int, state: bytes | None) -> _Page:
        rows = int(PAGES_BYTES / FEWEST_PAGES / self._row_bytes)
        rows = max(MIN_PAGE_ROWS, min(MAX_PAGE_ROWS, rows))
        sent = self._send(link, link.statements.page, place_values(place), rows=rows, state=state)
        return _Page(place, began, link, state, sent)

    def _pages(self) -> int:
        """How many pages may be under way."""
        return max(FEWEST_PAGES, min(IN_FLIGHT, int(PAGES_BYTES / self._page_bytes)))

    def _learn(self, rows: list[Any]) -> None:
        """Remember how large rows and pages are: at once when larger than thought, slowly when smaller."""
        sizes = [len(id) + sum(len(part or b"") for part in task) + 100 for id, task, *_ in rows if task is not None]
        total = sum(sizes)
        if sizes:
            self._row_bytes = _learnt(self._row_bytes, total / len(sizes))
        self._page_bytes = _learnt(self._page_bytes, max(total, 1))

    def _places(self, list_bytes: bytes) -> Iterator[Place]:
        return places(self._links, self._client.clock, list_bytes, self._timeout)

    def tidy(self, empty: Sequence[tuple[Place, int]], orphans: Sequence[tuple[Place, bytes]], seconds: float) -> bool:
        """Sweep what is over and empty, and remove rows of failure reports alone, for as long. Never fails the reading.

        Returns whether all that was to be swept was: not where a server was away, or somebody saved a task there meanwhile.
        """
        deadline = Deadline(seconds)
        try:
            with self._links.use() as link:
                player = Player(link, self._client, deadline)
                swept = [True]
                if empty and link.settings.may_sweep:
                    swept = player.play_all(sweep(self._client, place, began) for place, began in empty)
                for place, id in orphans:
                    if deadline.left():
                        self._remove_orphan(link, player, place, id)
                return all(swept)
        except AtLeastOnceError as error:
            log.info(
                "empty segments of %s were not swept now: %s",
                decode(empty[0][0].task_list) if empty else "a list",
                error,
            )
            return False

    def _remove_orphan(self, link: Link, player: Player, place: Place, id: bytes) -> None:
        """A row that has a failure report and no task: the report came after the completion was forgotten."""
        for task, failed_at in self._ask(link, link.statements.failed_at, (*place_values(place), id)).current_rows:
            if task is None and failed_at is not None and failed_at < self._client.clock.now() - GRACE_US:
                player.play(_delete(place, id, failed_at))

    def _ask(self, link: Link, statement: Any, values: tuple[bytes, ...]) -> Any:
        return self._result(link, self._send(link, statement, values))

    def _send(
        self,
        link: Link,
        statement: Any,
        values: tuple[bytes, ...],
        *,
        rows: int | None = None,
        state: bytes | None = None,
    ) -> Sent:
        bound = Encoded(statement, values)
        if rows is not None:
            bound.fetch_size = rows
        return link.send(bound, reading=True, state=state)

    def _result(self, link: Link, sent: Sent) -> Any:
        try:
            return sent.result(self._timeout)
        except Exception as error:
            raise translate(error, link.where, writing=False) from error


def _learnt(thought: float, seen: float) -> float:
    return seen if seen > thought else (seen + thought) / 2


def _delete(place: Place, id: bytes, timestamp: int) -> Steps[None]:
    yield Delete(place, [(id, timestamp)])
