"""`Node`: one Cassandra process on this machine, which dies with the process that started it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import attrs

LAUNCHER = Path(__file__).with_name("node.sh")
START_TIMEOUT_S = 180  # 10 s when the machine is idle
STOP_TIMEOUT_S = 60
POLL_S = 0.1

STARTED = "Startup complete"


class NodeFailed(Exception):  # reads as what happened
    """The node ended by itself, or did not come up in time; the message has the end of its log."""


@attrs.frozen(kw_only=True)
class NodeSettings:
    """What a node runs with.

    Attributes:
        folder: its own; holds configuration, data and log. Removed when the process that started the node is killed.
        lib: where the jars are.
        address: for the other nodes, and for clients unless told.
        native_port: for clients.
        storage_port: for the other nodes; the same on all of them.
        broadcast_address: what clients are told to connect to, a proxy's say; None: the address.
        seeds: addresses of nodes to join; empty: itself.
        cluster_name: as on all its nodes.
        data_centre: its name.
        token: where on the ring; None: anywhere.
        ring_delay_ms: how long it waits for seeds that are silent; more than 0 only with neighbours.
        heap: as Java's -Xmx takes it.
        yaml: more lines of cassandra.yaml.
    """

    folder: Path
    lib: Path
    address: str = "127.0.0.1"
    native_port: int = 9042
    storage_port: int = 7000
    broadcast_address: str | None = None
    seeds: tuple[str, ...] = ()
    cluster_name: str = "test"
    data_centre: str = "datacenter1"
    token: int | None = None
    ring_delay_ms: int = 0
    heap: str = "1g"
    yaml: str = ""

    def environment(self) -> dict[str, str]:
        """As the launcher reads it."""
        return {
            "CASSANDRA_DIR": str(self.folder),
            "CASSANDRA_LIB": str(self.lib),
            "CASSANDRA_ADDRESS": self.address,
            "CASSANDRA_RPC_ADDRESS": self.address,
            "CASSANDRA_BROADCAST_RPC_ADDRESS": self.broadcast_address or self.address,
            "CASSANDRA_NATIVE_PORT": str(self.native_port),
            "CASSANDRA_STORAGE_PORT": str(self.storage_port),
            "CASSANDRA_SEEDS": ",".join(self.seeds) or self.address,
            "CASSANDRA_CLUSTER_NAME": self.cluster_name,
            "CASSANDRA_DC": self.data_centre,
            "CASSANDRA_TOKEN": "" if self.token is None else str(self.token),
            "CASSANDRA_RING_DELAY_MS": str(self.ring_delay_ms),
            "CASSANDRA_YAML": self.yaml,
            "MAX_HEAP_SIZE": self.heap,
            "CASSANDRA_WATCH_STDIN": "yes",
        }


class Node:
    """One node, stopped until `start`. Not thread-safe."""

    def __init__(self, settings: NodeSettings) -> None:
        self.settings: NodeSettings = settings
        self.log: Path = settings.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the Java process; None while there is none."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def start(self) -> None:
        """Start the process, with the data that it left if it ran before; `wait` tells when it is up."""
        if self.pid is not None:
            raise RuntimeError("the node runs already")
        self._reap()
        self.settings.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own launcher
                ["/bin/sh", str(LAUNCHER)],
                env={**os.environ, **self.settings.environment()},
                stdin=subprocess.PIPE,  # the launcher's watcher waits for its end
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the tests, which then stop the node themselves
            )
        _running.add(self)

    def wait(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Return when it serves clients. Raises `NodeFailed`."""
        deadline = time.monotonic() + timeout_s
        while STARTED not in self.read_log():
            if self.pid is None:
                raise NodeFailed(f"the node ended while it started: {self.read_log()[-2000:]}")
            if time.monotonic() > deadline:
                raise NodeFailed(f"the node was not up after {timeout_s} s: {self.read_log()[-2000:]}")
            time.sleep(POLL_S)

    def read_log(self) -> str:
        """What it said since it was started last."""
        with suppress(FileNotFoundError):
            return self.log.read_text("utf-8", "replace")
        return ""

    def kill(self) -> None:
        """End it at once, as a crash does (SIGKILL). Its data stays."""
        self._signal(signal.SIGKILL)
        self._reap()

    def stop(self) -> None:
        """End it in order (SIGTERM), or by force after a minute. Its data stays."""
        self.resume()
        self._signal(signal.SIGTERM)
        if self._process is not None:
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:  # pragma: no cover - a server that hangs
                self.kill()
        self._reap()

    def pause(self) -> None:
        """Let it stand still: it holds its connections and answers nothing (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """Kill it, and remove its folder."""
        self.kill()
        shutil.rmtree(self.settings.folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is not None and self._process is not None:
            self._process.send_signal(number)

    def _reap(self) -> None:
        """Tell the watcher that all is well, before the pid that it would kill can become another process's."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(b"over\n")
            self._process.stdin.flush()
        self._process.stdin.close()
        self._process.wait()
        self._process = None
        _running.discard(self)

    def _let_go(self) -> None:
        """In a forked child: the pipe's end is the parent's alone."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()


_running: set[Node] = set()


def _let_go_of_all() -> None:
    for node in _running:
        with suppress(OSError):
            node._let_go()  # noqa: SLF001  # of this module
    _running.clear()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has neither fork nor the launcher
    os.register_at_fork(after_in_child=_let_go_of_all)
