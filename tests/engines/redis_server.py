"""A Redis of a test's own: on a free port of loopback, its files in the test's folder, nothing kept when it is killed."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from .waiting import wait_for

HOST = "127.0.0.1"


class RedisServer:
    """Not running until it is started; may be killed and started again, then empty and on the same port."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port: int = free.getsockname()[1]
        self.url = f"redis://{HOST}:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None, "it is not running"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "--bind", HOST, "--port", str(self.port), "--save", "", "--appendonly", "no"],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_for(lambda: self._answer("PING") == "+PONG", "Redis answers", [self._process])

    def kill(self) -> None:
        """SIGKILL, where it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def refuse_writes(self, refuse: bool) -> None:
        """Whether it answers every write with an error (it wants a replica, and has none)."""
        assert self._answer(f"CONFIG SET min-replicas-to-write {int(refuse)}") == "+OK"

    def _answer(self, command: str) -> str | None:
        try:
            with socket.create_connection((HOST, self.port), timeout=10) as client:
                client.sendall(f"{command}\r\n".encode())
                return client.makefile("r", encoding="utf-8").readline().rstrip()
        except OSError:
            return None
