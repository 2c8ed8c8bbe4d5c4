"""Stopping in the middle: by an error or Ctrl-C, and politely by a signal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ..exceptions import ConfigurationError
from .handover import Handover
from .report import Tally


@contextmanager
def noting(tally: Tally, handover: Handover) -> Iterator[None]:
    """On the way out of a run that an error ends: wait for what runs, and say on the error what is left."""
    try:
        yield
    except BaseException as error:
        handover.abandon()
        report = tally.report()
        error.add_note(
            f"the run stopped here: {report.completed:,} tasks were completed, {report.failed:,} failed, "
            f"{report.left - report.dead:,} are left pending: redrive them"
        )
        raise


@contextmanager
def graceful_signals(*signals: signal.Signals) -> Iterator[threading.Event]:
    """An Event that SIGINT and SIGTERM (or the signals given) set, for `redrive`'s ``stop``::

        with graceful_signals() as stop:
            redrive("photos-delete", stop=stop)

    A second signal meets the handler of before: SIGINT then interrupts. The previous handlers are put back at the end.
    Raises `ConfigurationError` outside the main thread, where Python allows no signal handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        raise ConfigurationError("graceful_signals() works in the main thread only: Python runs signal handlers there")
    stop = threading.Event()
    previous = {number: signal.getsignal(number) for number in signals or (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        restore()

    try:
        for number in previous:
            signal.signal(number, handle)
        yield stop
    finally:
        restore()
