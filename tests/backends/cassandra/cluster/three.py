"""`ThreeNodes`: a cluster of three on this machine, whose nodes can be killed and paused, and their connections cut."""

from __future__ import annotations

import random
import re
import shutil
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from atleastonce.testing.cassandra import CassandraServer
from atleastonce.testing.cassandra.node import POLL_S, Node, NodeFailed, NodeSettings

from .proxy import Proxy

COUNT = 3
NATIVE_PORT = 9042
STORAGE_PORT = 7000
DATA_CENTRE = "dc1"
TIMEOUT_S = 480  # all up, and seen by all: 20 s when the machine is idle, several times that when it is not
RING_DELAY_MS = 5000  # how long a node waits for seeds that are down
# A third of the ring each. Fixed, so that no node has to learn the others' before it takes its own.
TOKENS = tuple(-(2**63) + n * (2**64 // COUNT) for n in range(COUNT))

_STATE = re.compile(r"(127\.\d+\.\d+\.\d+):\d+ is now (UP|DOWN)")


class ThreeNodes:
    """Nodes 0, 1 and 2, in one data centre; a keyspace with replication_factor=3 has a replica on each.

    Each has an address of its own on the loopback, so this is for Linux, where all of 127/8 is there. Clients reach
    every node through its proxy, and don't notice: the proxy's address is what the node says of itself.

    Every method that starts nodes returns when they serve clients and all that run see each other up.
    """

    def __init__(self, folder: Path, lib: Path, *, heap: str = "700m", yaml: str = "") -> None:
        self.folder = folder
        network = free_network()
        addresses = tuple(f"{network}.{2 + n}" for n in range(COUNT))
        self._paused: set[int] = set()
        with ExitStack() as stack:
            self.proxies = tuple(
                stack.enter_context(Proxy((address, NATIVE_PORT), (f"{network}.{12 + n}", NATIVE_PORT)))
                for n, address in enumerate(addresses)
            )
            self.nodes = tuple(
                Node(
                    NodeSettings(
                        folder=folder / f"node{n}",
                        lib=lib,
                        address=address,
                        native_port=NATIVE_PORT,
                        storage_port=STORAGE_PORT,
                        broadcast_address=self.proxies[n].address[0],
                        # All are seeds: none bootstraps, so all may start at once, and any while others are down.
                        seeds=addresses,
                        cluster_name="three",
                        data_centre=DATA_CENTRE,
                        token=TOKENS[n],
                        ring_delay_ms=RING_DELAY_MS,
                        heap=heap,
                        yaml=yaml,
                    )
                )
                for n, address in enumerate(addresses)
            )
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        try:
            self.start(*range(COUNT))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @property
    def server(self) -> CassandraServer:
        """For clients."""
        hosts = tuple(proxy.address[0] for proxy in self.proxies)
        return CassandraServer(hosts=hosts, port=NATIVE_PORT, local_dc=DATA_CENTRE, origin="three JVMs of our own")

    @property
    def running(self) -> list[int]:
        """The nodes that are neither down nor paused."""
        return [n for n, node in enumerate(self.nodes) if node.pid is not None and n not in self._paused]

    def start(self, *numbers: int) -> None:
        """Start those that are down, with the data they left."""
        new = [n for n in numbers if self.nodes[n].pid is None]
        old = [n for n in self.running if n not in new]
        marks = {n: len(self.nodes[n].read_log()) for n in old}  # what old nodes said before is of the old life
        for n in new:
            self.nodes[n].start()
        for n in new:
            self.nodes[n].wait(TIMEOUT_S)
        for n in new:
            self._wait_until_up(n, [m for m in self.running if m != n])
        for n in old:
            self._wait_until_up(n, new, marks[n])

    def kill(self, n: int) -> None:
        """End a node as a crash does (SIGKILL)."""
        self._paused.discard(n)
        self.nodes[n].kill()

    def pause(self, n: int) -> None:
        """Let a node stand still, with its connections (SIGSTOP)."""
        self._paused.add(n)
        self.nodes[n].pause()

    def resume(self, n: int) -> None:
        """Let a paused node go on (SIGCONT). The others may think for some seconds yet that it is down."""
        self.nodes[n].resume()
        self._paused.discard(n)

    def wait_until_down(self, n: int) -> None:
        """Return when the others have noticed that the node is gone or paused: about 10 to 20 s."""
        for other in self.running:
            self._wait_for_states(other, [n], "DOWN", 0)

    def restore(self) -> None:
        """Proxies pass everything on, all nodes run and see each other: for the next test."""
        for proxy in self.proxies:
            proxy.heal()
        back = list(self._paused)
        for n in back:
            self.resume(n)
        self.start(*range(COUNT))
        for n in range(COUNT):
            self._wait_until_up(n, [m for m in range(COUNT) if m != n])

    def stop(self) -> None:
        """End everything, and remove the data."""
        for node in self.nodes:
            node.remove()
        self._stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_until_up(self, observer: int, observed: list[int], mark: int = 0) -> None:
        self._wait_for_states(observer, observed, "UP", mark)

    def _wait_for_states(self, observer: int, observed: list[int], state: str, mark: int) -> None:
        node = self.nodes[observer]
        wanted = {self.nodes[n].settings.address for n in observed}
        deadline = time.monotonic() + TIMEOUT_S
        while not wanted <= {address for address, last in states(node.read_log()[mark:]).items() if last == state}:
            if node.pid is None or time.monotonic() > deadline:
                raise NodeFailed(f"node {observer} does not see {observed} {state}: {node.read_log()[-2000:]}")
            time.sleep(POLL_S)


def states(log: str) -> dict[str, str]:
    """What a node said last of each of the others, by address: UP or DOWN."""
    return dict(_STATE.findall(log))


def free_network() -> str:
    """Three numbers of 127/8 where nobody listens on our ports, so that two clusters can run side by side."""
    while True:
        network = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}"
        try:
            with ExitStack() as stack:
                for last in (2, 3, 4, 12, 13, 14):
                    for port in (NATIVE_PORT, STORAGE_PORT):
                        stack.enter_context(socket.socket()).bind((f"{network}.{last}", port))
        except OSError:
            continue
        return network
