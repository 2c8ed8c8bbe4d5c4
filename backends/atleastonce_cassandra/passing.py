"""One call's part of a pass of claims over a list: where it looks, and what it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

from atleastonce.record import TaskRecord

from .player import IN_FLIGHT, Player
from .protocol.claim import Candidate, Looked, Terms, look, take
from .protocol.client import Client
from .protocol.places import Place
from .waiting import Deadline

PAGE_BYTES = 1024 * 1024
"""Of one page of tasks that are looked at; there may be `IN_FLIGHT` of them."""

MAX_PAGE_ROWS = 1_000
MIN_PAGE_ROWS = 4

FIRST_PAGE_BYTES = 8 * PAGE_BYTES
"""At most, of a page that is read before any rows were seen, which may all be as large as a task may be. (Most are far smaller.)"""

LEAST_FREE = 0.1
"""However few of the rows seen last were due and free, so many of the next are taken to be."""

ROWS_A_PLACE = 1_000
"""As many drawn ids share a place; so a call for more looks at several places at once from the start."""

LEAP_PLACES = 64
"""So far ahead one goes on that others were in the way of, at most."""

MAX_SPANS = 16
"""A pass that others were in the way of so often goes on in order."""


class Position(NamedTuple):
    """Behind this id of this place. In the order in which `all` gives tasks."""

    slot: int
    token: int
    id: bytes


class Span(NamedTuple):
    """What lies behind `start`, up to and with `end`; None: from the list's beginning, to its end."""

    start: Position | None
    end: Position | None


Spans = tuple[Span, ...]
"""What a pass has yet to see, in the order in which it looks at it: the cursor of `claim`. More than one where others were in the way."""

WHOLE: Spans = (Span(None, None),)


class Sizes:
    """How large rows are, and how many of them are due and free, as far as was seen. Any thread may write; all is guesswork.

    Args:
        max_data_bytes: the longest data of a task.
    """

    def __init__(self, max_data_bytes: int) -> None:
        self._row_bytes = max_data_bytes * PAGE_BYTES / FIRST_PAGE_BYTES
        self._free = 1.0

    def page_rows(self) -> int:
        """The most rows of a page."""
        return max(MIN_PAGE_ROWS, min(MAX_PAGE_ROWS, int(PAGE_BYTES / self._row_bytes)))

    def first_rows(self, room: int) -> int:
        """How many rows to read first to find so many tasks."""
        return int(room / self._free)

    def learn(self, looked: Looked) -> None:
        """Rows count at once where they are larger than thought, slowly where they are smaller."""
        if looked.rows:
            seen = looked.size / looked.rows
            self._row_bytes = seen if seen > self._row_bytes else (seen + self._row_bytes) / 2
            self._free = max(LEAST_FREE, (self._free + min(1.0, len(looked.candidates) / looked.rows)) / 2)


class Pass:
    """See the module.

    In rounds: look at some places at once, then claim what was found at those at once. The first round looks at one place for each
    thousand tasks, each further one, where that was too few, at twice as many; or at one, once that has more than is read in one look:
    what is seen of those behind it would have to be read again.

    Many who claim at once begin at the same place. Whoever finds that others took most of what it wanted goes on at random, further on, and
    comes back for what it left out: servers make those wait who hinder each other, and nobody needs to wait.

    Args:
        player: of the call.
        client: what this process knows.
        sizes: learnt from earlier calls.
        terms: of the claims.
        limit: the most to claim.
        spans: what the pass has yet to see.
        places: gives the places of the list, from that of a position on.
    """

    def __init__(
        self,
        player: Player,
        client: Client,
        sizes: Sizes,
        terms: Terms,
        limit: int,
        spans: Spans,
        places: Callable[[Position | None], Iterator[Place]],
    ) -> None:
        self._player = player
        self._client = client
        self._sizes = sizes
        self._terms = terms
        self._limit = limit
        self._places = places
        self.left: list[Span] = list(spans)
        self.records: list[TaskRecord] = []
        self.empty: dict[Place, int] = {}
        self.reports: set[tuple[Place, bytes]] = set()

    @property
    def _room(self) -> int:
        return self._limit - len(self.records)

    def run(self, deadline: Deadline) -> None:
        """Claim, until there is enough, or no more, or it took too long.

        Then `records` is what was claimed, and `left` what is left, also after an error; `empty` are the places that had no row of any
        kind, with the time when their reading began, and `reports` the rows that are failure reports alone.
        """
        while self.left and self._room and deadline.left():
            self._run(self.left.pop(0), deadline)

    def _run(self, span: Span, deadline: Deadline) -> None:
        source = self._within(span)
        width = min(IN_FLIGHT, -(-self._limit // ROWS_A_PLACE))
        hindered = False
        left: Span | None = span
        try:
            while self._room and deadline.left():
                places = list(islice(source, LEAP_PLACES if hindered else width))
                if not places:
                    left = None
                    return
                if hindered and len(self.left) < MAX_SPANS:
                    at, hindered = self._leap(places, span)
                else:
                    at, hindered = self._round(places, span)
                    width = 1 if at.id else min(IN_FLIGHT, width * 2)
                left = span = span._replace(start=at)
                rest = [place for place in places if place[1:] >= at[:2]]
                source = chain(rest, source)
        finally:
            if left is not None:
                self.left.insert(0, left)

    def _within(self, span: Span) -> Iterator[Place]:
        end = span.end
        for place in self._places(span.start):
            if end is not None and place[1:] > end[:2]:
                return
            yield place

    def _look(self, places: Sequence[Place], span: Span, room: int) -> list[Looked]:
        terms = self._terms._replace(page_rows=self._sizes.page_rows(), first_rows=self._sizes.first_rows(room))
        looks = self._player.play_all(
            look(self._client, place, _after(place, span), _until(place, span), room, terms) for place in places
        )
        for place, looked in zip(places, looks, strict=True):
            self._sizes.learn(looked)
            self.reports.update((place, id) for id in looked.reports)
            if looked.empty_since is not None:
                self.empty[place] = looked.empty_since
        return looks

    def _take(self, wanted: Sequence[tuple[Place, Sequence[Candidate]]]) -> bool:
        """Claim these; whether others were in the way."""
        taken = self._player.play_all(take(self._client, place, found, self._terms) for place, found in wanted if found)
        claimed = sum(len(records) for records in taken)
        for records in taken:
            self.records += records
        return claimed < sum(len(found) for _, found in wanted) / 2

    def _round(self, places: Sequence[Place], span: Span) -> tuple[Position, bool]:
        """Claim what there is at these places, in order; where to go on, and whether others were in the way."""
        room = self._room
        last = places[-1]
        at = Position(last.slot, last.token + 1, b"")
        wanted = []
        for place, looked in zip(places, self._look(places, span, room), strict=True):
            candidates = looked.candidates[:room]
            wanted.append((place, candidates))
            room -= len(candidates)
            if len(candidates) < len(looked.candidates):
                behind = candidates[-1].found.id if candidates else _after(place, span)
                at = Position(place.slot, place.token, behind)
                break
            if looked.after is not None:
                at = Position(place.slot, place.token, looked.after)
                break
        return at, self._take(wanted)

    def _leap(self, places: Sequence[Place], span: Span) -> tuple[Position, bool]:
        """Claim at one of these places, somewhere in it, and leave out what lies before; the rest as `_round`."""
        room, draw = self._room, self._client.draw
        place = places[draw(len(places))]
        (looked,) = self._look([place], span, max(room, self._sizes.page_rows()))
        found = looked.candidates
        first = draw(len(found) - room + 1) if len(found) > room else 0
        before = found[first - 1].found.id if first else _after(place, span)
        wanted = found[first : first + room]
        if wanted:
            at = Position(place.slot, place.token, wanted[-1].found.id)
        elif looked.after is not None:
            at = Position(place.slot, place.token, looked.after)
        else:
            at = Position(place.slot, place.token + 1, b"")
        hindered = self._take([(place, wanted)])
        if first or place is not places[0]:
            self.left.insert(0, Span(span.start, Position(place.slot, place.token, before)))
        return at, hindered


def _after(place: Place, span: Span) -> bytes:
    start = span.start
    return start.id if start is not None and start[:2] == place[1:] else b""


def _until(place: Place, span: Span) -> bytes | None:
    end = span.end
    return end.id if end is not None and end[:2] == place[1:] else None
