"""Runs a job, and kills its broker when so many tasks were handed over: python break_broker.py JOB.py PID PORT COUNT."""

from __future__ import annotations

import os
import runpy
import signal
import socket
import sys
import time

import job

script, pid, port, count = sys.argv[1], *map(int, sys.argv[2:])
run = job.run


def listens() -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def run_and_break(to):
    handed = 0

    def send(task_hash):
        nonlocal handed
        if handed == count:
            os.kill(pid, signal.SIGKILL)
            while listens():  # the system closes its sockets soon after
                time.sleep(0.01)
        to(task_hash)
        handed += 1

    return run(send)


job.run = run_and_break
sys.argv = [script]
runpy.run_path(script, run_name="__main__")
