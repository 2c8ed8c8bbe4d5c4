"""What comes of a lightweight transaction that is answered with an error, or not: the driver's errors, as the backend takes them."""

from __future__ import annotations

from types import SimpleNamespace

from cassandra import ConsistencyLevel, OperationTimedOut, Unavailable, WriteTimeout, WriteType
from cassandra.policies import RetryPolicy
from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage

from atleastonce_cassandra.errors import translate
from atleastonce_cassandra.protocol.steps import Swapped
from atleastonce_cassandra.retries import Once

LEVEL = ConsistencyLevel.LOCAL_QUORUM
STARTING = IsBootstrappingErrorMessage(0x1002, "starting", None)
"""The one error that says that nothing was done; the others may come of the commit, too."""

ERRORS = (
    OperationTimedOut({}),
    WriteTimeout("late", write_type=WriteType.CAS, required_responses=2, received_responses=1),
    Unavailable("down", required_replicas=2, alive_replicas=1),
    OverloadedErrorMessage(0x1001, "overloaded", None),
    STARTING,
)


class Sending:
    """One request, with its retries."""

    def __init__(self) -> None:
        self._query = SimpleNamespace(doubtful=False)
        self._number = 0

    def is_sent_again(self, error: Exception) -> bool:
        """Whether the driver sends it again after that error."""
        policy, query, number = Once(), self._query, self._number
        self._number += 1
        if isinstance(error, OperationTimedOut):  # ours, not a server's: the driver is not asked
            return False
        if isinstance(error, WriteTimeout):
            decision = policy.on_write_timeout(query, LEVEL, error.write_type, 2, 1, retry_num=number)
        elif isinstance(error, Unavailable):
            decision = policy.on_unavailable(query, LEVEL, 2, 1, retry_num=number)
        else:
            decision = policy.on_request_error(query, LEVEL, error, retry_num=number)
        return decision[0] != RetryPolicy.RETHROW

    def end(self, error: Exception) -> Swapped:
        """What the protocol is told; raises what ends it."""
        ours = translate(error, "tasks", writing=True)
        if ours.outcome == "unknown" or self._query.doubtful:  # `Sent` hands the latter on to `translate`
            return Swapped(None)
        raise ours
