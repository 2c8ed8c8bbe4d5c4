"""`Node`: a process that can be hurt, and that never outlives the tests. Java is a script here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from atleastonce.testing.cassandra import jvm
from atleastonce.testing.cassandra.node import Node, NodeFailed, NodeSettings
from atleastonce.testing.cassandra.release import DEFAULT

from .conftest import SERVE, FakeJava

DEADLINE_S = 60


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(NodeSettings(folder=tmp_path / "node", lib=tmp_path / "lib", yaml="audit_logging_options: {}"))
    yield node
    node.remove()


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def state(pid: int) -> str:
    """One letter, as ps has it; X where there is no such process, or a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0].replace("Z", "X")
    except FileNotFoundError:
        return "X"


def test_a_life(node: Node, fake_java: FakeJava) -> None:
    fake_java(SERVE)
    assert node.pid is None
    assert node.read_log() == ""
    node.start()
    node.wait()
    pid = node.pid
    assert pid is not None
    with pytest.raises(RuntimeError, match="runs already"):
        node.start()
    configuration = (node.settings.folder / "conf" / "cassandra.yaml").read_text("utf-8")
    assert "audit_logging_options: {}" in configuration
    node.pause()
    until(lambda: state(pid) == "T")
    node.resume()
    until(lambda: state(pid) != "T")
    node.stop()
    assert node.pid is None
    assert state(pid) == "X"
    node.start()
    node.wait()
    node.pause()
    node.kill()
    assert node.pid is None
    assert node.settings.folder.exists()
    node.remove()
    assert not node.settings.folder.exists()


def test_one_that_ends(node: Node, fake_java: FakeJava) -> None:
    fake_java("echo bad configuration; exit 3")
    node.start()
    with pytest.raises(NodeFailed, match="bad configuration"):
        node.wait()
    fake_java(SERVE)
    node.start()
    node.wait()


def test_one_that_never_comes_up(node: Node, fake_java: FakeJava) -> None:
    fake_java("echo thinking; exec sleep 1000")
    node.start()
    until(lambda: "thinking" in node.read_log())
    with pytest.raises(NodeFailed, match="not up after"):
        node.wait(0.2)


def test_a_forked_child_does_not_keep_it(node: Node, fake_java: FakeJava) -> None:
    fake_java(SERVE)
    node.start()
    node.wait()
    process = node._process
    assert process is not None
    assert process.stdin is not None
    fd = process.stdin.fileno()
    child = os.fork()
    if child == 0:  # pragma: no cover - a child, which is not measured before it leaves
        try:
            os.fstat(fd)
        except OSError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert node.pid is not None


def test_it_dies_with_a_killed_pytest(
    tmp_path: Path, fake_java: FakeJava, cached_jars: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_java('echo $$ >"$FAKE_PID"; pwd >>"$FAKE_PID"; ' + SERVE)
    told = tmp_path / "told"
    test = tmp_path / "test_killed.py"
    test.write_text(
        "import time\n"
        "from atleastonce.testing.cassandra.jvm import jvm_server\n"
        "def test_killed():\n"
        "    with jvm_server():\n"
        "        print('here', flush=True)\n"
        "        time.sleep(1000)\n",
        "utf-8",
    )
    pytest_process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", str(test)],
        env={**os.environ, "FAKE_PID": str(told), "ATLEASTONCE_TEST_CASSANDRA_VERSION": "5.0"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    with pytest_process:
        assert pytest_process.stdout is not None
        assert any("here" in line for line in pytest_process.stdout)
        pid, folder = told.read_text("utf-8").splitlines()
        assert state(int(pid)) != "X"
        pytest_process.send_signal(signal.SIGKILL)
    until(lambda: state(int(pid)) == "X")
    until(lambda: not Path(folder).exists())


def test_ports_that_were_taken_meanwhile(fake_java: FakeJava, cached_jars: Path, tmp_path: Path) -> None:
    first_fails = f'[ -e "{tmp_path}/again" ] || {{ >"{tmp_path}/again"; echo Address already in use; exit 3; }}'
    fake_java(f"{first_fails}\n{SERVE}")
    with jvm.jvm_server(DEFAULT) as server:
        assert server.hosts == ("127.0.0.1",)
    assert (tmp_path / "again").exists()


@pytest.mark.parametrize("words", ["Address already in use", "something else"])
def test_a_server_that_does_not_start(fake_java: FakeJava, cached_jars: Path, tmp_path: Path, words: str) -> None:
    fake_java(f'echo >>"{tmp_path}/tries"; echo {words}; exit 3')
    with pytest.raises(NodeFailed, match=words), jvm.jvm_server(DEFAULT):
        pass  # pragma: no cover - not reached
    assert len((tmp_path / "tries").read_text("utf-8")) == (jvm.TRIES if "in use" in words else 1)
