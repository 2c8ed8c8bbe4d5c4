"""A pass of claims over a list, played against rows in memory: where it goes on, what an error leaves, what it finds to be swept."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter

import pytest

from atleastonce.exceptions import StoreUnavailable
from atleastonce.record import TaskRecord
from atleastonce_cassandra.passing import MAX_PAGE_ROWS, WHOLE, Pass, Sizes
from atleastonce_cassandra.protocol.claim import LOOK_BYTES, LOOK_ROWS, Terms, look
from atleastonce_cassandra.protocol.client import Client
from atleastonce_cassandra.protocol.clock import GivenClock
from atleastonce_cassandra.protocol.places import SHARD_SLOT, Place
from atleastonce_cassandra.protocol.state import State
from atleastonce_cassandra.protocol.steps import Found, ReadClaims, ReadPage, ReadVersions, Swap, Swapped

NOW = 1_000_000_000
VERSION = 4
CELL = (b"T", b"{}", b"")
LATER = State(VERSION, None, 0, 0, False, 0, b"", NOW * 9)
"""Nobody holds it, and it is not due."""


def found(number, task=CELL):
    return Found(b"%06d" % number, task, None, VERSION)


def shard(number):
    return Place(b"list", SHARD_SLOT, number)


class Rows:
    """Servers and player in one: a list's rows, their claims, and how long it takes to read them.

    Args:
        rows: by place.
        due: whether those that nobody claimed are.
    """

    def __init__(self, rows, *, due):
        self.rows = rows
        self.due = due
        self.claims = {}
        self.read = 0
        self.reads_left = float("inf")
        self.swaps_left = float("inf")

    def places(self, position):
        return iter([place for place in sorted(self.rows) if position is None or place[1:] >= position[:2]])

    def play_all(self, many):
        return [self._play(steps) for steps in many]

    def _play(self, steps):
        answer = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                return end.value
            answer = self._answer(step)

    def _answer(self, step):
        if isinstance(step, ReadPage):
            rows = self.rows[step.place]
            first = bisect_right(rows, step.after, key=attrgetter("id"))
            page = rows[first : first + step.limit]
            self.read += len(page)
            self.reads_left -= 1
            if self.reads_left < 0:
                raise StoreUnavailable("down", outcome="not_applied")
            return page
        if isinstance(step, ReadClaims):
            known = {id: self.claims.get((step.place, id), None if self.due else LATER) for id in step.ids}
            return {id: state for id, state in known.items() if state}
        if isinstance(step, ReadVersions):
            return dict.fromkeys(step.ids, VERSION)
        assert isinstance(step, Swap)
        self.swaps_left -= 1
        if self.swaps_left < 0:
            raise StoreUnavailable("down", outcome="unknown")
        self.claims.update({(step.place, change.id): change.new for change in step.changes})
        return Swapped(True)


class ReadingTime:
    """A deadline of so many rows."""

    def __init__(self, servers, rows):
        self._servers = servers
        self._end = servers.read + rows

    def left(self):
        return max(0, self._end - self._servers.read)


@pytest.fixture
def client():
    return Client(GivenClock(lambda: NOW), lambda limit: 0)


@pytest.fixture
def sizes():
    return Sizes(65_536)


@pytest.fixture
def begin(client, sizes):
    """A call's part of a pass."""

    def begin(servers, limit, spans=WHOLE):
        def read(row):
            return TaskRecord("list", row.id.decode(), "T", b"{}", row.version)

        terms = Terms(60_000_000, NOW, None, read)
        return Pass(servers, client, sizes, terms, limit, spans, servers.places)

    return begin


class TestNoneIsDue:
    """A list of tasks that are to be tried tomorrow, or that others hold."""

    CALL = LOOK_ROWS * 10
    """How many rows can be read in half a call; the other half is for what is under way then."""

    @pytest.mark.parametrize(("shards", "rows"), [(4, 24 * LOOK_ROWS), (20, 4 * LOOK_ROWS), (64, 100)])
    def test_a_pass_gets_through_a_call_at_a_time(self, begin, shards, rows):
        servers = Rows({shard(number): [found(id) for id in range(rows)] for number in range(shards)}, due=False)
        spans, calls = WHOLE, 0
        while spans:
            began = servers.read
            part = begin(servers, 100, spans)
            part.run(ReadingTime(servers, self.CALL))
            assert servers.read - began <= 2 * self.CALL
            assert tuple(part.left) != spans
            spans, calls = tuple(part.left), calls + 1
        assert servers.read <= 1.5 * shards * rows
        assert calls >= shards * rows // (2 * self.CALL)

    def test_what_is_due_behind_them_is_found(self, begin):
        servers = Rows({shard(0): [found(id) for id in range(4 * LOOK_ROWS)]}, due=True)
        last = servers.rows[shard(0)][-1]
        servers.claims = {(shard(0), row.id): LATER for row in servers.rows[shard(0)][:-1]}
        part = begin(servers, 100)
        part.run(ReadingTime(servers, 100 * LOOK_ROWS))
        assert [it.id for it in part.records] == [last.id.decode()]
        assert part.left == []

    def test_large_rows_are_not_all_read_in_one_look(self, client):
        """Not so many as small ones: a call's time is for their bytes."""
        large = [found(id, (b"T", b"x" * 100_000, b"")) for id in range(LOOK_ROWS)]
        servers = Rows({shard(0): large}, due=False)
        (looked,) = servers.play_all([look(client, shard(0), b"", None, 100, Terms(1, NOW, None, None, 10, 10))])
        assert looked.candidates == []
        assert looked.after == large[looked.rows - 1].id
        assert LOOK_BYTES <= looked.size <= LOOK_BYTES + 10 * 100_100


class TestErrors:
    """Of one call, after some rounds of it."""

    @pytest.fixture
    def servers(self):
        return Rows({shard(number): [found(id) for id in range(10)] for number in range(8)}, due=True)

    def finish(self, servers, begin, part):
        """With the cursor that was left: everything, in all, is claimed once."""
        servers.reads_left = servers.swaps_left = float("inf")
        rest = begin(servers, 1_000, tuple(part.left))
        rest.run(ReadingTime(servers, 10_000))
        assert rest.left == []
        return [it.id for it in (*part.records, *rest.records)]

    def test_one_while_looking_leaves_what_was_claimed_and_where_to_go_on(self, servers, begin):
        servers.reads_left = 2  # a round of one place, and a part of one of two
        part = begin(servers, 1_000)
        with pytest.raises(StoreUnavailable):
            part.run(ReadingTime(servers, 10_000))
        assert len(part.records) == 10
        assert len(self.finish(servers, begin, part)) == 80

    def test_one_while_claiming_too(self, servers, begin):
        servers.swaps_left = 1
        part = begin(servers, 1_000)
        with pytest.raises(StoreUnavailable):
            part.run(ReadingTime(servers, 10_000))
        assert len(part.records) == 10
        assert len(self.finish(servers, begin, part)) == 80

    def test_at_once_it_leaves_all(self, servers, begin):
        servers.reads_left = 0
        part = begin(servers, 1_000)
        with pytest.raises(StoreUnavailable):
            part.run(ReadingTime(servers, 10_000))
        assert part.records == []
        assert tuple(part.left) == WHOLE


class TestToBeSwept:
    def test_only_what_read_empty_from_the_beginning(self, begin, client):
        report = found(5, None)
        servers = Rows({shard(0): [], shard(1): [report], shard(2): [found(1)], shard(3): []}, due=False)
        part = begin(servers, 100)
        part.run(ReadingTime(servers, 10_000))
        assert part.empty == {shard(0): NOW, shard(3): NOW}
        assert part.reports == {(shard(1), report.id)}
        (behind,) = servers.play_all([look(client, shard(2), b"000001", None, 100, Terms(1, NOW, None, None))])
        assert behind.rows == 0
        assert behind.empty_since is None

    def test_the_reading_begins_before_the_first_page_is_asked_for(self):
        now = [NOW]
        steps = look(
            Client(GivenClock(lambda: now[0]), lambda limit: 0), shard(0), b"", None, 1, Terms(1, NOW, None, None)
        )
        next(steps)
        now[0] += 1
        with pytest.raises(StopIteration) as end:
            steps.send([])
        assert end.value.value.empty_since == NOW

    def test_a_page_of_rows_that_all_have_gone_since_is_not_an_empty_place(self, client):
        steps = look(client, shard(0), b"", None, 1, Terms(1, NOW, None, None, MAX_PAGE_ROWS, 1))
        step = next(steps)
        step = steps.send([found(id, None) for id in range(step.limit)])
        with pytest.raises(StopIteration) as end:
            steps.send([])
        assert end.value.value.empty_since is None
        assert len(end.value.value.reports) == 100
