"""A backend that wants a password: SQLite behind a URL with a user."""

from __future__ import annotations

import attrs

from atleastonce import ConfigurationError, StoreURL
from atleastonce_sqlite import SqliteStore


class SecretStore(SqliteStore):
    @classmethod
    def from_url(cls, url, *, clock):
        if url.password != "sesame":
            raise ConfigurationError("wrong password")
        made = cls("/" + url.path, clock=clock)
        made._capabilities = attrs.evolve(made._capabilities, url=str(url))
        return made


def url_for(path):
    """The URL of that file, password included."""
    url = StoreURL(scheme=f"{__name__}:SecretStore", username="user", hosts=(("host", None),), path=str(path)[1:])
    return str(url).replace("user@", "user:sesame@")
