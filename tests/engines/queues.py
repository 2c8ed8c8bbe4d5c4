"""The two recipes whose tasks go through Redis."""

from __future__ import annotations

import attrs

from .recipe import shown


@attrs.frozen
class Queue:
    """What the page shows for one of them."""

    package: str
    worker: str

    @property
    def script(self) -> str:
        return f"{self.package}_job.py"

    @property
    def job(self) -> str:
        return shown(f"python {self.script}")

    @property
    def redrive(self) -> str:
        return shown(f"python {self.script} redrive 60").replace("60", "0")


QUEUES = {
    queue.package: queue
    for queue in (
        Queue("celery", shown("celery -A celery_app worker --concurrency 2")),
        Queue("rq", shown("rq worker --config rq_settings --serializer rq.serializers.JSONSerializer photos")),
    )
}
