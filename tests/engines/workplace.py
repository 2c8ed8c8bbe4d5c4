"""A folder in which a recipe runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from atleastonce import TaskStore

from . import held_photos, own_processes, recipe
from .waiting import DEADLINE_S, wait_for

PHOTOS = 60


class Workplace:
    """The page's files, `held_photos` in place of its photos.py, and the photos; starts and kills processes there."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        recipe.write_files(folder)
        (folder / "photos.py").write_text(Path(held_photos.__file__).read_text("utf-8"), "utf-8")
        (folder / "traces").mkdir()
        # Neither our own settings nor coverage (a killed worker has no time for it) go to the engine's processes.
        ours = ("ATLEASTONCE_", "COVERAGE_")
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        self._environment |= {
            "HOME": str(folder),  # Ray and others leave files there
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONUNBUFFERED": "1",
            **environment,
        }
        self._started: list[tuple[subprocess.Popen[bytes], Path]] = []
        self.run("python make_photos.py")
        self.store = TaskStore(f"sqlite:///{folder}/tasks.db")

    def close(self) -> None:
        """End all that works here."""
        self.store.close()
        own_processes.kill_all(self.folder)
        for process, _ in self._started:
            process.wait()

    # Processes

    def start(self, command: str) -> subprocess.Popen[bytes]:
        """Start a command of a shell, in a process group of its own."""
        output = self.folder / f"output-{len(self._started)}"
        with output.open("wb") as file:
            process = subprocess.Popen(
                ["sh", "-c", f"exec {command}"],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append((process, output))
        return process

    def finish(self, process: subprocess.Popen[bytes]) -> tuple[int, str]:
        """Wait for a command to end: its exit code, and what it printed."""
        code = process.wait(DEADLINE_S)
        (output,) = (output for started, output in self._started if started is process)
        return code, output.read_text("utf-8", errors="replace")

    def run(self, command: str) -> tuple[int, str]:
        """Run a command to its end."""
        return self.finish(self.start(command))

    def hold_none(self) -> None:
        """No task waits to be killed."""
        (self.folder / "traces" / "held").touch()

    def held_by(self, *alive: subprocess.Popen[bytes]) -> int:
        """The process that is in the middle of the task that waits, once there is one."""
        held = self.folder / "traces" / "held"
        wait_for(held.exists, "a worker has the task that waits", alive)
        assert own_processes.listening_beyond_loopback(self.folder) == []
        return int(held.read_text())

    def kill_holder(self, *alive: subprocess.Popen[bytes]) -> None:
        """SIGKILL the process that is in the middle of a task."""
        os.kill(self.held_by(*alive), signal.SIGKILL)

    # Tasks

    def pending(self) -> set[str]:
        """The photos whose tasks are in the store."""
        return {Path(task.data["path"]).stem for task in self.store.all("photos")}

    def executed(self) -> set[str]:
        """The photos whose tasks were executed to the end, once or more."""
        return {trace.stem for trace in (self.folder / "traces").glob("*.executed")}

    def lost(self) -> set[str]:
        """The photos whose tasks are neither."""
        return {f"{number:02}" for number in range(PHOTOS)} - self.executed() - self.pending()

    def assert_all_done(self) -> None:
        """Every task was executed and completed."""
        assert self.pending() == set()
        assert len(self.executed()) == PHOTOS
        assert self.lost() == set()
