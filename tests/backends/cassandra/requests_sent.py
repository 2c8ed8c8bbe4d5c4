"""What happens at each request that the driver sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cassandra.cluster import Session

from atleastonce_cassandra.statements import Encoded

Moment = Callable[[int], object]
"""Takes the number of the request, from 1 on."""


def nothing(number: int) -> None:
    """Let it be."""


def is_reading(statement: Any) -> bool:
    """Whether it changes nothing."""
    return isinstance(statement, Encoded) and statement.prepared_statement.query_string.startswith("SELECT")


class Requests:
    """Counts requests of all sessions of this process, from the first on after it was made.

    Args:
        patch: a `pytest.MonkeyPatch`, or None in a process that ends soon.
        writing: count, and stop at, only those that write.
        before: called before the request is sent.
        sent: called as soon as it is on its way.
        answered: called in the driver's thread, before anybody else hears of the answer.
    """

    def __init__(
        self,
        patch: Any = None,
        *,
        writing: bool = False,
        before: Moment = nothing,
        sent: Moment = nothing,
        answered: Moment = nothing,
    ) -> None:
        self.number = 0
        original = Session.execute_async

        def execute_async(session: Session, statement: Any, *args: Any, **kwargs: Any) -> Any:
            if writing and is_reading(statement):
                return original(session, statement, *args, **kwargs)
            self.number += 1
            number = self.number
            before(number)
            future = original(session, statement, *args, **kwargs)
            future.add_callbacks(lambda _: answered(number), lambda _: answered(number))
            sent(number)
            return future

        if patch is None:
            Session.execute_async = execute_async
        else:
            patch.setattr(Session, "execute_async", execute_async)
