"""Where the database file is: a path given by the caller, made absolute, and the URL that leads back to it."""

from __future__ import annotations

import os
from pathlib import Path

from atleastonce.exceptions import ConfigurationError
from atleastonce.urls import StoreURL


def absolute_path(path: str | os.PathLike[str]) -> str:
    """The absolute path of the file. Raises `ConfigurationError` for what names no file."""
    text = os.fspath(path)
    if not text or text == ":memory:":
        raise ConfigurationError(
            "sqlite: a file is needed, as in sqlite:///tasks.db; for tasks that only live in memory use memory://"
        )
    if "\0" in text:
        raise ConfigurationError("sqlite: a path cannot hold a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigurationError("sqlite: the path is not valid UTF-8, so no URL can name it; rename it") from None
    return str(Path(text).absolute())  # a symbolic link stays one: it may be turned later


def path_of(url: StoreURL) -> str:
    """The path that a URL names: ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``sqlite:///C:/x.db``."""
    if url.hosts or url.username is not None:
        raise ConfigurationError(
            "sqlite: a URL has no host and no user; it starts with three slashes (sqlite:///relative.db) "
            "or, for an absolute path, with four (sqlite:////var/lib/absolute.db)"
        )
    named = url.path not in {"", ":memory:"}
    return str(Path(url.base, url.path)) if url.base and named else url.path


def url_of(path: str, params: dict[str, str]) -> str:
    """The URL of that absolute path."""
    return str(StoreURL(scheme="sqlite", path=path.replace(os.sep, "/"), params=params))
