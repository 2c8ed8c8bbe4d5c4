"""An open session, with all that was prepared in it and read through it once."""

from __future__ import annotations

import logging
import socket
import ssl
import zipfile
from typing import Any, cast

from cassandra import ConsistencyLevel, InvalidRequest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.metadata import NetworkTopologyStrategy
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    NoSpeculativeExecutionPolicy,
    TokenAwarePolicy,
)
from cassandra.query import SimpleStatement, tuple_factory

from atleastonce.exceptions import ConfigurationError

from . import settings
from .errors import describe, tables_outdated, translate
from .forks import no_fork
from .options import Options
from .retries import Idempotent, Once
from .servers import connected
from .statements import ClaimStatements, Encoded, Statements
from .tables import Tables
from .waiting import ONCE_SHARE, PATIENCE_SHARE, Sent

RECONNECT_SECONDS = 1.0
"""A server that came back is used within this time; the driver's own default grows to ten minutes."""

HEARTBEAT_SECONDS = 5.0
"""A connection on which nothing comes any more is noticed within three times this time (the driver's own: 90 s), and its server not
asked until it answers again."""

CONNECT_SECONDS = 5.0
"""For one connection; less where a store's hosts, tried one after the other, would take more than twice its timeout."""

CLOCK_SECONDS = 2.0
"""For each server's clock when they are compared, all at once; and for what else is found out then that can do without an answer."""

DRIVER_THREADS = 8
"""They retry requests, and connect to servers, where each may hang for `CONNECT_SECONDS`: with the driver's two, two servers that
stand still would keep all retries waiting."""

PROTOCOLS = (4, 5)
"""Of the driver to the servers, the first that both speak; all do speak 4. In 5 the driver (3.30.1 at least) drops the connection, and all
requests on it, when TCP cuts an answer within the header or the last two bytes of a segment; and it takes more processor time."""

MAX_APART_MS = 60 * 1_000
"""Servers whose clocks are further apart than this can lose tasks, by hiding a save below a deletion."""

log: logging.Logger = logging.getLogger("atleastonce.cassandra")


class Link:
    """A session, its own or a caller's, ready for the tables.

    Args:
        session: the driver's.
        options: how it is to be used.
        owned: whether `close` shuts it down.

    Raises `SchemaMissing` where the tables are not set up, `ConfigurationError` where they are not for this process.
    """

    _some_place = "task_list = 'none' AND slot = 0 AND origin = 0"
    """A partition of the tables of tasks, which need not be there."""

    def __init__(self, session: Any, options: Options, *, owned: bool) -> None:
        self.session = session
        self._owned = owned
        self.users = 0
        self.tables = Tables(options.keyspace, options.table)
        self.where = str(self.tables)
        self.profile = _profile(session, options, Idempotent())
        self._once_profile = _profile(session, options, Once())
        self._options = options
        self._claim_statements: ClaimStatements | None = None
        self.patience = PATIENCE_SHARE * options.timeout
        self.reading_patience = self.patience if options.speculative is None else options.speculative
        try:
            self._prepare(options)
            self.verify_at = self._verification_level()
        except Exception as error:
            raise translate(error, self.where, writing=False) from error

    def _prepare(self, options: Options) -> None:
        """What this layout of the tables needs."""
        found = settings.check(self._settings_row(), options, self.where)
        self.statements = Statements(self.session, self.tables, options.consistency, has_due=found.has_claims)
        self.settings = found

    def _verification_level(self) -> int:
        """At which level a save of an id that others may save too is read back: where every one of them can have written."""
        if self._options.single_dc_user_ids or not _several_data_centres(self.session, self._options.keyspace):
            return self._options.consistency
        try:
            there = f"SELECT task_list FROM {self.tables.tasks} WHERE {self._some_place}"
            self._read(there, ConsistencyLevel.EACH_QUORUM, CLOCK_SECONDS)
        except InvalidRequest:  # servers that are not Cassandra's may know that level for writes alone
            return int(ConsistencyLevel.ALL)
        except Exception as error:  # noqa: BLE001 (a data centre that is away is found out by the requests themselves)
            log.info("it could not be tried whether a quorum in each data centre can be read: %s", describe(error))
        return int(ConsistencyLevel.EACH_QUORUM)

    def _settings_row(self) -> tuple[Any, ...] | None:
        return self._read(f"SELECT {settings.SELECTED} FROM {self.tables.settings}", ConsistencyLevel.LOCAL_QUORUM)

    def _read(self, cql: str, level: int, seconds: float = CONNECT_SECONDS) -> tuple[Any, ...] | None:
        """The first row, of statements that are asked once a session."""
        select = SimpleStatement(cql, consistency_level=level)
        row: tuple[Any, ...] | None = self.session.execute(
            select, execution_profile=self.profile, timeout=seconds
        ).one()
        return row

    def send(self, statement: Any, *, reading: bool = False, **how: Any) -> Sent:
        """Send a statement, which may be applied twice; see `Sent` for how."""
        return Sent(self.session, statement, self.profile, self.reading_patience if reading else self.patience, **how)

    def send_once(self, statement: Any, **how: Any) -> Sent:
        """Send a lightweight transaction, which must not be applied twice: a time-out says that nobody knows what became of it."""
        return Sent(self.session, statement, self._once_profile, ONCE_SHARE * self._options.timeout, once=True, **how)

    def claim_statements(self) -> ClaimStatements:
        """The statements for claims and dead letters, prepared at the first use (by two threads at once, that does no harm).

        Raises `SchemaMissing` where the tables are of a version that has none.
        """
        if self._claim_statements is None:
            try:
                if not self.settings.has_claims:  # when this session began; by now readers have more to see, too
                    self._prepare(self._options)
                if self.settings.has_claims:
                    self._claim_statements = ClaimStatements(self.session, self.tables, self._options.consistency)
            except Exception as error:
                raise translate(error, self.where, writing=False) from error
        if self._claim_statements is None:
            raise tables_outdated(self.where, self.settings.schema_version)
        return self._claim_statements

    def close(self) -> None:
        """Shut the session down, if it is our own."""
        if self._owned:
            self.session.cluster.shutdown()


def open_link(options: Options, session: Any, kind: type[Link] = Link) -> Link:
    """A link on the caller's session, or, where that is None, on one of our own."""
    owned = session is None
    if owned:
        session = open_session(options)
    try:
        link = kind(session, options, owned=owned)
        check_clocks(link)
    except BaseException:
        if owned:
            session.cluster.shutdown()
        raise
    return link


def open_session(options: Options) -> Any:
    """A new session. Raises `ConfigurationError` and `StoreUnavailable`."""
    where = f"{options.keyspace}.{options.table}"
    for protocol in PROTOCOLS:
        cluster = None
        try:
            with no_fork():
                cluster = _cluster(options, protocol)
                return cluster.connect()
        except Exception as error:
            if cluster is not None:
                cluster.shutdown()
            if protocol != PROTOCOLS[-1] and _speaks_another(error):
                continue
            _check_data_centre(cluster, options)
            raise translate(error, where, writing=False) from error
    raise AssertionError  # the loop returns or raises


def _check_data_centre(cluster: Cluster | None, options: Options) -> None:
    """Servers that were reached, and of which none is where they are looked for."""
    metadata: Any = None if cluster is None else cluster.metadata
    there = set() if metadata is None else {host.datacenter for host in metadata.all_hosts() if host.datacenter}
    if options.local_dc is not None and there and options.local_dc not in there:
        raise ConfigurationError(
            f"cassandra: there is no data centre local_dc={options.local_dc}; the servers are in {', '.join(sorted(there))}"
        )


def _speaks_another(error: Exception) -> bool:
    inner = error.errors.values() if isinstance(error, NoHostAvailable) and isinstance(error.errors, dict) else (error,)
    return any("protocol version" in str(one).lower() for one in inner)


def _cluster(options: Options, protocol: int) -> Cluster:
    policy = DCAwareRoundRobinPolicy(options.local_dc) if options.local_dc else DCAwareRoundRobinPolicy()
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(policy),
        retry_policy=Idempotent(),
        consistency_level=options.consistency,
        serial_consistency_level=ConsistencyLevel.SERIAL,
        request_timeout=options.timeout,
        row_factory=tuple_factory,
    )
    arguments: dict[str, Any] = {
        "execution_profiles": {EXEC_PROFILE_DEFAULT: profile},
        "protocol_version": protocol,
        "compression": options.compression,
        "connect_timeout": min(CONNECT_SECONDS, 2 * options.timeout / max(1, len(options.hosts))),
        "control_connection_timeout": CONNECT_SECONDS,
        "idle_heartbeat_interval": HEARTBEAT_SECONDS,
        "idle_heartbeat_timeout": HEARTBEAT_SECONDS,
        "executor_threads": DRIVER_THREADS,
        "prepare_on_all_hosts": False,  # a server that stands still would hold up each statement until the timeout
        "reconnection_policy": ConstantReconnectionPolicy(RECONNECT_SECONDS, cast(Any, None)),  # for ever
        # The driver leaves Nagle's algorithm on, which holds small requests back by 40 ms.
        "sockopts": [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        "application_name": "atleastonce",
    }
    if options.username is not None:
        arguments["auth_provider"] = PlainTextAuthProvider(options.username, options.password)
    bundle = options.secure_connect_bundle
    if bundle is not None:
        # The driver unpacks it, by default beside it, where this process may have no right to write.
        cloud = {"secure_connect_bundle": bundle, "use_default_tempdir": True}
        try:
            return Cluster(cloud=cloud, **arguments)
        except (KeyError, OSError, ValueError, zipfile.BadZipFile) as error:  # of a file that is none, or not all there
            raise ConfigurationError(
                f"cassandra: the secure_connect_bundle {bundle} cannot be used: {error}"
            ) from error
    if options.tls:
        arguments["ssl_context"] = _tls(options)
    return Cluster(contact_points=list(options.hosts), port=options.hosts[0][1], **arguments)


def _tls(options: Options) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.tls_ca)
        context.check_hostname = False  # servers are found by address; the certificate is still checked
        if options.tls_cert is not None:
            context.load_cert_chain(options.tls_cert, options.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"cassandra: the certificates cannot be used: {error}") from error
    return context


def _profile(session: Any, options: Options, retries: Idempotent) -> Any:
    """A session of the caller's may be set up in any way; what we rely on is stated here."""
    return session.execution_profile_clone_update(
        EXEC_PROFILE_DEFAULT,
        retry_policy=retries,
        consistency_level=options.consistency,
        serial_consistency_level=ConsistencyLevel.SERIAL,
        request_timeout=options.timeout,
        row_factory=tuple_factory,
        speculative_execution_policy=NoSpeculativeExecutionPolicy(),  # `Sent` does that, and takes each answer once
    )


def _several_data_centres(session: Any, keyspace: str) -> bool:
    found = session.cluster.metadata.keyspaces.get(keyspace)
    strategy = found.replication_strategy if found is not None else None
    return isinstance(strategy, NetworkTopologyStrategy) and len(strategy.dc_replication_factors or ()) > 1


def check_clocks(link: Link) -> None:
    """Refuse servers whose clocks are too far apart. Raises `ConfigurationError`."""
    asked = {
        host.address: link.session.execute_async(
            Encoded(link.statements.clock, ()), execution_profile=link.profile, timeout=CLOCK_SECONDS, host=host
        )
        for host in connected(link.session)
    }
    shown: dict[str, int] = {}
    for address, future in asked.items():
        try:
            shown[address] = future.result().one()[0]
        except Exception as error:  # noqa: BLE001 (a server that does not answer is found out by the requests themselves)
            log.info("the clock of %s could not be read: %s", address, describe(error))
    if shown:
        slowest, fastest = min(shown, key=shown.__getitem__), max(shown, key=shown.__getitem__)
        apart_ms = shown[fastest] - shown[slowest]
        if apart_ms > MAX_APART_MS:
            raise ConfigurationError(
                f"the clocks of the Cassandra servers {slowest} and {fastest} are {apart_ms // 1_000} s apart: "
                "tasks could be lost; set them right (NTP)"
            )
