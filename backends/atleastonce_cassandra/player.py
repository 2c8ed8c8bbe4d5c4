"""Plays the protocol's steps over a session: one at a time, or many at once."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from cassandra import OperationTimedOut

from atleastonce.exceptions import AtLeastOnceError, StoreError, StoreUnavailable

from .errors import translate
from .link import Link
from .protocol.client import Client
from .protocol.clock import MAX_PAUSE_US, ServerClock
from .protocol.state import State
from .protocol.steps import (
    Bury,
    Delete,
    Found,
    Measure,
    Read,
    ReadClaims,
    ReadEmpty,
    ReadPage,
    ReadRows,
    ReadVersions,
    RegisterDead,
    Report,
    Step,
    Steps,
    Stored,
    Swap,
    Swapped,
    Unregister,
    Wait,
    Write,
)
from .requests import Request, requests_of
from .rows import cell_again
from .waiting import Deadline, Sent, UnderWay

_WRITING = (Write, Delete, Swap, Report, RegisterDead, Bury)
"""The steps that change what is promised."""

IN_FLIGHT = 16
"""Requests of one call under way at once: as many as keep two cores of a server busy."""


class _Play:
    """One protocol under way."""

    def __init__(self, steps: Steps[Any]) -> None:
        self.steps = steps
        self.step: Step | None = None
        self.began = 0
        self.wrote = False  # whether anything of it may have been applied
        self.waiting = 0  # requests of this step that are not answered
        self.results: list[Any] = []
        self.error: Exception | None = None
        self.returned: Any = None

    @property
    def writes(self) -> bool:
        """Whether what is under way changes tasks."""
        return isinstance(self.step, _WRITING) and self.waiting > 0


class Player:
    """See the module. One call's: it has the call's deadline.

    Args:
        link: the session.
        client: what this process knows.
        deadline: of the call.
    """

    def __init__(self, link: Link, client: Client, deadline: Deadline) -> None:
        self._link = link
        self._client = client
        self._deadline = deadline

    def play(self, steps: Steps[Any]) -> Any:
        """Play it to its end; what it returns. Raises a `StoreError` with the outcome of the whole."""
        play = _Play(steps)
        answer = None
        try:
            while True:
                try:
                    step = steps.send(answer)
                except StopIteration as end:
                    return end.value
                requests = [self._send(request) for request in self._requests(play, step)]
                play.results = [self._result(play, sent) for sent in requests]
                answer = self._answer(play)
        except AtLeastOnceError as error:
            raise _with_outcome(error, wrote=play.wrote) from error.__cause__

    def play_all(self, many: Iterable[Steps[Any]], in_flight: int = IN_FLIGHT) -> list[Any]:
        """Play them side by side, about so many requests at once; what each returned, in order.

        The first error ends it, once what is under way has ended.
        """
        plays: list[_Play] = []
        source = iter(many)
        under_way = UnderWay()
        failure: AtLeastOnceError | None = None
        more = True
        while True:
            while more and failure is None and len(under_way) < in_flight:
                steps = next(source, None)
                if steps is None:
                    more = False
                    break
                plays.append(_Play(steps))
                try:
                    self._advance(plays[-1], None, under_way)
                except AtLeastOnceError as error:
                    failure = error
            if not under_way:
                break
            sent = under_way.next(self._deadline)
            if sent is None:
                failure = failure or translate(
                    OperationTimedOut({}), self._link.where, writing=any(play.writes for play in plays)
                )
                break
            play, position = sent.tag
            play.waiting -= 1
            play.results[position] = self._result(play, sent)
            if play.waiting:
                continue
            try:
                answer = self._answer(play)
                if failure is None:
                    self._advance(play, answer, under_way)
            except AtLeastOnceError as error:
                failure = failure or error
        if failure is not None:
            raise _with_outcome(failure, wrote=any(play.wrote for play in plays)) from failure.__cause__
        return [play.returned for play in plays]

    def _advance(self, play: _Play, answer: Any, under_way: UnderWay) -> None:
        """Take the play to its next step that needs servers, and send that."""
        while True:
            try:
                step = play.steps.send(answer)
            except StopIteration as end:
                play.returned = end.value
                return
            requests = self._requests(play, step)
            if requests:
                break
            answer = self._answer(play)
        play.results = [None] * len(requests)
        play.waiting = len(requests)
        for position, request in enumerate(requests):
            under_way.add(self._send(request, arrived=under_way.arrived, tag=(play, position)))

    def _send(self, request: Request, **how: Any) -> Sent:
        if request.once:
            return self._link.send_once(request.statement, **how)
        return self._link.send(request.statement, reading=request.reading, **how)

    def _result(self, play: _Play, sent: Sent) -> Any:
        """What the request gave; None, and the error noted, where it failed."""
        try:
            return sent.result(self._deadline.left())
        except Exception as error:  # noqa: BLE001 (whatever the driver raises becomes ours)
            play.error = play.error or error
            return None

    def _requests(self, play: _Play, step: Step) -> list[Request]:
        """What to send for a step."""
        if not self._deadline.left():
            raise StoreUnavailable(f"Cassandra did not answer in time on {self._link.where}", outcome="not_applied")
        play.step = step
        play.error = None
        play.results = []
        play.began = self._client.clock.elapsed()
        if isinstance(step, Wait):
            time.sleep(min(step.duration / 1e6, self._deadline.left()))
        return requests_of(step, self._link)

    def _answer(self, play: _Play) -> Any:
        """The answer to the step whose requests have all ended."""
        clock, step = self._client.clock, play.step
        if isinstance(clock, ServerClock) and clock.elapsed() - play.began > MAX_PAUSE_US:
            clock.suspect()
        writing = isinstance(step, _WRITING)
        if play.error is not None:
            if isinstance(step, (ReadEmpty, Unregister)):
                return None
            error = translate(play.error, self._link.where, writing=writing)
            if writing and (
                getattr(error, "outcome", None) == "unknown" or any(result is not None for result in play.results)
            ):
                play.wrote = True
                if isinstance(step, Swap):
                    return Swapped(None)
            raise error from play.error
        if isinstance(step, Swap):
            return self._swapped(play, step)
        if writing:
            play.wrote = True
        elif isinstance(step, Measure):
            clock.measured(play.results[0].one()[0] * 1_000, play.began)
        elif isinstance(step, Read):
            return {
                id: Stored(version, cell_again(task))
                for result in play.results
                for id, task, version in result.current_rows
                if task is not None
            }
        elif isinstance(step, ReadEmpty):
            return not play.results[0].current_rows
        elif isinstance(step, (ReadPage, ReadRows, ReadVersions, ReadClaims)):
            return _taken(step, [row for result in play.results for row in result.current_rows])
        return None

    def _swapped(self, play: _Play, step: Swap) -> Swapped:
        """A refused batch shows the rows that it was about, as far as they are there; a single one only its state."""
        rows = play.results[0].current_rows
        if rows[0][0]:
            play.wrote = True
            return Swapped(True)
        there = [row for row in rows if len(row) > 1 and row[-1] is not None]
        if len(step.changes) == 1:
            return Swapped(False, dict(zip((step.changes[0].id,), (State(*row[-1]) for row in there), strict=False)))
        return Swapped(False, {bytes(id): State(*state) for *_, id, state in there})


def _taken(step: Step, rows: list[Any]) -> Any:
    """The answer for the rows that were read."""
    if isinstance(step, ReadPage):
        return [Found(*row) for row in rows]
    if isinstance(step, ReadRows):
        return {row[0]: Found(*row) for row in rows if row[1] is not None}
    if isinstance(step, ReadVersions):
        return {id: version for id, version in rows if version is not None}
    return {bytes(id): State(*state) for id, state in rows if state is not None}


def _with_outcome(error: AtLeastOnceError, *, wrote: bool) -> AtLeastOnceError:
    if wrote and isinstance(error, StoreError):
        error.outcome = "unknown"
    return error
