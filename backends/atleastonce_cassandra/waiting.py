"""Waiting for the driver, with deadlines of our own.

The driver can time a request itself, and send it to a second server by itself, but its timer keeps hold of the request and its
result until the time has come, also when the answer was there at once: seconds of everything that was read and written.
"""

from __future__ import annotations

import math
import time
from queue import Empty, SimpleQueue
from typing import Any, cast

from cassandra import OperationTimedOut
from cassandra.cluster import NoHostAvailable

ONCE_SHARE = 0.3
"""Of a call's timeout: how long a request that must not be sent twice may take, before it is found out what became of it. A server
gives up one that others hinder after a second or two."""

PATIENCE_SHARE = 0.1
"""Of a call's timeout: how long a server may be silent until another is asked too. A call of a few steps, each of which meets the
server that stands still, is then still in time."""


class Deadline:
    """When a call must be over.

    Args:
        seconds: how long it may take from now.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds; zero once it is over."""
        return max(0.0, self._end - time.monotonic())


class Sent:
    """A request under way, which the driver does not time: with one server, or with two when the first stays silent.

    A server that stands still, or whose connection is dead, is like one that is slow: nobody else would notice for some 15 s. To
    ask a second one does no harm, since whatever we send may be applied twice. What may not is `once`: it is given up instead.

    Args:
        session: the driver's.
        statement: with its values.
        profile: for the driver; its load balancing says who comes next.
        patience: after so many seconds without an answer `is_silent` is due.
        arrived: where ``(self, what arrived)`` is put for `take`; by default `result` waits for it.
        tag: the caller's own.
        state: where the page begins.
        once: it is never sent twice.
    """

    __slots__ = (
        "_arrived", "_asked", "_once", "_profile", "_session", "_state", "_statement", "_under_way", "due", "error",
        "over", "tag", "value",
    )  # a name a line says no more  # fmt: skip

    def __init__(
        self,
        session: Any,
        statement: Any,
        profile: Any,
        patience: float,
        *,
        arrived: SimpleQueue[Any] | None = None,
        tag: Any = None,
        state: bytes | None = None,
        once: bool = False,
    ) -> None:
        self._once = once
        self._session, self._statement, self._profile, self._state = session, statement, profile, state
        self._arrived: SimpleQueue[Any] = SimpleQueue() if arrived is None else arrived
        self.tag = tag
        self.due = time.monotonic() + patience
        self.over = False
        self.value: Any = None
        self.error: Exception | None = None
        self._asked: list[Any] = []
        self._under_way = 0
        self._send(None)

    def _send(self, host: Any) -> None:
        self._under_way += 1
        try:
            future = self._session.execute_async(
                self._statement, execution_profile=self._profile, timeout=None, paging_state=self._state, host=host
            )
        except Exception as error:  # noqa: BLE001 (the driver raises what it likes, once it is shut down)
            self._arrived.put((self, error))
            return
        self._asked.append(future)
        ticket = (self._arrived, (self, future))
        future.add_callbacks(_put, _put, callback_args=ticket, errback_args=ticket)

    def is_silent(self) -> None:
        """It had no answer for as long as one has patience: send it to one more server, if there is one; once."""
        if self._once:
            self.give_up()
            return
        self.due = math.inf
        asked = {host for future in self._asked for host in future.attempted_hosts}
        plan = self._profile.load_balancing_policy.make_query_plan(self._session.keyspace, self._statement)
        other = next((host for host in plan if host not in asked), None)
        if other is not None:
            self._send(other)

    def take(self, arrived: Any) -> bool:
        """Take in what arrived; whether the request is over now. The first answer ends it, but not a server that is not reached."""
        if self.over:
            return False
        self._under_way -= 1
        error: Exception | None = None
        if isinstance(arrived, Exception):
            error = arrived
        else:
            try:
                self.value = arrived.result()
                self.error = None
            except Exception as raised:  # noqa: BLE001 (kept for `result`)
                error = raised.with_traceback(None)  # which holds this frame, and this frame the error
        if error is not None:
            self.error = error
            if self._under_way or getattr(self._statement, "doubtful", False):
                cast(Any, error).doubtful = True  # to `translate`: an attempt that failed, or goes on, may be applied
            if self._under_way and isinstance(error, NoHostAvailable):
                return False
        self._end()
        return True

    def give_up(self) -> None:
        """It took too long."""
        self.error = OperationTimedOut({})
        self._end()

    def result(self, seconds: float) -> Any:
        """What it gave; asked for once. Raises what the driver raises, OperationTimedOut when it takes longer than that."""
        deadline = Deadline(seconds)
        while not self.over:
            try:
                _, arrived = self._arrived.get(timeout=max(0.0, min(deadline.left(), self.due - time.monotonic())))
            except Empty:
                if deadline.left():
                    self.is_silent()
                else:
                    self.give_up()
            else:
                self.take(arrived)
        error, self.error = self.error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # its traceback holds this frame
        return self.value

    def _end(self) -> None:
        self.over = True
        for future in self._asked:
            future.clear_callbacks()  # they hold this request, and this request holds them
        self._asked.clear()


class UnderWay:
    """Requests under way side by side, each given back once it is over.

    Attributes:
        arrived: for `Sent`.
    """

    def __init__(self) -> None:
        self.arrived: SimpleQueue[tuple[Sent, Any]] = SimpleQueue()
        self._requests: dict[Sent, None] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, sent: Sent) -> None:
        """One more."""
        self._requests[sent] = None

    def next(self, deadline: Deadline) -> Sent | None:
        """The first that is over; None when none was by then, and all were given up."""
        while True:
            due = min(sent.due for sent in self._requests)
            try:
                sent, arrived = self.arrived.get(timeout=max(0.0, min(deadline.left(), due - time.monotonic())))
            except Empty:
                if not deadline.left():
                    break
                now = time.monotonic()
                for silent in [sent for sent in self._requests if sent.due <= now]:
                    silent.is_silent()
                    if silent.over:
                        del self._requests[silent]
                        return silent
            else:
                if sent.take(arrived):
                    del self._requests[sent]
                    return sent
        for sent in self._requests:
            sent.give_up()
        self._requests.clear()
        return None


def _put(_result: Any, arrived: SimpleQueue[Any], what: Any) -> None:
    """In the driver's thread, which must not be held up: the rest is done by the thread that called."""
    arrived.put(what)
