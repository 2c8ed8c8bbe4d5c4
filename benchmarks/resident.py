"""The memory of this process that is resident, and its peak (Linux)."""

from __future__ import annotations

from pathlib import Path

_STATUS = Path("/proc/self/status")
_FORGET_PEAK = Path("/proc/self/clear_refs")


def forget_peak() -> int | None:
    """Let the peak start at what is resident now, which is returned, in KiB; None where that can't be told."""
    if not _FORGET_PEAK.exists():
        return None
    _FORGET_PEAK.write_text("5")
    return _kib("VmRSS")


def peak_kib() -> int:
    """The peak since."""
    return _kib("VmHWM")


def _kib(name: str) -> int:
    [line] = [line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1])
