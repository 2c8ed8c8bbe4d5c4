"""The processes of a test: those that work in its folder, whoever started them."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path


def own_processes(folder: Path) -> Iterator[Path]:
    """The directories in /proc of all processes that work in the folder; Ray's and Dask's have sessions of their own."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if (process / "cwd").readlink().is_relative_to(folder):
                yield process


def kill_all(folder: Path) -> None:
    """Kill them, until there is none."""
    while found := list(own_processes(folder)):
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process.name), signal.SIGKILL)


def listening_beyond_loopback(folder: Path) -> list[str]:
    """Addresses at which one of them could be reached from another machine."""
    sockets = set()
    for process in own_processes(folder):
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    sockets.add(str(descriptor.readlink()))
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text("ascii").splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            address = _address(local.partition(":")[0])
            if state == "0A" and f"socket:[{inode}]" in sockets and not address.is_loopback:  # 0A: listens
                found.append(f"{address} port {int(local.partition(':')[2], 16)}")
    return found


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Written as 32-bit words in the machine's order of bytes."""
    raw = bytes.fromhex(text)
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    address = ipaddress.ip_address(raw)
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped
