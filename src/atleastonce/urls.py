"""Store URLs, taken apart: ``scheme://user:password@host1,host2:port/path?name=value``.

``urllib.parse.urlsplit`` reads ``h1,h2:9042`` as one host and leaves %-encoding in passwords, so hosts and
credentials are parsed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from .exceptions import ConfigurationError

MAX_PORT = 65_535

_SCHEME = r"[A-Za-z_][\w.+-]*(:[A-Za-z_][\w.]*)?"  # an entry point's name, or module:attr


@attrs.frozen(kw_only=True)
class StoreURL:
    """A store URL in its parts. ``str()`` of it never shows the password.

    Attributes:
        scheme: what stands before ``://``; names the backend.
        username: percent-decoded; None where absent.
        password: likewise; shown nowhere.
        hosts: (host, port or None) in the order given; empty where the URL has none.
        path: what follows the first ``/`` after the hosts, percent-decoded, without that slash.
        params: the parameters after ``?``, percent-decoded.
        base: the directory that a relative path starts from; empty: the current one.
    """

    scheme: str
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    hosts: tuple[tuple[str, int | None], ...] = ()
    path: str = ""
    params: Mapping[str, str] = attrs.field(factory=dict)
    base: str = ""

    def __str__(self) -> str:
        user = "" if self.username is None else _quote(self.username, safe="") + "@"
        hosts = ",".join(_host_text(host, port) for host, port in self.hosts)
        params = "&".join(f"{_quote(k, safe='')}={_quote(v, safe='/:,')}" for k, v in self.params.items())
        path = "/" + _quote(self.path, safe="/") if self.path else ""
        return f"{self.scheme}://{user}{hosts}{path}" + (f"?{params}" if params else "")

    def parse_params(self, known: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
        """The parameters, each by its parser (which raises ValueError for a bad value).

        Raises `ConfigurationError` for a parameter that is not in `known`, or a value that does not parse.
        """
        values: dict[str, Any] = {}
        for name, text in self.params.items():
            if name not in known:
                offer = ", ".join(sorted(known)) or "none"
                raise ConfigurationError(f"{self.scheme}: unknown URL parameter {name!r}; known: {offer}")
            try:
                values[name] = known[name](text)
            except ValueError as error:
                raise ConfigurationError(f"{self.scheme}: URL parameter {name!r}: {error}") from None
        return values


def parse_url(text: str, *, base: str = "") -> StoreURL:
    """Take a store URL apart. Raises `ConfigurationError`, without the password in its message."""
    scheme, separator, rest = text.partition("://")
    if not separator or not re.fullmatch(_SCHEME, scheme):
        raise ConfigurationError(
            "a store URL looks like sqlite:///tasks.db, memory:// or cassandra://host/keyspace; got one without ://"
        )
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    credentials, at, hosts = authority.rpartition("@")
    if authority and not at and "@" in path + query:  # else part of a password would pass for a path, and be shown
        raise ConfigurationError(
            f"{scheme}: an @ after the hosts: write it as %40, and in a password / as %2F and ? as %3F"
        )
    username, colon, password = credentials.partition(":")
    return StoreURL(
        scheme=scheme.lower() if ":" not in scheme else scheme,
        username=_unquote(username) if at else None,
        password=_unquote(password) if colon else None,
        hosts=tuple(_parse_host(scheme, host) for host in hosts.split(",")) if hosts else (),
        path=_unquote(path),
        params=_parse_query(scheme, query),
        base=base,
    )


def _parse_query(scheme: str, query: str) -> dict[str, str]:
    params: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise ConfigurationError(f"{scheme}: URL parameters look like ?name=value&name=value")
        if _unquote(name) in params:
            raise ConfigurationError(f"{scheme}: URL parameter {_unquote(name)!r} is given twice")
        params[_unquote(name)] = _unquote(value)
    return params


def _parse_host(scheme: str, text: str) -> tuple[str, int | None]:
    if text.startswith("["):  # an IPv6 address
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ConfigurationError(f"{scheme}: a host like [::1]:9042 is not closed by a bracket")
        port = rest[1:]
    else:
        host, _, port = text.partition(":")
    if not host:
        raise ConfigurationError(f"{scheme}: an empty host name in the URL")
    if not port:
        return _unquote(host), None
    if not (port.isascii() and port.isdigit() and len(port) <= len(str(MAX_PORT)) and 0 < int(port) <= MAX_PORT):
        raise ConfigurationError(f"{scheme}: a port is a number from 1 to {MAX_PORT}")
    return _unquote(host), int(port)


def _host_text(host: str, port: int | None) -> str:
    text = f"[{_quote(host, safe=':')}]" if ":" in host else _quote(host, safe="")
    return text if port is None else f"{text}:{port}"


def _quote(text: str, *, safe: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - 3 ms, and most processes that import this package have one URL

    return quote(text, safe=safe)


def _unquote(text: str) -> str:
    from urllib.parse import unquote  # noqa: PLC0415 - likewise

    return unquote(text)
