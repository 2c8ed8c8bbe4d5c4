"""A job on a system that has no fork, as Windows: ``python -m tests.lifecycle.without_fork FOLDER``.

What such a system lacks is taken away before anything of ours is imported, in spawned workers too: they import this module.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import time

LACKING = {
    os: (
        "fork forkpty register_at_fork getuid geteuid getgid getegid setuid getpgid getpgrp setsid setpgid killpg chown fchown lchown "
        "statvfs fdatasync pread pwrite mkfifo sysconf uname getloadavg nice sched_yield sched_getaffinity posix_fadvise posix_spawn "
        "sendfile"
    ),
    signal: (
        "SIGKILL SIGHUP SIGQUIT SIGALRM SIGUSR1 SIGUSR2 SIGPIPE SIGCHLD SIGSTOP SIGCONT alarm setitimer getitimer pause "
        "pthread_kill pthread_sigmask sigwait sigpending siginterrupt"
    ),
    time: "clock_gettime clock_gettime_ns clock_settime CLOCK_BOOTTIME CLOCK_MONOTONIC CLOCK_REALTIME CLOCK_PROCESS_CPUTIME_ID tzset",
    socket: "AF_UNIX",
}
MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "syslog")

for module, names in LACKING.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
for name in MODULES:
    sys.modules[name] = None
multiprocessing.get_all_start_methods = lambda: ["spawn"]

import threading  # noqa: E402 - after what such a system lacks is gone
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor  # noqa: E402 - likewise
from datetime import timedelta  # noqa: E402 - likewise

from atleastonce import (  # noqa: E402 - likewise
    ExistingTasks,
    RunReport,
    Task,
    TaskStore,
    dispatch,
    graceful_signals,
    redrive,
)

TASKS = 200


class Plain(Task, tag="without-fork", max_attempts=2, backoff=lambda attempts: timedelta(0)):
    task_list: str = "plain"
    fails: bool = False

    def execute(self):
        if self.fails:
            raise ValueError("not yet")
        return os.getpid()


def main(folder: str) -> None:
    for url in ("memory://", f"sqlite:///{folder}/tasks.db"):
        with TaskStore(url) as store:
            saved_by_threads(store)
            dispatched_and_redriven(store)
            interrupted(store)
    with (
        TaskStore(f"sqlite:///{folder}/tasks.db") as store,
        ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool,
    ):
        pids = set()
        hand_over(store, pool, lambda task, pid: pids.add(pid))
        assert pids
        assert os.getpid() not in pids
    import atleastonce.testing  # noqa: F401 - whoever tests there needs it, too


def saved_by_threads(store: TaskStore) -> None:
    def save(thread: int) -> None:
        for number in range(25):
            store.save(Plain(id=f"{thread}-{number}"))

    threads = [threading.Thread(target=save, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.save_all(Plain() for _ in range(100))
    assert store.count("plain") == len(list(ExistingTasks("plain", store))) == TASKS
    store.complete(store.find("plain", "3-24"))
    assert store.find("plain", "3-24") is None
    assert redrive("plain", store=store) == RunReport(completed=TASKS - 1)


def dispatched_and_redriven(store: TaskStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        hand_over(store, pool, None)
    store.save(Plain(id="bad", fails=True))
    assert redrive("plain", store=store).failed == 1
    report = redrive("plain", store=store)
    assert (report.failed, report.dead, store.count("plain")) == (1, 1, 0)
    (dead,) = store.dead("plain")
    assert store.revive([dead]) == 1
    store.complete(dead)


def hand_over(store: TaskStore, pool: Executor, on_result) -> None:
    report = dispatch((Plain() for _ in range(TASKS)), pool, store=store, on_result=on_result)
    assert report == RunReport(saved=TASKS, handed=TASKS, completed=TASKS)
    store.save_all(Plain() for _ in range(TASKS))
    assert redrive("plain", to=pool, store=store) == RunReport(handed=TASKS, completed=TASKS)
    assert store.count("plain") == 0


def interrupted(store: TaskStore) -> None:
    store.save_all(Plain() for _ in range(TASKS))
    with graceful_signals() as stop:
        signal.raise_signal(signal.SIGINT)
        assert redrive("plain", store=store, stop=stop).completed == 0
    assert redrive("plain", store=store).completed == TASKS


if __name__ == "__main__":
    main(*sys.argv[1:])
    print("done without", sum(hasattr(os, name) for name in LACKING[os].split()))  # noqa: T201 - the test reads it
