"""Forked children of a test, which do something and end, or are killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
forks_with_threads = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # from Python 3.12 on


def in_child(work: Callable[[], object], seconds: float = 60.0) -> None:
    """Run `work` in a forked child and fail with what it raised, or when it takes too long."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            work()
            status = 0
        except BaseException as error:
            os.write(writing, repr(error).encode()[:4000])
        finally:
            os._exit(status)
    os.close(writing)
    try:
        assert wait_for_child(child, seconds) == 0, os.read(reading, 4000).decode()
    finally:
        os.close(reading)


def wait_for_child(child: int, seconds: float = 60.0) -> int:
    """The exit code; a child that takes longer is killed, which gives -9."""
    deadline = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, 9)
            os.waitpid(child, 0)
            return -9
        time.sleep(0.001)


class Telling:
    """A forked child that tells what it does, a line each, and is killed by the test or by itself.

    Args:
        work: what it does; takes what it tells with: a function of one line, which is there once that returns.
    """

    def __init__(self, work: Callable[[Callable[[str], None]], object]) -> None:
        self._told = b""
        self._reading, writing = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            status = 1
            try:
                os.close(self._reading)
                work(
                    lambda line: os.write(writing, f"{line}\n".encode()) and None
                )  # shorter than PIPE_BUF: in one piece
                status = 0
            except BaseException as error:
                os.write(writing, f"raised {error!r}\n".encode()[:4000])
            finally:
                os._exit(status)
        os.close(writing)

    def wait_for_lines(self, number: int, seconds: float = 60.0) -> None:
        """Return once it told so many."""
        deadline = time.monotonic() + seconds
        while self._told.count(b"\n") < number:
            assert time.monotonic() < deadline, "the child does nothing"
            part = os.read(self._reading, 65_536)
            assert part, self._told[-4000:]
            self._told += part

    def kill(self) -> None:
        """At once."""
        os.kill(self._child, signal.SIGKILL)

    def end(self, seconds: float = 60.0) -> tuple[int, list[str]]:
        """The exit code, -9 where it was killed, and all that it told."""
        code = wait_for_child(self._child, seconds)
        while more := os.read(self._reading, 65_536):
            self._told += more
        os.close(self._reading)
        return code, self._told.decode().splitlines()
