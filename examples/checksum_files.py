"""Quickstart: the SHA-256 of every file of a folder, by worker processes of which one is killed on the way.

One task for each file is saved, then handed to a process pool. At a moment drawn at random a worker that holds a task
is killed, which breaks the pool. What is left is redriven with a fresh pool. In the end the results are compared with
what a plain walk finds.

Exit code: 0 if no file was lost and every checksum is right, 1 if not, 2 for wrong arguments, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from atleastonce import ConfigurationError, HandoverFailed, RunReport, StoreError, TaskStore, dispatch, redrive
from checksum.compare import compare, walk
from checksum.crash import Crash
from checksum.progress import progress
from checksum.task import TASK_LIST, ChecksumFile, CompleteFirst, Results, set_up_worker, wait_for_workers

LIBRARY = Path(sysconfig.get_path("stdlib"))
NO_SOURCES = ("__pycache__", "site-packages", "dist-packages")  # left out of LIBRARY: too many, and they change


def main() -> int:
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # the name of a file may be anything
    options = parse_arguments()
    work = Path(tempfile.mkdtemp(prefix="atleastonce-"))
    url = options.store or f"sqlite:///{quote((work / 'tasks.db').as_posix(), safe='/:')}"
    try:
        with TaskStore(url) as store:
            code = run(options, work, store)
    except ConfigurationError as error:
        print(f"--store {url}: {error}", file=sys.stderr)
        code = 2
    except StoreError as error:
        print(f"{type(error).__name__} ({error.outcome}): {error}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        with TaskStore(url) as store:
            print(f"\nstopped; {store.count(TASK_LIST):,} tasks are pending in {url}")
        print(f"the same command with `--store {url}` redrives them first")
        return 130  # the shell's code for it; the store in `work` is kept
    shutil.rmtree(work)
    return code


def run(options: argparse.Namespace, work: Path, store: TaskStore) -> int:
    started = time.monotonic()
    database = work / "results.db"

    @contextmanager
    def new_pool(begun: Path, database: Path = database) -> Iterator[ProcessPoolExecutor]:
        begun.mkdir()  # here each worker notes the tasks that it begins
        spawn = multiprocessing.get_context("spawn")  # the same on every system, and safe beside other threads
        pool = ProcessPoolExecutor(options.workers, spawn, initializer=set_up_worker, initargs=(database, begun))
        try:
            with ctrl_c_put_off():  # a worker is started for each work that finds none idle
                for _ in range(options.workers):
                    pool.submit(wait_for_workers, begun, options.workers)
            yield pool
        finally:  # also of what Ctrl-C in the middle of a submit left, which nobody else can cancel
            pool.shutdown(cancel_futures=True)

    def redrive_all(begun: Path, database: Path = database) -> RunReport:
        with progress("redrive", store.count(TASK_LIST)) as step, new_pool(begun, database) as pool:
            return redrive(TASK_LIST, to=pool, store=store, on_result=lambda _task, _result: step())

    earlier = store.count(TASK_LIST)
    if earlier:
        print(f"{earlier:,} tasks were left by an earlier run; they are redriven first")
        redrive_all(work / "earlier", work / "earlier.db")
        earlier = store.count(TASK_LIST)  # what cannot be done now either

    print(f"{options.directory}: looking for files")
    files = list(walk(options.directory, NO_SOURCES if options.directory == LIBRARY else ()))
    results = Results(database)
    crash = Crash(work / "pool-1", store, results, random.Random(options.seed), len(files))
    if not options.no_kill:
        print(f"seed {options.seed}: a worker will be killed soon after result {crash.after:,} of {len(files):,}")

    kind = CompleteFirst if options.complete_first else ChecksumFile
    tasks = (kind(path=os.fsencode(file)) for file in files)
    broke = False
    try:
        with progress("dispatch", len(files)) as step, new_pool(work / "pool-1") as pool:

            def on_result(_task: Any, _result: Any) -> None:
                step()
                if not options.no_kill:
                    crash.result_came()

            report = dispatch(tasks, pool, store=store, on_result=on_result)
    except HandoverFailed as error:
        broke, report = True, error.report
        print(f"{crash.story or 'the pool broke by itself'}\nHandoverFailed: {error}")
    if not broke and not options.no_kill:
        print("no worker was killed: none was found that held a task")
    # The pool is shut down and its workers are gone: from here on nothing moves by itself.
    left = store.count(TASK_LIST)
    completed = report.saved - (left - earlier)
    oldest = next(store.all(TASK_LIST, None, ChecksumFile), None)
    if oldest is not None:
        print(f"left in the store: {left:,} tasks; the oldest is {oldest.id}, {oldest.file}")
    again = redrive_all(work / "pool-2") if left else RunReport()
    for failed in again.errors[:3]:
        print(f"still pending: {failed.id}: {failed.error}")

    print("comparing with a plain walk")
    pending = {task.file for task in store.all(TASK_LIST, None, ChecksumFile)}
    verdicts = compare(files, results.all(), pending)
    results.close()
    begun = Counter(task_id for note in work.glob("pool-*/*") for task_id in note.read_text().split())
    for name, number in {
        "files walked": len(files),
        "saved": report.saved,
        "completed before the crash" if broke else "completed": completed,
        "their result not seen": completed - report.completed,
        "left": left,
        "redriven": again.completed,
        "executed more than once": sum(times > 1 for times in begun.values()),
        "changed or vanished meanwhile": verdicts["changed"],
        "unreadable": verdicts["unreadable"],
        "still pending": verdicts["pending"],
        "mismatching checksums": verdicts["mismatch"],
        "lost": verdicts["lost"],
    }.items():
        print(f"{name:>30}  {number:,}")
    print(f"{time.monotonic() - started:.0f} s")
    return 1 if verdicts["lost"] or verdicts["mismatch"] or verdicts["pending"] else 0


@contextmanager
def ctrl_c_put_off() -> Iterator[None]:
    """Processes started here never see Ctrl-C, which would end one that does not ignore it yet, and break its pool."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "directory", metavar="DIRECTORY", nargs="?", type=folder, default=LIBRARY, help="default: %(default)s"
    )
    parser.add_argument("--store", metavar="URL", help="where tasks are saved; default: SQLite, in a temporary folder")
    parser.add_argument(
        "--workers", metavar="N", type=positive, default=max(2, os.cpu_count() or 1), help="default: %(default)s"
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=random.randrange(1_000_000), help="draws the moment of the kill"
    )
    parser.add_argument("--no-kill", action="store_true", help="let every worker live")
    parser.add_argument(
        "--complete-first",
        action="store_true",
        help="the wrong way round, to show that it loses files: complete, then execute",
    )
    return parser.parse_args()


def folder(text: str) -> Path:
    path = Path(text).absolute()  # a task may be redriven from another folder
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a directory")
    return path


def positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 61):  # 61: what Windows can wait for
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 61")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
