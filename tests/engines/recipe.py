"""The page docs/engines.md: its files and its commands are what these tests run."""

from __future__ import annotations

from pathlib import Path

from tests.docs import documents

PAGE = documents.ROOT / "docs" / "engines.md"


def write_files(folder: Path) -> None:
    """Write every file that the page shows."""
    for example in documents.parse(PAGE).examples():
        if isinstance(example.parsed, str):
            documents.write_file(example.parsed, folder)


def shown(command: str) -> str:
    """The command, which must be one that the page shows."""
    assert f"\n$ {command}\n" in PAGE.read_text("utf-8"), f"docs/engines.md does not show: {command}"
    return command
