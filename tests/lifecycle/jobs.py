"""Task classes for pools of processes: a worker imports them from here."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from atleastonce import CompositeTask, Task

DEADLINE_S = 60
"""How long anything here is waited for before it counts as hung."""


def wait_for(condition):
    """Poll until the condition holds; fails at the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen in time")
        time.sleep(0.005)


class Job(Task, tag="tests.lifecycle.job"):
    """Leaves a file with its id, where a folder is given."""

    task_list: str = "l"
    number: int = 0
    folder: str = ""

    def execute(self, *, times=2):
        if self.folder:
            with (Path(self.folder) / self.id).open("a") as file:
                file.write(f"{os.getpid()}\n")
        return self.number * times


class Failing(Job, tag="tests.lifecycle.failing"):
    text: str = "it broke"

    def execute(self):
        raise ValueError(self.text)


class Gated(Job, tag="tests.lifecycle.gated"):
    """Says that it runs, and goes on once there is a file named go."""

    def execute(self):
        super().execute()
        wait_for((Path(self.folder) / "go").exists)
        return self.number


class Killed(Job, tag="tests.lifecycle.killed"):
    """Kills the process that executes it, the first time."""

    def execute(self):
        killed = Path(self.folder) / "killed"
        if not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute()


class Exits(Job, tag="tests.lifecycle.exits"):
    def execute(self):
        sys.exit(3)


class Interrupted(Job, tag="tests.lifecycle.interrupted"):
    def execute(self):
        raise KeyboardInterrupt


class UnpicklableResult(Job, tag="tests.lifecycle.unpicklable_result"):
    def execute(self):
        super().execute()
        return lambda: None


def refuse_to_be_made():
    raise RuntimeError("cannot be made here")


class OneWay:
    """Pickles, but does not unpickle."""

    def __reduce__(self):
        return refuse_to_be_made, ()


class OneWayResult(Job, tag="tests.lifecycle.one_way_result"):
    def execute(self):
        super().execute()
        return OneWay()


class OneWayError(Exception):
    """Pickles, but does not unpickle: the classic with a second argument."""

    def __init__(self, code, reason):
        super().__init__(f"{code}: {reason}")
        self.reason = reason


class OneWayFailing(Job, tag="tests.lifecycle.one_way_failing"):
    def execute(self):
        raise OneWayError(5, "no way back")


class OneWayExit(BaseException):
    """The same, not even an Exception."""

    def __init__(self, code, reason):
        super().__init__(f"{code}: {reason}")


class OneWayExiting(Job, tag="tests.lifecycle.one_way_exiting"):
    def execute(self):
        raise OneWayExit(5, "no way back")


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("not even this")


class UnspeakableFailing(Job, tag="tests.lifecycle.unspeakable_failing"):
    def execute(self):
        raise Unspeakable


class AsyncJob(Job, tag="tests.lifecycle.async_job"):
    async def execute(self, *, times=2):
        await asyncio.sleep(0)
        return super().execute(times=times)


class Cancelled(Job, tag="tests.lifecycle.cancelled"):
    """Awaits what was cancelled."""

    async def execute(self):
        task = asyncio.ensure_future(asyncio.sleep(DEADLINE_S))
        task.cancel()
        await task


class JobComposite(CompositeTask, tag="tests.lifecycle.job_composite"):
    """Its module, which a worker imports for it, has its children's classes too."""

    task_list: str = "top"
    child_task_list: str = "l"


def fine_and(*others, count=5):
    """Some ordinary jobs with the others in their midst."""
    jobs = [Job(number=number) for number in range(count)]
    return [*jobs[: count // 2], *others, *jobs[count // 2 :]]


class Mortal(Job, tag="tests.lifecycle.mortal", max_attempts=3):
    """Kills the process that executes it, each time."""

    def execute(self):
        super().execute()
        os.kill(os.getpid(), signal.SIGKILL)


class Fails(Job, tag="tests.lifecycle.fails", max_attempts=3):
    """Fails each time."""

    def execute(self):
        super().execute()
        raise ValueError("each time")
