"""Waiting for the driver, with deadlines of our own.

The driver can time a request itself, but its timer keeps hold of the request and its result until the time has come, also
when the answer was there at once: ten seconds of everything that was read and written.
"""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from typing import Any

from cassandra import OperationTimedOut


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


def send(session: Any, statement: Any, profile: Any, **how: Any) -> Any:
    """The driver's future for a request that it does not time itself."""
    return session.execute_async(statement, execution_profile=profile, timeout=None, **how)


def result(future: Any, seconds: float) -> Any:
    """What the future gives. Raises what the driver raises, OperationTimedOut when that takes too long."""
    box: SimpleQueue[Any] = SimpleQueue()
    future.add_callbacks(box.put, box.put)
    try:
        box.get(timeout=seconds)
    except Empty:
        raise OperationTimedOut({}) from None
    finally:
        future.clear_callbacks()
    return future.result()
