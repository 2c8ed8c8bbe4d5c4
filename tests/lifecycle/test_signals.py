"""`graceful_signals`: a polite stop, and the handlers of before."""

from __future__ import annotations

import signal
import threading

import pytest

from atleastonce import ConfigurationError, graceful_signals, redrive
from tests.lifecycle import jobs


@pytest.fixture(autouse=True)
def handlers_of_before():
    """Handlers that the tests can tell apart, the real ones put back at the end."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    real = {number: signal.getsignal(number) for number in numbers}
    mine = {number: lambda number, frame: None for number in numbers}
    mine[signal.SIGINT] = signal.default_int_handler
    for number, handler in mine.items():
        signal.signal(number, handler)
    yield mine
    for number, handler in real.items():
        signal.signal(number, handler)


def handlers():
    return {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_event(number, handlers_of_before):
    with graceful_signals() as stop:
        assert isinstance(stop, threading.Event)
        assert not stop.is_set()
        signal.raise_signal(number)
        assert stop.is_set()
    assert handlers() == handlers_of_before


def test_no_other_signal_is_touched(handlers_of_before):
    with graceful_signals():
        assert handlers()[signal.SIGUSR1] is handlers_of_before[signal.SIGUSR1]
        assert handlers()[signal.SIGINT] is not handlers_of_before[signal.SIGINT]


def test_the_signals_may_be_chosen(handlers_of_before):
    with graceful_signals(signal.SIGUSR1) as stop:
        assert handlers()[signal.SIGINT] is handlers_of_before[signal.SIGINT]
        signal.raise_signal(signal.SIGUSR1)
        assert stop.is_set()
    assert handlers() == handlers_of_before


def test_a_second_signal_meets_the_handler_of_before(handlers_of_before):
    with graceful_signals() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()
        assert handlers() == handlers_of_before
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert handlers() == handlers_of_before


@pytest.mark.parametrize("number", [signal.SIGINT, None])
def test_an_error_inside_puts_them_back_too(handlers_of_before, number):
    context = graceful_signals()
    context.__enter__()
    if number is not None:
        signal.raise_signal(number)
    error = ZeroDivisionError()
    assert not context.__exit__(type(error), error, None)
    assert handlers() == handlers_of_before


def test_nested_ones_put_back_each_other(handlers_of_before):
    with graceful_signals() as outer:
        between = handlers()
        with graceful_signals() as inner:
            signal.raise_signal(signal.SIGINT)
        assert handlers() == between
        assert (inner.is_set(), outer.is_set()) == (True, False)
        signal.raise_signal(signal.SIGINT)
        assert outer.is_set()
    assert handlers() == handlers_of_before


def test_outside_the_main_thread_it_is_a_typed_error(handlers_of_before):
    caught = []

    def run():
        try:
            with graceful_signals():
                pass
        except Exception as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(jobs.DEADLINE_S)
    assert [type(error) for error in caught] == [ConfigurationError]
    assert "main thread" in str(caught[0])
    assert handlers() == handlers_of_before


def test_a_signal_that_cannot_be_caught_leaves_the_others_as_they_were(handlers_of_before):
    with pytest.raises(OSError), graceful_signals(signal.SIGINT, signal.SIGKILL):
        pass
    assert handlers() == handlers_of_before


def test_an_ignored_signal_is_ignored_again_afterwards():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with graceful_signals() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_no_handler_is_installed_unasked(memory, handlers_of_before):
    seen = []

    class Looks(jobs.Job):
        def execute(self):
            seen.append(handlers())

    Looks.create()
    redrive("l")
    assert seen == [handlers_of_before]


def test_a_redrive_stops_politely(memory):
    class Signals(jobs.Job):
        def execute(self):
            if self.id == "2":
                signal.raise_signal(signal.SIGTERM)

    memory.save_all(Signals(id=id) for id in "12345")
    with graceful_signals() as stop:
        report = redrive("l", stop=stop)
    assert report.completed == 2
    assert [task.id for task in memory.all("l")] == ["3", "4", "5"]
