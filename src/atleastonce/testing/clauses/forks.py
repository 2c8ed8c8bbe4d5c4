"""In a child after `fork`, and after a process was killed. Passed over where the system has no fork."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable

import pytest

from atleastonce.interface import DataInterface
from atleastonce.record import TaskKey

from .base import Clauses, Handles, record, save

# Python 3.12 and later warn that a child forked beside threads may hang: whether ours does is what is tested.
ignore_fork_warning: pytest.MarkDecorator = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


class ForkClauses(Clauses):
    """Every method may be called in a child after `fork`."""

    @pytest.fixture
    def can_fork(self) -> None:
        """For tests that fork."""
        if not hasattr(os, "fork"):
            pytest.skip("this system has no fork")

    def run_child(self, work: Callable[[], None]) -> None:
        """`work` in a forked child; fails when it raised or did not end in time."""
        child = fork_child(work)
        status = wait_for(child, self.deadline_s)
        assert status is not None, "the forked child hangs"
        assert os.waitstatus_to_exitcode(status) == 0, "the forked child failed; its traceback is in stderr"

    @ignore_fork_warning
    def test_a_child_goes_on(self, can_fork: None, handles: Handles, backend: DataInterface) -> None:
        version = save(backend, record("parent"))

        def work() -> None:
            assert backend.find("list", "parent") == record("parent", saved_at=version)
            mine = save(backend, record("child"))
            assert backend.find("list", "child") == record("child", saved_at=mine)
            assert {r.id for r in backend.all("list")} == {"parent", "child"}
            backend.delete([TaskKey("list", "parent", version)])
            assert backend.count("list") == 1
            backend.close()

        self.run_child(work)
        assert save(backend, record("after")) > version
        expected = {"child", "after"} if self.persistent else {"parent", "after"}
        assert {r.id for r in backend.all("list")} == expected
        assert {r.id for r in handles.open().all("list")} == expected

    @ignore_fork_warning
    def test_a_child_forked_while_threads_save(self, can_fork: None, backend: DataInterface) -> None:
        stop = threading.Event()
        saved: list[list[str]] = [[], []]

        def keep_saving(n: int) -> None:
            while not stop.is_set():
                id = f"{n}-{len(saved[n]):06}"
                save(backend, record(id))
                saved[n].append(id)

        def work() -> None:
            version = save(backend, record(f"child-{os.getpid()}"))
            assert backend.find("list", f"child-{os.getpid()}") is not None
            backend.delete([TaskKey("list", f"child-{os.getpid()}", version)])

        threads = [threading.Thread(target=keep_saving, args=(n,)) for n in range(2)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(10):
                self.run_child(work)
        finally:
            stop.set()
            for thread in threads:
                thread.join(self.deadline_s)
        assert not any(thread.is_alive() for thread in threads)
        assert {r.id for r in backend.all("list")} == {*saved[0], *saved[1]}
        assert all(saved)

    @ignore_fork_warning
    def test_a_killed_process_loses_nothing(self, can_fork: None, handles: Handles, backend: DataInterface) -> None:
        """A child saves and completes, tells of each through a pipe once it returned, and is killed in between."""
        if not self.persistent:
            pytest.skip("its tasks die with the process")
        acks, told = os.pipe()

        def work() -> None:
            os.close(acks)
            for n in itertools.count():
                version = save(backend, record(f"{n:06}"))
                os.write(told, b"+%06d" % n)
                if n % 2:
                    os.write(told, b"-%06d" % n)
                    backend.delete([TaskKey("list", f"{n:06}", version)])

        child = fork_child(work)
        os.close(told)
        watchdog = threading.Timer(self.deadline_s, os.kill, (child, signal.SIGKILL))
        watchdog.start()
        with os.fdopen(acks, "rb") as pipe:
            told_lines = pipe.read(50 * 7)  # at least so much; whatever the child did until it died follows
            os.kill(child, signal.SIGKILL)
            told_lines += pipe.read()
        watchdog.cancel()
        assert wait_for(child, self.deadline_s) is not None
        lines = [told_lines[at : at + 7].decode() for at in range(0, len(told_lines), 7)]
        saved = {line[1:] for line in lines if line[0] == "+"}
        removed = {line[1:] for line in lines if line[0] == "-"}
        assert len(saved) >= 30

        again = handles.open()
        left = {r.id for r in again.all("list")}
        assert saved - removed <= left, "a save that had returned is lost"
        assert left <= saved | {f"{len(saved):06}"}
        assert len(left & removed) <= 1, "what was removed came back"  # one delete was under way
        save(again, record("later"))
        assert again.find("list", "later") is not None


def fork_child(work: Callable[[], None]) -> int:
    """Run `work` in a forked child that never comes back; its process id."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:  # noqa: BLE001  # whatever it is, the child must not go on as a second pytest
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def wait_for(child: int, deadline_s: float) -> int | None:
    """The child's exit status; None (and the child is killed) when it did not end in time."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
