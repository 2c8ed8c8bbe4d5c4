"""What a plain walk finds, without the library, and how the results compare with it."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from .task import Outcome, checksum


def walk(folder: Path, leave_out: Collection[str] = ()) -> Iterator[Path]:
    """All regular files. Symbolic links are not followed; folders that cannot be read are reported."""

    def report(error: OSError) -> None:
        print(f"folder left out: {error}", file=sys.stderr)

    for root, folders, names in os.walk(folder, onerror=report):
        folders[:] = [name for name in folders if name not in leave_out]
        for name in names:
            file = Path(root, name)
            if file.is_file() and not file.is_symlink():
                yield file


def compare(files: Iterable[Path], results: Mapping[Path, Outcome], pending: Collection[Path]) -> Counter[str]:
    """How many of the files are: same, unreadable (both times), changed (or gone) meanwhile, pending, lost, mismatch."""
    return Counter(_verdict(file, results.get(file), "pending" if file in pending else "lost") for file in files)


def _verdict(file: Path, seen: Outcome | None, unseen: str) -> str:
    if seen is None:
        return unseen
    now = checksum(file)
    if now.digest is not None and now.digest == seen.digest:
        return "same"
    if "FileNotFoundError" in {now.problem, seen.problem} or now.changed_ns != seen.changed_ns:
        return "changed"
    if now.problem is not None and now.problem == seen.problem:
        print(f"unreadable: {file}: {now.problem}")
        return "unreadable"
    print(f"mismatch: {file}: {seen} was noted, {now} is true")
    return "mismatch"
