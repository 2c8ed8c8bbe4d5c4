"""However many tasks there are, a run keeps a bounded number of them, and results come as it goes on."""

from __future__ import annotations

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from atleastonce import RunReport, Task, TaskStore, dispatch, redrive
from atleastonce_sqlite import connections

pytestmark = pytest.mark.slow

DISPATCHED = 100_000
REDRIVEN = 20_000
WARM_UP = 5_000
"""Tasks, after which every queue and cache is as full as it gets."""

MOST_WAITING = 3_000
"""A batch that is not saved, one that is handed over, and what is in flight: a thousand each."""


@pytest.fixture
def counted(own_types):
    class Counted(Task, tag="bounded-memory"):
        task_list: str = "l"
        number: int = 0

        def execute(self):
            return self.number

    return Counted


class Growth:
    """How many more memory blocks this process has than after the warm-up, at most.

    One that is kept for each task would be nearly as many as there are tasks. (What a batch and a full pool hold is some 20,000 for a
    dispatch; for a redrive, with its pages of a hundred, some 1,000.)
    """

    def __init__(self):
        self.seen = self.after_warm_up = self.most = 0

    def count(self, *_):
        self.seen += 1
        if self.seen % WARM_UP == 0:
            gc.collect()
            blocks = sys.getallocatedblocks()
            if self.seen == WARM_UP:
                self.after_warm_up = blocks
            self.most = max(self.most, blocks - self.after_warm_up)


@pytest.mark.parametrize("kind", ["callable", "threads"])
def test_dispatch(memory, counted, kind):
    growth, over, most_waiting = Growth(), 0, 0

    def generate():
        nonlocal most_waiting
        for number in range(DISPATCHED):
            growth.count()
            most_waiting = max(most_waiting, number - over)
            yield counted(number=number)

    def end(task, result):
        nonlocal over
        assert task.number == result
        over += 1

    def send(task_hash):
        task = Task.from_hash(task_hash)
        memory.complete(task)
        end(task, task.number)

    with ThreadPoolExecutor(2) if kind == "threads" else nullcontext() as pool:
        report = dispatch(generate(), pool or send, on_result=end)
    assert report == RunReport(
        saved=DISPATCHED,
        handed=DISPATCHED,
        completed=DISPATCHED if pool else 0,
        left=0 if pool else DISPATCHED,
    )
    assert (over, memory.count("l")) == (DISPATCHED, 0)
    assert 0 < most_waiting <= MOST_WAITING
    assert growth.most < DISPATCHED / 2


@pytest.fixture
def on_disk(tmp_path, monkeypatch):
    """A store that has no task in memory, and waits for no disk."""
    for name in ("SYNC", "LATER"):
        monkeypatch.setattr(connections, name, "PRAGMA synchronous = OFF")
    with TaskStore(f"sqlite:///{tmp_path}/tasks.db") as store:
        yield store


@pytest.mark.parametrize("kind", ["here", "callable", "threads"])
def test_redrive(on_disk, counted, kind):
    growth, store = Growth(), on_disk
    store.save_all(counted(number=number) for number in range(REDRIVEN))
    with ThreadPoolExecutor(2) if kind == "threads" else nullcontext() as pool:
        to = growth.count if kind == "callable" else pool
        report = redrive("l", to=to, store=store, on_result=growth.count)
    left = REDRIVEN if kind == "callable" else 0
    assert report == RunReport(handed=0 if kind == "here" else REDRIVEN, completed=REDRIVEN - left, left=left)
    assert store.count("l") == left
    assert growth.seen == REDRIVEN
    assert growth.most < REDRIVEN / 2
