"""`Sent` and `UnderWay`, with a driver that answers as it is told."""

from __future__ import annotations

import contextlib
import gc
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
from cassandra import OperationTimedOut, Unavailable
from cassandra.cluster import NoHostAvailable

from atleastonce_cassandra.waiting import Deadline, Sent, UnderWay

LONG_S = 30.0
SHORT_S = 0.02


def unavailable() -> Unavailable:
    return Unavailable("u", required_replicas=2, alive_replicas=1)


class Future:
    """The driver's, as far as it is used."""

    def __init__(self, host: str) -> None:
        self.attempted_hosts = [host]
        self._callbacks: list[Any] = []
        self._answer: Any = None

    def add_callbacks(self, callback, errback, callback_args, errback_args) -> None:
        self._callbacks.append((callback, callback_args))

    def clear_callbacks(self) -> None:
        self._callbacks.clear()

    def end(self, answer: Any) -> None:
        self._answer = answer
        for call, args in list(self._callbacks):
            call(answer, *args)

    def result(self) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class Session:
    """With hosts a, b and c; `answers` by host are there at once, others when the test says so."""

    keyspace = None

    def __init__(self, hosts: str = "abc", **answers: Any) -> None:
        self.hosts, self.answers = hosts, answers
        self.futures: dict[str, Future] = {}
        policy = SimpleNamespace(make_query_plan=lambda keyspace, statement: iter(self.hosts))
        self.profile = SimpleNamespace(load_balancing_policy=policy)

    def execute_async(self, statement, *, execution_profile, timeout, paging_state, host) -> Future:
        assert timeout is None  # the driver's timer would keep the result
        name = host or self.hosts[0]
        if isinstance(self.answers.get(name), RuntimeError):
            raise self.answers[name]
        future = self.futures[name] = Future(name)
        if name in self.answers:
            add = future.add_callbacks

            def add_and_end(*args, **kwargs):
                add(*args, **kwargs)
                future.end(self.answers[name])

            future.add_callbacks = add_and_end
        return future


class Statement:
    """What is sent."""


def send(session: Session, patience: float = SHORT_S, statement: Any = None, **how: Any) -> Sent:
    return Sent(session, statement or Statement(), session.profile, patience, **how)


def test_an_answer_is_given_and_nobody_else_asked():
    session = Session(a="yes")
    assert send(session).result(LONG_S) == "yes"
    assert list(session.futures) == ["a"]


def test_a_silent_server_is_asked_no_longer_alone():
    session = Session(b="yes")
    sent = send(session)
    assert sent.result(LONG_S) == "yes"
    assert list(session.futures) == ["a", "b"]
    session.futures["a"].end("late")  # taken by nobody
    assert sent.result(LONG_S) == "yes"


def test_the_silent_one_may_answer_after_all():
    session = Session(b=NoHostAvailable("b is gone", {}))
    sent = send(session)
    with pytest.raises(OperationTimedOut):
        sent.result(SHORT_S * 3)
    sent = send(session)
    sent.is_silent()
    session.futures["a"].end("at last")
    assert sent.result(LONG_S) == "at last"


def test_what_the_second_server_says_counts():
    sent = send(Session(b=unavailable()))
    with pytest.raises(Unavailable) as caught:
        sent.result(LONG_S)
    assert caught.value.doubtful  # the first may apply it yet


def test_one_alone_fails_for_certain():
    sent = send(Session(a=unavailable()))
    with pytest.raises(Unavailable) as caught:
        sent.result(LONG_S)
    assert not hasattr(caught.value, "doubtful")


def test_an_earlier_attempt_is_remembered():
    sent = send(Session(a=unavailable()), statement=SimpleNamespace(doubtful=True))  # as the retry policy marks it
    with pytest.raises(Unavailable) as caught:
        sent.result(LONG_S)
    assert caught.value.doubtful


def test_nobody_answers():
    session = Session(hosts="ab")
    sent = send(session)
    with pytest.raises(OperationTimedOut):
        sent.result(SHORT_S * 3)
    assert list(session.futures) == ["a", "b"]


def test_there_is_no_other_server():
    session = Session(hosts="a")
    with pytest.raises(OperationTimedOut):
        send(session).result(SHORT_S * 3)
    assert list(session.futures) == ["a"]


def test_a_session_that_was_shut_down():
    sent = send(Session(a=RuntimeError("shut down")))
    with pytest.raises(RuntimeError, match="shut down"):
        sent.result(LONG_S)


def test_many_each_once():
    under_way = UnderWay()
    quick, silent = Session(a="quick"), Session(b="helped")
    for session in (quick, silent, quick):
        under_way.add(send(session, arrived=under_way.arrived, tag=session))
    over = [under_way.next(Deadline(LONG_S)) for _ in range(3)]
    assert [sent.tag for sent in over] == [quick, quick, silent]
    silent.futures["a"].end("late")
    assert len(under_way) == 0
    assert over[2].result(LONG_S) == "helped"


def test_many_are_given_up_together():
    under_way = UnderWay()
    sent = [send(Session(hosts="a"), arrived=under_way.arrived) for _ in range(3)]
    for one in sent:
        under_way.add(one)
    assert under_way.next(Deadline(SHORT_S)) is None
    assert len(under_way) == 0
    for one in sent:
        with pytest.raises(OperationTimedOut):
            one.result(LONG_S)


@pytest.mark.parametrize(
    "answer", [lambda: "yes", lambda: ValueError("no"), None], ids=["answered", "failed", "given up"]
)
def test_nothing_is_kept_until_the_garbage_collector_comes(answer):
    gc.disable()
    try:
        session = Session(**({} if answer is None else {"a": answer()}))
        statement = Statement()
        kept = weakref.ref(statement)
        sent = send(session, statement=statement)
        with contextlib.suppress(OperationTimedOut, ValueError):
            sent.result(SHORT_S * 3)
        if answer is not None:
            session.answers.clear()
            session.futures.pop("a")._answer = None  # a connection holds those that are not answered
        del sent, statement
        assert kept() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("beside_others", [True, False])
def test_what_must_not_be_sent_twice_is_given_up(beside_others):
    session = Session(b="yes")
    sent = send(session, once=True)
    if beside_others:
        under_way = UnderWay()
        sent = send(session, once=True, arrived=under_way.arrived)
        under_way.add(sent)
        assert under_way.next(Deadline(LONG_S)) is sent
        assert not len(under_way)
    with pytest.raises(OperationTimedOut):
        sent.result(LONG_S)
    assert list(session.futures) == ["a"]
    session.futures["a"].end("late")  # taken by nobody
