"""Plays the protocol's steps over a session: one at a time, or many at once."""

from __future__ import annotations

import time
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import Any

from cassandra import OperationTimedOut

from atleastonce.exceptions import AtLeastOnceError, StoreError, StoreUnavailable

from .errors import translate
from .link import Link
from .protocol.client import Client
from .protocol.clock import MAX_PAUSE_US, ServerClock
from .protocol.steps import Delete, Measure, Read, ReadEmpty, Step, Steps, Stored, Unregister, Wait, Write
from .requests import Request, requests_of
from .rows import cell_again
from .waiting import Deadline, result, send

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
        return isinstance(self.step, (Write, Delete)) and self.waiting > 0


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
                futures = [self._send(request) for request in self._requests(play, step)]
                play.results = [self._result(play, future) for future in futures]
                answer = self._answer(play)
        except AtLeastOnceError as error:
            raise _with_outcome(error, wrote=play.wrote) from error.__cause__

    def play_all(self, many: Iterable[Steps[Any]], in_flight: int = IN_FLIGHT) -> list[Any]:
        """Play them side by side, about so many requests at once; what each returned, in order.

        The first error ends it, once what is under way has ended.
        """
        plays: list[_Play] = []
        source = iter(many)
        arrived: SimpleQueue[tuple[_Play, int, Any]] = SimpleQueue()
        requests = 0
        failure: AtLeastOnceError | None = None
        more = True
        while True:
            while more and failure is None and requests < in_flight:
                steps = next(source, None)
                if steps is None:
                    more = False
                    break
                plays.append(_Play(steps))
                try:
                    requests += self._advance(plays[-1], None, arrived)
                except AtLeastOnceError as error:
                    failure = error
            if not requests:
                break
            try:
                play, position, future = arrived.get(timeout=self._deadline.left())
            except Empty:
                failure = failure or translate(
                    OperationTimedOut({}), self._link.where, writing=any(play.writes for play in plays)
                )
                break
            requests -= 1
            play.waiting -= 1
            play.results[position] = self._result(play, future)
            if play.waiting:
                continue
            try:
                answer = self._answer(play)
                if failure is None:
                    requests += self._advance(play, answer, arrived)
            except AtLeastOnceError as error:
                failure = failure or error
        if failure is not None:
            raise _with_outcome(failure, wrote=any(play.wrote for play in plays)) from failure.__cause__
        return [play.returned for play in plays]

    def _advance(self, play: _Play, answer: Any, arrived: SimpleQueue[Any]) -> int:
        """Take the play to its next step that needs servers, and send that; how many requests."""
        while True:
            try:
                step = play.steps.send(answer)
            except StopIteration as end:
                play.returned = end.value
                return 0
            requests = self._requests(play, step)
            if requests:
                break
            answer = self._answer(play)
        play.results = [None] * len(requests)
        play.waiting = len(requests)
        for position, request in enumerate(requests):
            future = self._send(request)
            ticket = (play, position, future)
            if isinstance(future, Exception):
                arrived.put(ticket)
            else:
                future.add_callbacks(_put, _put, callback_args=(arrived, ticket), errback_args=(arrived, ticket))
        return len(requests)

    def _send(self, request: Request) -> Any:
        """The driver's future, or the error at once."""
        link = self._link
        profile = link.reading_profile if request.reading else link.profile
        try:
            return send(link.session, request.statement, profile)
        except Exception as error:  # noqa: BLE001 (the driver raises what it likes, once it is shut down)
            return error

    def _result(self, play: _Play, future: Any) -> Any:
        """What the request gave; None, and the error noted, where it failed."""
        try:
            if not isinstance(future, Exception):
                return result(future, self._deadline.left())
            error = future
        except Exception as raised:  # noqa: BLE001 (whatever the driver raises becomes ours)
            error = raised
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
        writing = isinstance(step, (Write, Delete))
        if play.error is not None:
            if isinstance(step, (ReadEmpty, Unregister)):
                return None
            error = translate(play.error, self._link.where, writing=writing)
            if writing and (getattr(error, "outcome", None) == "unknown" or any(play.results)):
                play.wrote = True
            raise error from play.error
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
        return None


def _put(_result: Any, arrived: SimpleQueue[Any], ticket: Any) -> None:
    """In the driver's thread, which must not be held up: the rest is done by the thread that called."""
    arrived.put(ticket)


def _with_outcome(error: AtLeastOnceError, *, wrote: bool) -> AtLeastOnceError:
    if wrote and isinstance(error, StoreError):
        error.outcome = "unknown"
    return error
