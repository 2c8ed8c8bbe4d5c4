"""The recipe for a pool of processes."""

from __future__ import annotations

from .recipe import shown


def test_a_killed_worker_loses_nothing(workplace):
    place = workplace()
    job = place.start(shown("python pool_job.py"))
    place.kill_holder(job)
    code, output = place.finish(job)
    assert code == 1
    assert "HandoverFailed: handing over stopped: the executor broke; 60 tasks were saved" in output
    assert "30" in place.pending() - place.executed()
    assert place.lost() == set()

    code, output = place.run(shown("python pool_job.py redrive 60").replace("60", "0"))
    assert (code, "failed 0" in output) == (0, True), output
    place.assert_all_done()
