"""When a request is sent again. Nothing is retried for ever, and the call's deadline ends all of it."""

from __future__ import annotations

from typing import Any

from cassandra.policies import RetryPolicy
from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage

MAX_RETRIES = 3
"""Of one request. Each goes to another server, so three outlive the loss of any one."""


class Idempotent(RetryPolicy):  # type: ignore[misc]  # the driver has no types
    """For statements that may be applied twice: ours carry their timestamps. (The driver's own never repeats a write.)

    No consistency level is ever lowered. A statement that may have been applied although its attempt failed is marked as
    `doubtful`: the error of the last attempt, which is all that the driver raises, says nothing of the earlier ones.
    """

    def on_read_timeout(self, query: Any, *args: Any, retry_num: int, **kwargs: Any) -> Any:
        """A replica did not answer in time."""
        return self._next(retry_num)

    def on_write_timeout(self, query: Any, *args: Any, retry_num: int, **kwargs: Any) -> Any:
        """Too few replicas acknowledged in time; the write may be there."""
        query.doubtful = True
        return self._next(retry_num)

    def on_unavailable(self, query: Any, *args: Any, retry_num: int, **kwargs: Any) -> Any:
        """Too few replicas are alive, as this server sees it: one other is asked."""
        return self._next(retry_num, most=1)

    def on_request_error(
        self, query: Any, consistency: int, error: Any, *args: Any, retry_num: int, **kwargs: Any
    ) -> Any:
        """The connection broke, or the server is overloaded or starting."""
        if not isinstance(error, (OverloadedErrorMessage, IsBootstrappingErrorMessage)):
            query.doubtful = True
        return self._next(retry_num)

    def _next(self, retry_num: int, most: int = MAX_RETRIES) -> Any:
        return (self.RETRY_NEXT_HOST if retry_num < most else self.RETHROW), None


class Once(Idempotent):
    """For lightweight transactions: sent again only where a server is just starting, and so did nothing with it.

    One that was not answered, or with any other error, may be applied, now or when somebody else's runs into what it left. `ReadClaims`
    finds out.
    """

    def on_read_timeout(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        """Too few replicas answered in time to what comes before the write."""
        return self._never(query)

    def on_write_timeout(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        """Too few replicas acknowledged in time; the write may be there."""
        return self._never(query)

    def on_unavailable(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        """Too few replicas are alive: before the first round, or after the last, for the commit of what they have accepted."""
        return self._never(query)

    def on_request_error(
        self, query: Any, consistency: int, error: Any, *args: Any, retry_num: int, **kwargs: Any
    ) -> Any:
        """The connection broke, or the server is overloaded, which it may notice at the commit, or starting."""
        if isinstance(error, IsBootstrappingErrorMessage):
            return self._next(retry_num)
        return self._never(query)

    def _never(self, query: Any) -> Any:
        query.doubtful = True
        return self.RETHROW, None
