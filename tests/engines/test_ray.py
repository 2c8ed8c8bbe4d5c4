"""The recipe for Ray."""

from __future__ import annotations

from .conftest import needs_package
from .recipe import shown


def test_a_killed_worker_loses_nothing(workplace, short_folder):
    needs_package("ray")
    place = workplace(
        RAY_TMPDIR=str(short_folder),
        RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0",  # on Linux: listen on loopback only
        RAY_USAGE_STATS_ENABLED="0",
    )
    job = place.start(shown("python ray_job.py"))
    place.kill_holder(job)
    code, output = place.finish(job)
    assert (code, "saved 60, handed 60, completed 0, failed 0" in output) == (0, True), output
    assert "30" in place.pending() - place.executed()
    assert place.lost() == set()

    code, output = place.run(shown("python ray_job.py redrive 60").replace("60", "0"))
    assert (code, "failed 0" in output) == (0, True), output
    place.assert_all_done()
