"""A master job for a test to interrupt: ``python -m tests.lifecycle.interrupted_job DATABASE FOLDER``."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from atleastonce import TaskStore, dispatch
from tests.lifecycle import jobs

TASKS = 500
WORKERS = 2


def main(database, folder):
    tasks = (jobs.Gated(id=f"{number:03}", folder=folder) for number in range(TASKS))
    with (
        TaskStore(f"sqlite:///{database}") as store,
        ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        dispatch(tasks, pool, store=store)


if __name__ == "__main__":
    main(*sys.argv[1:])
