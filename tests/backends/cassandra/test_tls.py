"""TLS, with handshakes as a server's would be: a proxy before it ends the encryption."""

from __future__ import annotations

import ssl
import time
from urllib.parse import quote

import attrs
import pytest
import trustme

from atleastonce import ConfigurationError, StoreUnavailable

from .cluster.proxy import Proxy
from .helpers import TIMEOUT_S, ids, opened, record

SHORT_S = 5
"""A call that finds nobody to connect to may take twice that."""

SLACK_S = 10
"""For a machine that runs other tests too."""


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def stranger():
    """Another authority."""
    return trustme.CA()


@pytest.fixture
def files(tmp_path, authority, stranger):
    """By name, quoted for a URL: certificates of both authorities, and one of a client with its key, by each."""
    made = {}
    for name, one in (("ours", authority), ("theirs", stranger)):
        certificate = one.issue_cert("client@example.org")
        made[f"{name} ca"] = one.cert_pem
        made[f"{name} cert"] = certificate.cert_chain_pems[0]
        made[f"{name} key"] = certificate.private_key_pem
    for name, pem in made.items():
        pem.write_to_path(str(tmp_path / f"{name}.pem"))
    return {name: quote(str(tmp_path / f"{name}.pem")) for name in made}


def server_side(authority, *, clients=None):
    """A server's settings, with a certificate that has a name which clients don't use."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("cassandra.example.org").configure_cert(context)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        clients.configure_trust(context)
    return context


@pytest.fixture
def behind(cassandra_server, cassandra_keyspace, url):
    """The URL of the tables behind TLS with that server's side."""
    proxies = []

    def start(tls, **parameters):
        proxies.append(Proxy((cassandra_server.hosts[0], cassandra_server.port), tls=tls))
        host, port = proxies[-1].address
        through = attrs.evolve(cassandra_server, hosts=(host,), port=port)
        return through.url(cassandra_keyspace, **{"timeout": TIMEOUT_S, **parameters})

    yield start
    for proxy in proxies:
        proxy.close()


def works(url, task_list):
    """Whether tasks go there and come back, on encrypted connections alone."""
    store = opened(url)
    try:
        store.store([record(str(number), task_list) for number in range(20)])
        store.store([record("20", task_list)])
        with store._links.use() as link:
            sockets = [pool._connection._socket for pool in link.session.get_pools()]
        assert sockets
        assert all(isinstance(one, ssl.SSLSocket) and one.version() for one in sockets)
        return len(ids(store, task_list)) == 21
    finally:
        store.close()


def fails(url):
    """The error of a save, which came in time."""
    store, began = opened(url), time.monotonic()
    with pytest.raises(StoreUnavailable) as caught:
        store.store([record("1")])
    assert time.monotonic() - began < 2 * SHORT_S + SLACK_S
    assert caught.value.outcome == "not_applied"
    store.close()
    return str(caught.value)


class TestOnAServer:
    def test_the_right_authority(self, behind, authority, files, task_list):
        assert works(f"{behind(server_side(authority))}&tls_ca={files['ours ca']}", task_list)

    def test_another_authority(self, behind, authority, files):
        url = f"{behind(server_side(authority), timeout=SHORT_S)}&tls_ca={files['theirs ca']}"
        assert "certificate verify failed" in fails(url)

    def test_the_systems_authorities(self, behind, authority):
        assert "certificate verify failed" in fails(f"{behind(server_side(authority), timeout=SHORT_S)}&tls=true")

    def test_a_client_without(self, behind, authority):
        fails(behind(server_side(authority), timeout=SHORT_S))

    def test_a_server_without(self, behind, files):
        fails(f"{behind(None, timeout=SHORT_S)}&tls_ca={files['ours ca']}")

    @pytest.mark.parametrize("given", ["ours", "theirs", None])
    def test_a_certificate_of_the_client(self, behind, authority, files, task_list, given):
        timeout = TIMEOUT_S if given == "ours" else SHORT_S
        url = f"{behind(server_side(authority, clients=authority), timeout=timeout)}&tls_ca={files['ours ca']}"
        if given is not None:
            url += f"&tls_cert={files[f'{given} cert']}&tls_key={files[f'{given} key']}"
        if given == "ours":
            assert works(url, task_list)
        else:
            fails(url)

    def test_a_key_of_another_certificate(self, behind, authority, files):
        url = f"{behind(server_side(authority))}&tls_cert={files['ours cert']}&tls_key={files['theirs key']}"
        store = opened(url)
        with pytest.raises(ConfigurationError, match="the certificates cannot be used"):
            store.store([record("1")])
