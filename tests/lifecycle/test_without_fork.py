"""A system without fork, without most signals and without the modules that come with them, as Windows is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.lifecycle import jobs


def test_memory_and_sqlite_on_threads_and_spawned_processes(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.lifecycle.without_fork", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=jobs.DEADLINE_S,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(Path.cwd()), *sys.path]))},
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "done without 0\n"), ran.stderr
