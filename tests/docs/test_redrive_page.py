"""The page on redrive: what cannot be run in its place is run, or checked, here."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from atleastonce import TaskStore

from . import documents

PAGE = documents.ROOT / "docs" / "redrive.md"
DEADLINE_S = 60


def block(first_line: str) -> str:
    """The block of the page that begins with that line."""
    (found,) = re.findall(
        rf"^```\w+\n({re.escape(first_line)}\n.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return str(found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The page's program, with tasks that take a moment and tell that they run."""
    (tmp_path / "redrive_photos.py").write_text(block("# redrive_photos.py"), "utf-8")
    (tmp_path / "atleastonce.toml").write_text(block("# atleastonce.toml"), "utf-8")
    (tmp_path / "photos.py").write_text(
        "import time\n"
        "from pathlib import Path\n"
        "from atleastonce import Task\n"
        "class Slow(Task):\n"
        "    def execute(self):\n"
        "        Path(f'began-{self.id}').touch()\n"
        "        while not Path('go').exists():\n"
        "            time.sleep(0.01)\n",
        "utf-8",
    )
    (tmp_path / "leave.py").write_text(
        "from photos import Slow\nfor n in range(3):\n    Slow.create(task_list='photos-delete', id=str(n))\n", "utf-8"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATLEASTONCE_")}
    subprocess.run([sys.executable, "leave.py"], cwd=tmp_path, env=environment, check=True, timeout=DEADLINE_S)
    return tmp_path


@pytest.fixture
def redriving(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The program while it executes the first task."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATLEASTONCE_")}
    program = subprocess.Popen(
        [sys.executable, "redrive_photos.py", "--older-than", "0"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + DEADLINE_S
    while not (folder / "began-0").exists():
        assert program.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield program
    program.kill()
    program.communicate()


def left(folder: Path) -> int:
    """How many tasks are pending."""
    with TaskStore(f"sqlite:///{folder}/tasks.db") as store:
        return store.count("photos-delete")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGTERM to handle")
def test_sigterm_lets_the_running_task_finish_and_begins_no_other(
    folder: Path, redriving: subprocess.Popen[str]
) -> None:
    """As the page says of systemd and Kubernetes; the exit code is 0, since nothing failed."""
    redriving.send_signal(signal.SIGTERM)
    (folder / "go").touch()
    output, _ = redriving.communicate(timeout=DEADLINE_S)
    assert redriving.returncode == 0
    assert output == "1 completed, 0 failed, stopped by a signal\n"
    assert left(folder) == 2


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGTERM to handle")
def test_a_second_sigterm_ends_it_and_loses_nothing(folder: Path, redriving: subprocess.Popen[str]) -> None:
    """The task that ran is still pending."""
    deadline = time.monotonic() + DEADLINE_S
    while redriving.poll() is None:
        redriving.send_signal(signal.SIGTERM)
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert redriving.returncode == -signal.SIGTERM
    assert left(folder) == 3


def test_the_units_are_what_systemd_takes(tmp_path: Path) -> None:
    """By its own verifier, where there is one: with a program, a user and a folder that this machine has."""
    verifier = shutil.which("systemd-analyze")
    if verifier is None:
        pytest.skip("there is no systemd-analyze here; that the units parse is tested with the page")
    service = tmp_path / "photos-redrive.service"
    text = block("# photos-redrive.service").replace("/srv/photos/venv/bin/python", sys.executable)
    service.write_text(text.replace("User=photos", "User=root"), "utf-8")
    timer = tmp_path / "photos-redrive.timer"
    timer.write_text(block("# photos-redrive.timer"), "utf-8")
    ran = subprocess.run(
        [verifier, "verify", "--recursive-errors=no", str(timer), str(service)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    if "Failed to initialize manager" in ran.stdout:
        pytest.skip(f"systemd-analyze cannot work here: {ran.stdout.strip()}")
    assert ran.stdout == ""
    assert ran.returncode == 0


def test_the_cron_job_runs_what_kubernetes_can() -> None:
    """The fields of a CronJob, in their places, and the page's own program."""
    job: Any = yaml.safe_load(block("# photos-redrive.yaml"))
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    assert len(job["spec"]["schedule"].split()) == 5
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["restartPolicy"] in {"Never", "OnFailure"}  # a Job takes no other
    (container,) = pod["containers"]
    assert container["command"] == ["python", "redrive_photos.py"]
    assert container["env"][0]["name"] == "ATLEASTONCE_URL"


def test_the_crontab_has_five_fields_and_the_program() -> None:
    """A line that cron takes."""
    line = block("# m  h dom mon dow  command").splitlines()[1]
    *fields, command = line.split(None, 5)
    assert all(re.fullmatch(r"\*(/\d+)?|\d+", field) for field in fields)
    assert len(fields) == 5
    assert command == "cd /srv/photos && flock -n redrive.lock venv/bin/python redrive_photos.py"
