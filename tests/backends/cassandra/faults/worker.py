"""An actor in a process of its own: ``python -m tests.backends.cassandra.faults.worker URL LIST``.

Says "ready" after its first call, works until its standard input ends, and prints its journal.
"""

from __future__ import annotations

import sys
import threading

from atleastonce import TaskStore

from .actor import Actor


def main(url: str, task_list: str) -> None:
    """See the module."""
    with TaskStore(url) as store:
        store.count(task_list)
        print("ready", flush=True)
        actor = Actor(store, task_list, chosen=False)
        thread = threading.Thread(target=actor.run)
        thread.start()
        sys.stdin.read()
        actor.stop.set()
        thread.join()
        print(actor.journal.dump(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
