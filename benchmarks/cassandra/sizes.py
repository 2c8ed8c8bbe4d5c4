"""``python -m benchmarks.cassandra.sizes``: what a task takes on disk, on a node of our own.

A truncate leaves a snapshot of what was flushed, so the files can be weighed without nodetool.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from unittest import mock

from atleastonce import Task, TaskStore
from atleastonce.ids import IDS_PER_TOKEN
from atleastonce.testing.cassandra import jvm

TASKS = 100_000
YAML = "auto_snapshot: true\nwrite_request_timeout: 60s\ntruncate_request_timeout: 120s\n"


class DeletePhoto(Task):
    """A path and a number: 68 bytes of JSON."""

    path: str
    size: int


def photos(*, chosen: bool = False) -> list[DeletePhoto]:
    """Tasks whose data compresses as badly as real paths."""
    draw = random.Random(1)  # the same in each run
    return [
        DeletePhoto(
            task_list="photos-delete",
            path=f"/srv/photos/{draw.randrange(10**9):09}/{draw.randbytes(8).hex()}.jpg",
            size=draw.randrange(10**7),
            **({"id": f"photo-{number}"} if chosen else {}),
        )
        for number in range(TASKS)
    ]


def main() -> None:
    """Save, weigh, complete, weigh."""
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(tempfile, "tempdir", folder),  # where the node keeps its files
        jvm.jvm_server(yaml=YAML) as server,
        server.session() as session,
    ):
        store = TaskStore(server.url("sizes", replication_factor=1, timeout=120))
        store.setup()
        weighed: dict[str, int] = {}

        def weigh(table: str, what: str, rows: int) -> None:
            session.execute(f"TRUNCATE sizes.{table}")
            files = Path(folder).rglob("snapshots/*/*")
            total = sum(file.stat().st_size for file in files if f"/{table}-" in str(file))
            grown, weighed[table] = total - weighed.get(table, 0), total
            print(f"{grown / rows:8.1f} bytes: {what}", flush=True)

        drawn = photos()
        store.save_all(drawn)
        weigh("tasks", "a pending task, id drawn", TASKS)
        weigh("tasks_segments", "a segment in the registry", TASKS // IDS_PER_TOKEN)
        store.save_all(photos(chosen=True))
        weigh("tasks", "a pending task, id chosen", TASKS)
        store.complete_all(drawn)
        weigh("tasks", "a completed task", TASKS)
        store.close()


if __name__ == "__main__":
    main()
