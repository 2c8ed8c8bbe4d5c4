"""Every test here starts in an empty directory, with nothing configured."""

from __future__ import annotations

import pytest

from atleastonce import configure, defaults


@pytest.fixture(autouse=True)
def unconfigured(tmp_path, monkeypatch):
    """An empty project directory below which nothing is found: gives it, and is in it."""
    for name in ("ATLEASTONCE_URL", "ATLEASTONCE_REQUIRE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "atleastonce.toml").touch()  # ends the search, whatever lies above; says nothing
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    with defaults.using("memory://"):
        configure(None)
        yield project
