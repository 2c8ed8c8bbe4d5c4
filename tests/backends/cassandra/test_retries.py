"""What is sent again, how often, and what is remembered of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from cassandra import ConsistencyLevel, WriteType
from cassandra.connection import ConnectionShutdown
from cassandra.policies import RetryPolicy
from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage, ServerError

from atleastonce_cassandra.retries import MAX_RETRIES, Idempotent, Once

LEVEL = ConsistencyLevel.LOCAL_QUORUM


def read_timeout(policy, query, retry_num):
    return policy.on_read_timeout(
        query,
        consistency=LEVEL,
        required_responses=2,
        received_responses=1,
        data_retrieved=True,
        retry_num=retry_num,
    )


def write_timeout(policy, query, retry_num):
    return policy.on_write_timeout(
        query,
        consistency=LEVEL,
        write_type=WriteType.SIMPLE,
        required_responses=2,
        received_responses=1,
        retry_num=retry_num,
    )


def unavailable(policy, query, retry_num):
    return policy.on_unavailable(query, consistency=LEVEL, required_replicas=2, alive_replicas=1, retry_num=retry_num)


def failing(error):
    def fail(policy, query, retry_num):
        return policy.on_request_error(query, LEVEL, error=error, retry_num=retry_num)

    return fail


cut = failing(ConnectionShutdown("cut"))
broken = failing(ServerError(0, "broken", None))
overloaded = failing(OverloadedErrorMessage(0x1001, "overloaded", None))
starting = failing(IsBootstrappingErrorMessage(0x1002, "starting", None))


@pytest.mark.parametrize(
    ("fail", "most", "doubtful"),
    [
        (read_timeout, MAX_RETRIES, False),
        (write_timeout, MAX_RETRIES, True),
        (unavailable, 1, False),
        (cut, MAX_RETRIES, True),
        (broken, MAX_RETRIES, True),
        (overloaded, MAX_RETRIES, False),
        (starting, MAX_RETRIES, False),
    ],
)
def test_another_server_is_asked_a_few_times(fail, most, doubtful):
    query = SimpleNamespace(doubtful=False)
    decisions = [fail(Idempotent(), query, number) for number in range(10)]
    assert decisions[:most] == [(RetryPolicy.RETRY_NEXT_HOST, None)] * most  # None: at the same consistency
    assert decisions[most:] == [(RetryPolicy.RETHROW, None)] * (10 - most)
    assert query.doubtful is doubtful


@pytest.mark.parametrize(
    ("fail", "most", "doubtful"),
    [
        (read_timeout, 0, True),
        (write_timeout, 0, True),
        (unavailable, 0, True),  # perhaps only at the commit of what was accepted
        (cut, 0, True),
        (broken, 0, True),
        (overloaded, 0, True),  # likewise
        (starting, MAX_RETRIES, False),
    ],
)
def test_a_lightweight_transaction_is_only_sent_again_where_nothing_was_done(fail, most, doubtful):
    query = SimpleNamespace(doubtful=False)
    decisions = [fail(Once(), query, number) for number in range(10)]
    assert decisions == [(RetryPolicy.RETRY_NEXT_HOST, None)] * most + [(RetryPolicy.RETHROW, None)] * (10 - most)
    assert query.doubtful is doubtful
