"""What a ``cassandra://`` URL says."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from typing import Any

import attrs
from cassandra import ConsistencyLevel

from atleastonce.exceptions import ConfigurationError
from atleastonce.urls import StoreURL

MAX_DATA_BYTES = 64 * 1024
"""The default limit for a task's data: a row that is read with a thousand others, from every replica."""

LARGEST_DATA_BYTES = 1024 * 1024
"""The most that a URL may ask for: a batch of one row then still fits everywhere."""

TIMEOUT_SECONDS = 10.0
"""How long one call may take, with all its retries."""

PORT = 9042
USERNAME_VARIABLE = "ATLEASTONCE_CASSANDRA_USERNAME"
PASSWORD_VARIABLE = "ATLEASTONCE_CASSANDRA_PASSWORD"  # noqa: S105 (the name of a variable)

TASK_RB = "task_rb"
LAYOUTS = ("segments", TASK_RB)
CONSISTENCIES: dict[str, int] = {
    "ONE": ConsistencyLevel.ONE,
    "LOCAL_ONE": ConsistencyLevel.LOCAL_ONE,
    "TWO": ConsistencyLevel.TWO,
    "THREE": ConsistencyLevel.THREE,
    "LOCAL_QUORUM": ConsistencyLevel.LOCAL_QUORUM,
    "QUORUM": ConsistencyLevel.QUORUM,
    "EACH_QUORUM": ConsistencyLevel.EACH_QUORUM,
    "ALL": ConsistencyLevel.ALL,
}
"""The consistency levels that may be asked for, from the weakest to the strongest."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,47}")
_DC = re.compile(r"[^'\"\x00-\x1f]+")  # it is quoted in a statement
_TABLE = re.compile(r"[a-z][a-z0-9_]{0,37}")  # with what is put after it, at most the 48 that the server takes


@attrs.frozen(kw_only=True)
class Options:
    """How to reach the servers, and where the tasks are. The password shows nowhere.

    Attributes:
        keyspace: must exist, or `replication` say how `setup` is to make it.
        hosts: (name or address, port); empty with a bundle or a session of the caller's.
        local_dc: the data centre to talk to; None: that of the first host that answers.
        table: the table of the tasks; those beside it begin with the same name.
        consistency: of reads and writes, as the driver's number.
        replication: data centre to number of replicas; ``{"": n}``: n in every data centre; None: `setup` makes no keyspace.
        timeout: of one call, seconds.
        tls: whether to encrypt; tls_ca, tls_cert, tls_key: PEM files.
        secure_connect_bundle: Astra's zip file.
        compression: whether to compress, when lz4 or snappy is installed.
        speculative: after how many seconds without an answer a read is sent to another server too; None: as writes, after a
            tenth of the timeout.
        single_dc_user_ids: the promise that an id that the application chose is only used in one data centre.
        max_data_bytes: the longest data of a task.
        layout: of the tables: ``"segments"``, ours, or ``"task_rb"``, see `TaskRbTable`.
    """

    keyspace: str
    hosts: tuple[tuple[str, int], ...] = ()
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    local_dc: str | None = None
    table: str = "tasks"
    consistency: int = ConsistencyLevel.LOCAL_QUORUM
    replication: Mapping[str, int] | None = None
    timeout: float = TIMEOUT_SECONDS
    tls: bool = False
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    secure_connect_bundle: str | None = None
    compression: bool = True
    speculative: float | None = None
    single_dc_user_ids: bool = False
    max_data_bytes: int = MAX_DATA_BYTES
    layout: str = LAYOUTS[0]

    def __attrs_post_init__(self) -> None:
        if not _NAME.fullmatch(self.keyspace):
            raise ConfigurationError(
                "cassandra: the URL names no keyspace, or one that is none (a letter, then up to 47 letters, digits and _): "
                "cassandra://host/keyspace?local_dc=dc1"
            )
        if not _TABLE.fullmatch(self.table):
            raise ConfigurationError("cassandra: a table is named by a small letter, then up to 37 of a-z, 0-9 and _")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigurationError("cassandra: tls_cert and tls_key go together")
        if (self.password is None) != (self.username is None):
            raise ConfigurationError(
                f"cassandra: user name and password go together, in the URL or in {USERNAME_VARIABLE} and {PASSWORD_VARIABLE}"
            )


def options_of(url: StoreURL) -> Options:
    """The options that a URL gives. Raises `ConfigurationError` for what is unknown, missing or contradicts itself."""
    known = {
        "local_dc": _text,
        "table": _text,
        "consistency": _consistency,
        "replication_factor": _positive,
        "replication": _replication,
        "timeout": _seconds,
        "tls": _switch,
        "tls_ca": _file,
        "tls_cert": _file,
        "tls_key": _file,
        "secure_connect_bundle": _file,
        "compression": _switch,
        "speculative": _seconds,
        "user_ids": _user_ids,
        "max_data_bytes": _data_bytes,
        "layout": _layout,
    }
    given: dict[str, Any] = url.parse_params(known)
    factor = given.pop("replication_factor", None)
    if factor is not None:
        if "replication" in given:
            raise ConfigurationError("cassandra: replication and replication_factor exclude each other")
        given["replication"] = {"": factor}
    if "user_ids" in given:
        given["single_dc_user_ids"] = given.pop("user_ids")
    if any(name in given for name in ("tls_ca", "tls_cert")):
        if given.get("tls") is False:
            raise ConfigurationError("cassandra: tls=false, but certificates are given")
        given["tls"] = True
    if not url.hosts and "secure_connect_bundle" not in given:
        raise ConfigurationError("cassandra: the URL names no host: cassandra://host1,host2/keyspace?local_dc=dc1")
    if url.hosts and "secure_connect_bundle" in given:
        raise ConfigurationError(
            "cassandra: a secure_connect_bundle says where the servers are: name no host beside it"
        )
    return Options(
        keyspace=url.path,
        hosts=_hosts(url),
        username=url.username if url.username is not None else os.environ.get(USERNAME_VARIABLE),
        password=url.password if url.password is not None else os.environ.get(PASSWORD_VARIABLE),
        **given,
    )


def _hosts(url: StoreURL) -> tuple[tuple[str, int], ...]:
    """The hosts; one port among them is meant for all: the servers of a cluster agree on it."""
    ports = {port for _, port in url.hosts if port is not None}
    usual = ports.pop() if len(ports) == 1 else PORT
    return tuple((host, port or usual) for host, port in url.hosts)


def _text(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


def _file(text: str) -> str:
    if not os.path.isfile(text):  # noqa: PTH113 (the name goes to the driver as it is)
        raise ValueError(f"there is no file {text}")
    return text


def _switch(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"


def _consistency(text: str) -> int:
    if text.upper() not in CONSISTENCIES:
        raise ValueError(f"must be one of {', '.join(CONSISTENCIES)}")
    return CONSISTENCIES[text.upper()]


def _positive(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise ValueError("must be a positive number")
    return number


def _replication(text: str) -> dict[str, int]:
    parts = [part.partition(":") for part in text.split(",")]
    if not all(_DC.fullmatch(dc) and colon for dc, colon, _ in parts) or len({dc for dc, _, _ in parts}) < len(parts):
        raise ValueError("must look like dc1:3,dc2:3")
    return {dc: _positive(count) for dc, _, count in parts}


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError("must be a positive number of seconds")
    return number


def _user_ids(text: str) -> bool:
    if text not in {"single_dc", "any_dc"}:
        raise ValueError("must be any_dc (the default) or single_dc")
    return text == "single_dc"


def _data_bytes(text: str) -> int:
    number = _positive(text)
    if number > LARGEST_DATA_BYTES:
        raise ValueError(f"must be at most {LARGEST_DATA_BYTES}")
    return number


def _layout(text: str) -> str:
    if text not in LAYOUTS:
        raise ValueError(f"must be one of {', '.join(LAYOUTS)}")
    return text
