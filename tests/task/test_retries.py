"""Class arguments for failures, `Backoff`, `Snooze` and `Discard` as objects."""

from __future__ import annotations

import pickle
from datetime import timedelta

import pytest

from atleastonce import Backoff, Discard, InvalidTask, Snooze, Task


def test_nothing_is_limited_unasked():
    class Plain(Task):
        pass

    assert (Plain._max_attempts, Plain._backoff) == (None, None)


def test_subclasses_inherit_and_may_say_otherwise():
    wait = Backoff(first=timedelta(seconds=3))

    class Base(Task, max_attempts=5, backoff=wait):
        pass

    class Same(Base):
        pass

    class Other(Base, max_attempts=None, backoff=None):
        pass

    assert (Same._max_attempts, Same._backoff) == (5, wait)
    assert (Other._max_attempts, Other._backoff) == (None, None)


def test_a_plain_function_is_no_method():
    class Waits(Task, backoff=lambda attempts: timedelta(seconds=attempts)):
        pass

    assert Waits._backoff(3) == timedelta(seconds=3)
    assert Waits(task_list="l")._backoff(3) == timedelta(seconds=3)


@pytest.mark.parametrize("arguments", [{"max_attempts": bad} for bad in (0, -1, True, 1.5, "5")] + [{"backoff": 5}])
def test_arguments_that_are_none_are_refused(arguments):
    with pytest.raises(InvalidTask, match=next(iter(arguments))):
        type(Task)("Bad", (Task,), {"__module__": __name__}, **arguments)


def test_the_wait_grows_to_its_cap():
    wait = Backoff(first=timedelta(seconds=1), factor=2.0, cap=timedelta(seconds=10))
    assert [wait.longest(n).total_seconds() for n in (1, 2, 3, 4, 5, 10_000)] == [1, 2, 4, 8, 10, 10]
    assert Backoff().longest(1) == timedelta(seconds=1)
    assert Backoff().longest(10**9) == timedelta(hours=1)


def test_the_jitter_is_full():
    wait = Backoff(first=timedelta(seconds=8), cap=timedelta(seconds=8))
    drawn = [wait(1).total_seconds() for _ in range(2_000)]
    assert min(drawn) >= 0
    assert max(drawn) <= 8
    assert min(drawn) < 1
    assert max(drawn) > 7
    assert 3.5 < sum(drawn) / len(drawn) < 4.5


@pytest.mark.parametrize(
    "arguments",
    [
        {"first": timedelta(0)},
        {"first": 5},
        {"cap": -timedelta(1)},
        {"factor": 0.5},
        {"factor": float("nan")},
        {"factor": float("inf")},
        {"factor": "2"},
        {"factor": True},
    ],
)
def test_a_backoff_that_is_none_is_refused(arguments):
    with pytest.raises(InvalidTask, match="Backoff"):
        Backoff(**arguments)


@pytest.mark.parametrize("after", [5, -timedelta(1), None])
def test_a_snooze_that_is_none_is_refused(after):
    with pytest.raises(InvalidTask, match="Snooze"):
        Snooze(after)


def test_they_pickle():
    assert pickle.loads(pickle.dumps(Snooze(timedelta(1)))).after == timedelta(1)
    assert pickle.loads(pickle.dumps(Discard("gone"))).reason == "gone"
    assert pickle.loads(pickle.dumps(Backoff())) == Backoff()
