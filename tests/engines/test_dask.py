"""The recipe for Dask."""

from __future__ import annotations

import pytest

from .conftest import needs_package
from .recipe import shown


@pytest.fixture
def dask(workplace):
    """Makes its folder; Dask takes a worker's death for a failure after so many others."""
    needs_package("distributed")

    def make(allowed_failures: int):
        return workplace(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=str(allowed_failures))

    return make


def test_a_killed_worker_loses_nothing(dask):
    place = dask(allowed_failures=0)
    job = place.start(shown("python dask_job.py"))
    place.kill_holder(job)
    code, output = place.finish(job)
    assert code == 1
    assert "KilledWorker: Attempted to run task" in output
    assert "saved 60, handed 60, completed" in output
    assert "failed 0" not in output
    assert "30" in place.pending() - place.executed()
    assert place.lost() == set()

    code, output = place.run(shown("python dask_job.py redrive 60").replace("60", "0"))
    assert (code, "failed 0" in output) == (0, True), output
    place.assert_all_done()


def test_dask_gives_the_task_of_a_killed_worker_to_another(dask):
    place = dask(allowed_failures=3)
    job = place.start(shown("python dask_job.py"))
    place.kill_holder(job)
    code, output = place.finish(job)
    assert (code, "saved 60, handed 60, completed 60, failed 0" in output) == (0, True), output
    place.assert_all_done()
