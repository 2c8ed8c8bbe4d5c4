"""The quickstart loses no file when a worker is killed, and its negative control does."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from atleastonce import TaskStore

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "checksum_files.py"
SMALL_FILES = 300
DEADLINE_S = 120

pytestmark = pytest.mark.slow  # nearly all start a Python that starts others


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """Small files, empty ones, a large one, odd names, one that cannot be read, and links, which are not followed."""
    folder = tmp_path_factory.mktemp("files")
    for number in range(SMALL_FILES):
        sub = folder / f"{number % 7}" / "ä ö"
        sub.mkdir(parents=True, exist_ok=True)
        (sub / f"файл {number} 📷.txt").write_bytes(b"" if number % 10 == 0 else os.urandom(number))
    (folder / "large").write_bytes(os.urandom(3_000_000))
    if sys.platform == "linux":  # other systems take no such name
        Path(os.fsdecode(os.fsencode(folder) + b"/no text \xff\n")).write_bytes(b"x")
    if os.name == "posix":
        (folder / "link").symlink_to(folder / "large")
        (folder / "loop").symlink_to(folder)
        secret = folder / "secret"
        secret.write_bytes(b"x")
        secret.chmod(0)
    return folder


@pytest.fixture
def start(tmp_path):
    """Starts the script; what it prints goes to `tmp_path / "output"`."""
    # Not measured: coverage's handler of SIGTERM, by which a broken pool ends its workers, may wait for ever for a lock.
    ours = ("ATLEASTONCE_", "COVERAGE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {"PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1", "TMPDIR": str(tmp_path)}
    running = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        with (tmp_path / "output").open("w") as output:
            process = subprocess.Popen(
                [sys.executable, str(SCRIPT), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment,
                start_new_session=True,
            )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:  # pragma: no cover - only when a test failed
            process.kill()
            process.wait()


@pytest.fixture
def run(start, tmp_path):
    """Runs the script to its end: its exit code, what it printed, and the summary's numbers."""

    def run(*arguments: object) -> tuple[int, str, dict[str, int]]:
        code = start(*arguments).wait(DEADLINE_S)
        output = (tmp_path / "output").read_text("utf-8")
        rows = re.findall(r"^ +(\S.*?)  ([\d,]+)$", output, re.MULTILINE)
        return code, output, {name: int(number.replace(",", "")) for name, number in rows}

    return run


def wait_until(condition):
    """What the condition gives, once that is true."""
    deadline = time.monotonic() + DEADLINE_S
    while not (answer := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return answer


def regular(folder: Path) -> list[Path]:
    return [
        Path(root, name) for root, _, names in os.walk(folder) for name in names if not Path(root, name).is_symlink()
    ]


def unreadable(folder: Path) -> int:
    """None for root, who may read everything."""
    return sum(not os.access(file, os.R_OK) for file in regular(folder))


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_killed_worker_loses_nothing(run, files, seed):
    code, output, numbers = run(files, "--seed", seed, "--workers", 2)

    assert code == 0, output
    assert re.search(r"^killed worker \d+ while it held task ", output, re.MULTILINE)
    assert "HandoverFailed: " in output
    assert numbers["files walked"] == numbers["saved"] == len(regular(files))
    assert numbers["left"] >= 1  # the one that the killed worker held
    assert numbers["redriven"] == numbers["left"]
    assert numbers["completed before the crash"] + numbers["left"] == numbers["saved"]
    assert numbers["executed more than once"] >= 1
    assert numbers["unreadable"] == unreadable(files)
    for none in ("lost", "still pending", "mismatching checksums", "changed or vanished meanwhile"):
        assert numbers[none] == 0, none


@pytest.mark.parametrize("seed", [1, 2])
def test_completing_first_loses_what_the_killed_worker_held(run, files, seed):
    code, output, numbers = run(files, "--complete-first", "--seed", seed)

    assert code == 1, output
    assert numbers["lost"] >= 1
    assert numbers["mismatching checksums"] == 0


def test_without_a_kill_everything_is_executed_once(run, files):
    code, output, numbers = run(files, "--no-kill")

    assert code == 0, output
    assert "killed" not in output
    assert numbers["completed"] == numbers["saved"] == len(regular(files))
    assert [numbers[none] for none in ("left", "redriven", "executed more than once", "lost")] == [0, 0, 0, 0]


def test_a_store_may_be_used_again(run, files, tmp_path):
    url = f"sqlite:///{tmp_path / 'tasks.db'}"
    for seed in (5, 6):
        code, output, _ = run(files, "--store", url, "--seed", seed)
        assert code == 0, output
        assert "earlier run" not in output


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_worker_ever_sees_ctrl_c(start, files, tmp_path):
    """Not even while it starts and does not ignore it yet: they are all born with it blocked."""
    process = start(files, "--no-kill", "--workers", "4")
    notes = wait_until(lambda: len(found := list(tmp_path.glob("atleastonce-*/pool-1/*"))) == 4 and found)
    for note in notes:
        status = Path("/proc", note.name, "status").read_text()
        (blocked,) = re.findall(r"^SigBlk:\s*([0-9a-f]+)$", status, re.MULTILINE)
        assert int(blocked, 16) & 1 << signal.SIGINT - 1
    assert process.wait(DEADLINE_S) == 0


@pytest.mark.skipif(os.name != "posix", reason="Windows sends no SIGINT to another process")
def test_after_ctrl_c_the_same_store_goes_on(start, run, files, tmp_path):
    url = f"sqlite:///{tmp_path / 'tasks.db'}"
    process = start(files, "--store", url, "--no-kill", "--workers", "1")
    (note,) = wait_until(lambda: list(tmp_path.glob("atleastonce-*/pool-1/*")))  # of a worker that begins a task
    worker = int(note.name)
    with TaskStore(url) as store:
        os.kill(worker, signal.SIGSTOP)  # or it might do everything before the parent is told
        wait_until(lambda: store.count("checksum-files") >= 10)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        time.sleep(1)
        os.kill(worker, signal.SIGCONT)
        assert process.wait(DEADLINE_S) == 130
        left = store.count("checksum-files")
    output = (tmp_path / "output").read_text("utf-8")
    assert f"stopped; {left:,} tasks are pending in {url}" in output
    assert f"--store {url}" in output
    assert left > 0

    code, output, numbers = run(files, "--store", url, "--no-kill")
    assert code == 0, output
    assert f"{left:,} tasks were left by an earlier run" in output
    assert numbers["completed"] == len(regular(files))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-folder"], "'no-such-folder' is not a directory"),
        ([SCRIPT], "is not a directory"),
        (["--workers", "0"], "'0' is not a number from 1 to 61"),
        (["--workers", "many"], "'many' is not a number from 1 to 61"),
        (["--seed", "x"], "invalid int value: 'x'"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--store", "nonsense"], "a store URL looks like"),
        (["--store", "nonsense://x"], "nonsense"),
        (["--store", "memory://"], "the memory store is private to this process"),
    ],
)
def test_bad_arguments(run, arguments, message):
    code, output, _ = run(*arguments)
    assert code == 2, output
    assert message in output
    assert "Traceback" not in output


def test_a_store_that_fails(run, tmp_path):
    code, output, _ = run(tmp_path, "--store", f"sqlite:///{tmp_path / 'missing' / 'tasks.db'}")
    assert code == 1, output
    assert "StoreUnavailable (not_applied): " in output
    assert "Traceback" not in output


def test_an_empty_folder(run, tmp_path):
    (tmp_path / "empty").mkdir()
    code, output, numbers = run(tmp_path / "empty")
    assert code == 0, output
    assert numbers["files walked"] == 0


class TestCompare:
    """What is told apart in the end."""

    @pytest.fixture(autouse=True)
    def modules(self, monkeypatch):
        monkeypatch.syspath_prepend(str(SCRIPT.parent))

    @pytest.fixture
    def file(self, tmp_path) -> Path:
        file = tmp_path / "file"
        file.write_bytes(b"x")
        return file

    def verdict(self, file, outcome, pending=()):
        from checksum.compare import compare

        (verdict,) = compare([file], {} if outcome is None else {file: outcome}, pending)
        return verdict

    def test_same_lost_and_pending(self, file):
        from checksum.task import checksum

        assert self.verdict(file, checksum(file)) == "same"
        assert self.verdict(file, None) == "lost"
        assert self.verdict(file, None, {file}) == "pending"

    def test_a_wrong_checksum(self, file):
        from checksum.task import checksum

        assert self.verdict(file, checksum(file)._replace(digest="0" * 64)) == "mismatch"

    def test_changed_or_gone_meanwhile(self, file):
        from checksum.task import checksum

        before = checksum(file)
        file.write_bytes(b"y")
        os.utime(file, ns=(0, 0))
        assert self.verdict(file, before) == "changed"
        file.unlink()
        assert self.verdict(file, before) == "changed"
        gone = checksum(file)
        assert gone.problem == "FileNotFoundError"
        file.write_bytes(b"x")
        assert self.verdict(file, gone) == "changed"

    def test_what_cannot_be_read_is_an_outcome(self, tmp_path):
        from checksum.task import checksum

        folder = tmp_path / "folder"  # in place of a file: nobody can read that, not even root
        folder.mkdir()
        outcome = checksum(folder)
        assert outcome.digest is None
        assert outcome.problem is not None
        assert self.verdict(folder, outcome) == "unreadable"
