"""Astra's `secure_connect_bundle`, with what stands behind one on the loopback: a metadata service, and a proxy that goes by SNI."""

from __future__ import annotations

import json
import ssl
import tempfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
import trustme

from atleastonce import ConfigurationError, StoreUnavailable, TaskStore

from .cluster.proxy import Proxy
from .helpers import TIMEOUT_S, ids, opened, record
from .test_tls import server_side

# The driver asks for any version of TLS in a way that Python would rather not have.
pytestmark = pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated:DeprecationWarning")


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def bundle(tmp_path, authority):
    """Makes the zip file for the metadata service at that port; what is None is left out, what is given put in place of the usual."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    certificate = authority.issue_cert("client@example.org")

    def make(port=1, **others):
        members = {
            "config.json": json.dumps({"host": "127.0.0.1", "port": port, "keyspace": "k", "localDC": "dc1"}).encode(),
            "ca.crt": authority.cert_pem.bytes(),
            "cert": certificate.cert_chain_pems[0].bytes(),
            "key": certificate.private_key_pem.bytes(),
        } | {name.replace("_", "."): content for name, content in others.items()}
        path = folder / "secure connect.zip"
        with zipfile.ZipFile(path, "w") as file:
            for name, content in members.items():
                if content is not None:
                    file.writestr(name, content)
        return path

    return make


@pytest.fixture
def metadata(authority):
    """Starts the service, which gives that answer to whoever has a certificate; its port."""
    services = []

    def start(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                assert self.path == "/metadata"
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *arguments):
                pass

        service = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        service.socket = server_side(authority, clients=authority).wrap_socket(service.socket, server_side=True)
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        services.append((service, thread))
        return service.server_port

    yield start
    for service, thread in services:
        service.shutdown()
        thread.join()
        service.server_close()


def url_of(path, keyspace="k", **parameters):
    more = "".join(f"&{name}={value}" for name, value in parameters.items())
    return f"cassandra:///{keyspace}?secure_connect_bundle={quote(str(path))}{more}"


class TestOnAServer:
    def test_tasks_go_where_the_bundle_says(
        self, cassandra_server, cassandra_keyspace, session, authority, bundle, metadata, task_list, monkeypatch
    ):
        row = session.execute("SELECT host_id, data_center FROM system.local").one()
        names, unpacked, mkdtemp = set(), [], tempfile.mkdtemp
        context = server_side(authority, clients=authority)
        context.sni_callback = lambda connection, name, _: names.add(name)
        monkeypatch.setattr(
            tempfile, "mkdtemp", lambda *args, **how: unpacked.append(mkdtemp(*args, **how)) or unpacked[-1]
        )
        with Proxy((cassandra_server.hosts[0], cassandra_server.port), tls=context) as proxy:
            contact = {
                "type": "sni_proxy",
                "local_dc": row.data_center,
                "contact_points": [str(row.host_id)],
                "sni_proxy_address": "{}:{}".format(*proxy.address),
            }
            path = bundle(metadata({"version": 1, "region": "here", "contact_info": contact}))
            store = opened(url_of(path, cassandra_keyspace, timeout=TIMEOUT_S))
            store.store([record(str(number), task_list) for number in range(20)])
            assert ids(store, task_list) == sorted(map(str, range(20)))
            with store._links.use() as link:
                sockets = [pool._connection._socket for pool in link.session.get_pools()]
            assert all(isinstance(one, ssl.SSLSocket) for one in sockets)
            store.close()
        assert names == {str(row.host_id)}
        assert unpacked
        assert not [folder for folder in unpacked if folder.startswith(str(path.parent))]  # which may be read only


def error_of(path, kind):
    store = TaskStore(url_of(path, timeout=5))
    with pytest.raises(kind) as caught:
        store.count("list")
    return str(caught.value)


@pytest.mark.parametrize(
    "others",
    [
        {"config_json": None},
        {"config_json": b"{"},
        {"ca_crt": None},
        {"cert": None},
        {"key": None},
        {"ca_crt": b"nothing"},
        {"key": b"nothing"},
    ],
    ids=lambda others: " ".join(f"{name} {content}" for name, content in others.items()),
)
def test_a_bundle_that_is_not_all_there(bundle, others):
    path = bundle(**others)
    assert f"the secure_connect_bundle {path} cannot be used" in error_of(path, ConfigurationError)


def test_a_file_that_is_no_zip(tmp_path):
    path = tmp_path / "bundle.zip"
    path.write_bytes(b"nothing")
    assert f"the secure_connect_bundle {path} cannot be used" in error_of(path, ConfigurationError)


def test_a_file_that_went_away(bundle):
    path = bundle()
    store = TaskStore(url_of(path))
    path.unlink()
    with pytest.raises(ConfigurationError, match=r"secure connect\.zip cannot be used"):
        store.count("list")


def test_a_file_that_was_never_there(tmp_path):
    with pytest.raises(ConfigurationError, match=r"there is no file .*bundle\.zip"):
        TaskStore(url_of(tmp_path / "bundle.zip"))


def test_a_service_that_is_away(bundle):
    assert "metadata service at https://127.0.0.1:1/metadata" in error_of(bundle(port=1), StoreUnavailable)


def test_a_service_of_another_authority(bundle, metadata):
    path = bundle(metadata({}), ca_crt=trustme.CA().cert_pem.bytes())
    assert "metadata service" in error_of(path, StoreUnavailable)


def test_an_answer_that_says_nothing(bundle, metadata):
    path = bundle(metadata({"version": 1}))
    assert f"the secure_connect_bundle {path} cannot be used: 'contact_info'" in error_of(path, ConfigurationError)
