"""What a ``cassandra://`` URL may say. No server is asked."""

from __future__ import annotations

import logging
import pickle
import traceback

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT

from atleastonce import ConfigurationError, StoreError, TaskStore
from atleastonce.urls import parse_url
from atleastonce_cassandra import CassandraStore, Options
from atleastonce_cassandra.link import _cluster
from atleastonce_cassandra.options import PASSWORD_VARIABLE, USERNAME_VARIABLE, options_of

SECRET = "pass/word?&=%:@secret"
QUOTED = "pass%2Fword%3F%26%3D%25%3A%40secret"


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch):
    """None in the environment."""
    monkeypatch.delenv(USERNAME_VARIABLE, raising=False)
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)


@pytest.fixture
def file(tmp_path):
    """A file that is there; what is in it is the driver's business."""
    path = tmp_path / "a file.pem"
    path.write_text("", "utf-8")
    return path


def options(text):
    return options_of(parse_url(text))


def refused(text):
    """The message of the error; the same whichever way a store is made."""
    with pytest.raises(ConfigurationError) as caught:
        TaskStore(text)
    return str(caught.value)


def test_the_defaults():
    assert options("cassandra://host/keyspace") == Options(
        keyspace="keyspace",
        hosts=(("host", 9042),),
        table="tasks",
        consistency=ConsistencyLevel.LOCAL_QUORUM,
        timeout=10.0,
        tls=False,
        compression=True,
        speculative=None,
        single_dc_user_ids=False,
        max_data_bytes=65_536,
    )


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("h1,h2,h3", [("h1", 9042), ("h2", 9042), ("h3", 9042)]),
        ("h1:19042", [("h1", 19042)]),
        ("h1:1,h2:2", [("h1", 1), ("h2", 2)]),
        ("h1,h2:19042", [("h1", 19042), ("h2", 19042)]),  # one port is meant for all: servers agree on it
        ("h1:19042,h2", [("h1", 19042), ("h2", 19042)]),
        ("[::1]:19042,[fe80::2]:19042", [("::1", 19042), ("fe80::2", 19042)]),
        ("10.0.0.1,[::1]", [("10.0.0.1", 9042), ("::1", 9042)]),
        ("h1:1,h2:2,h3", [("h1", 1), ("h2", 2), ("h3", 9042)]),
    ],
)
def test_hosts_and_ports(hosts, expected):
    assert list(options(f"cassandra://{hosts}/k").hosts) == expected


@pytest.mark.parametrize(
    ("parameter", "attribute", "value"),
    [
        ("local_dc=dc1", "local_dc", "dc1"),
        ("local_dc=data%20centre", "local_dc", "data centre"),
        ("table=photos", "table", "photos"),
        (f"table={'t' * 38}", "table", "t" * 38),
        ("consistency=ONE", "consistency", ConsistencyLevel.ONE),
        ("consistency=local_one", "consistency", ConsistencyLevel.LOCAL_ONE),
        ("consistency=TWO", "consistency", ConsistencyLevel.TWO),
        ("consistency=THREE", "consistency", ConsistencyLevel.THREE),
        ("consistency=QUORUM", "consistency", ConsistencyLevel.QUORUM),
        ("consistency=EACH_QUORUM", "consistency", ConsistencyLevel.EACH_QUORUM),
        ("consistency=ALL", "consistency", ConsistencyLevel.ALL),
        ("replication_factor=1", "replication", {"": 1}),
        ("replication=dc1:3", "replication", {"dc1": 3}),
        ("replication=dc1:3,dc2:2", "replication", {"dc1": 3, "dc2": 2}),
        ("timeout=0.5", "timeout", 0.5),
        ("tls=true", "tls", True),
        ("tls=false", "tls", False),
        ("compression=false", "compression", False),
        ("speculative=0.05", "speculative", 0.05),
        ("user_ids=single_dc", "single_dc_user_ids", True),
        ("user_ids=any_dc", "single_dc_user_ids", False),
        ("max_data_bytes=1048576", "max_data_bytes", 1_048_576),
        ("max_data_bytes=1", "max_data_bytes", 1),
    ],
)
def test_a_parameter(parameter, attribute, value):
    assert getattr(options(f"cassandra://h/k?{parameter}"), attribute) == value


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("local_dc=", "'local_dc': must not be empty"),
        ("table=", "'table': must not be empty"),
        ("table=Tasks", "a table is named by a small letter"),
        ("table=1tasks", "a table is named by a small letter"),
        ("table=t;drop", "a table is named by a small letter"),
        ("table=tasks%0A", "a table is named by a small letter"),
        (f"table={'t' * 39}", "a table is named by a small letter"),
        ("consistency=ANY", "must be one of ONE, "),
        ("consistency=SERIAL", "must be one of ONE, "),
        ("consistency=6", "must be one of ONE, "),
        ("replication_factor=0", "must be a positive number"),
        ("replication_factor=-1", "must be a positive number"),
        ("replication_factor=dc1:3", "must be a positive number"),
        ("replication_factor=%C2%B2", "must be a positive number"),
        ("replication=3", "must look like dc1:3,dc2:3"),
        ("replication=dc1:3,", "must look like dc1:3,dc2:3"),
        ("replication=:3", "must look like dc1:3,dc2:3"),
        ("replication=dc1:3,dc1:2", "must look like dc1:3,dc2:3"),
        ("replication=dc1:0", "must be a positive number"),
        ("replication=d'c:1", "must look like dc1:3,dc2:3"),
        ("replication=dc1:3&replication_factor=3", "exclude each other"),
        ("timeout=0", "must be a positive number of seconds"),
        ("timeout=-1", "must be a positive number of seconds"),
        ("timeout=inf", "must be a positive number of seconds"),
        ("timeout=nan", "must be a positive number of seconds"),
        ("timeout=soon", "must be a positive number of seconds"),
        ("speculative=0", "must be a positive number of seconds"),
        ("tls=yes", "must be true or false"),
        ("tls=", "must be true or false"),
        ("compression=lz4", "must be true or false"),
        ("user_ids=one_dc", "must be any_dc (the default) or single_dc"),
        ("max_data_bytes=0", "must be a positive number"),
        ("max_data_bytes=1048577", "must be at most 1048576"),
        ("max_data_bytes=1e3", "must be a positive number"),
        ("tls_ca=/no/such/file.pem", "there is no file /no/such/file.pem"),
        ("tls_cert=/no/such/file.pem", "there is no file"),
        ("tls_key=/no/such/file.pem", "there is no file"),
        ("secure_connect_bundle=/no/such/bundle.zip", "there is no file"),
        ("consistancy=ONE", "unknown URL parameter 'consistancy'; known: compression, consistency, "),
        ("password=x", "unknown URL parameter 'password'"),
        ("timeout=1&timeout=2", "given twice"),
    ],
)
def test_a_bad_parameter(parameter, message):
    assert message in refused(f"cassandra://h/k?{parameter}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cassandra://h", "names no keyspace"),
        ("cassandra://h/", "names no keyspace"),
        ("cassandra://h/two/parts", "names no keyspace"),
        ("cassandra://h/1k", "names no keyspace"),
        ("cassandra://h/k%22", "names no keyspace"),
        ("cassandra://h/k%0A", "names no keyspace"),
        (f"cassandra://h/{'k' * 49}", "names no keyspace"),
        ("cassandra:///k", "names no host"),
        ("cassandra://user:pw@/k", "names no host"),
        ("cassandra://h:0/k", "a port is a number"),
        ("cassandra://h:65536/k", "a port is a number"),
        ("cassandra://h1,,h2/k", "an empty host name"),
        ("cassandra://[::1/k", "not closed by a bracket"),
    ],
)
def test_a_bad_url(text, message):
    assert message in refused(text)


def test_files_of_tls(file):
    quoted = str(file).replace(" ", "%20")
    read = options(f"cassandra://h/k?tls_ca={quoted}&tls_cert={quoted}&tls_key={quoted}")
    assert (read.tls, read.tls_ca, read.tls_cert, read.tls_key) == (True, str(file), str(file), str(file))


@pytest.mark.parametrize("alone", ["tls_cert", "tls_key"])
def test_a_certificate_without_its_key(file, alone):
    assert "tls_cert and tls_key go together" in refused(f"cassandra://h/k?{alone}={file}")


@pytest.mark.parametrize("name", ["tls_ca", "tls_cert"])
def test_certificates_that_tls_false_would_ignore(file, name):
    text = f"cassandra://h/k?tls=false&{name}={file}&tls_key={file}"
    assert "tls=false, but certificates are given" in refused(text)


def test_a_file_that_is_no_certificate(file):
    """Found when a session is opened: the file may be renewed while the process runs."""
    store = CassandraStore(Options(keyspace="k", hosts=(("127.0.0.1", 1),), tls=True, tls_ca=str(file)))
    with pytest.raises(ConfigurationError, match="the certificates cannot be used"):
        store.find("list", "1")


def test_a_bundle_says_where_the_servers_are(file):
    read = options(f"cassandra:///k?secure_connect_bundle={file}")
    assert (read.hosts, read.secure_connect_bundle) == ((), str(file))
    assert "name no host beside it" in refused(f"cassandra://h/k?secure_connect_bundle={file}")


def test_a_bundle_that_is_none(file):
    store = TaskStore(f"cassandra://token:secret@/k?secure_connect_bundle={file}")
    with pytest.raises(ConfigurationError, match="secure_connect_bundle"):
        store.count("list")


def test_a_store_needs_somewhere_to_go():
    with pytest.raises(ConfigurationError, match="needs hosts, a secure_connect_bundle or a session"):
        CassandraStore(Options(keyspace="k"))


class TestCredentials:
    """From the URL, else from the environment, a part from each if need be."""

    @pytest.mark.parametrize(
        ("userinfo", "environment", "expected"),
        [
            ("", {}, (None, None)),
            (f"me:{QUOTED}@", {}, ("me", SECRET)),
            ("", {USERNAME_VARIABLE: "me", PASSWORD_VARIABLE: SECRET}, ("me", SECRET)),
            ("me@", {PASSWORD_VARIABLE: SECRET}, ("me", SECRET)),
            ("me:pw@", {USERNAME_VARIABLE: "other", PASSWORD_VARIABLE: SECRET}, ("me", "pw")),
            ("me:@", {}, ("me", "")),
        ],
    )
    def test_where_they_come_from(self, monkeypatch, userinfo, environment, expected):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        read = options(f"cassandra://{userinfo}h/k")
        assert (read.username, read.password) == expected

    @pytest.mark.parametrize(
        ("userinfo", "environment"),
        [("me@", {}), ("", {USERNAME_VARIABLE: "me"}), ("", {PASSWORD_VARIABLE: SECRET})],
    )
    def test_one_without_the_other(self, monkeypatch, userinfo, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        message = refused(f"cassandra://{userinfo}h/k")
        assert f"in the URL or in {USERNAME_VARIABLE} and {PASSWORD_VARIABLE}" in message
        assert SECRET not in message

    def test_nothing_shows_the_password(self, caplog):
        caplog.set_level(logging.DEBUG)
        url = parse_url(f"cassandra://me:{QUOTED}@127.0.0.1:1/k")
        backend = CassandraStore.from_url(url)
        store = TaskStore(f"cassandra://me:{QUOTED}@127.0.0.1:1/k")
        shown = [repr(options_of(url)), repr(backend), repr(store), str(store), repr(store.capabilities)]
        shown += [repr(url), str(url), repr(pickle.dumps(store))]
        with pytest.raises(StoreError) as caught:  # nobody listens on that port
            store.find("list", "1")
        shown += ["".join(traceback.format_exception(caught.value)), caplog.text]
        for text in shown:
            assert SECRET not in text
            assert QUOTED not in text
            assert "secret" not in text

    @pytest.mark.parametrize("rest", ["", "k?timeout=soon", "k?x=1", "1k", "k?consistency=ANY", "k?table=T"])
    def test_no_complaint_quotes_the_password(self, rest):
        with pytest.raises(ConfigurationError) as caught:
            TaskStore(f"cassandra://me:{QUOTED}@h/{rest}")
        assert "secret" not in "".join(traceback.format_exception(caught.value))

    def test_the_driver_gets_them(self):
        cluster = _cluster(options(f"cassandra://me:{QUOTED}@127.0.0.1/k?local_dc=dc1"), 5)
        assert (cluster.auth_provider.username, cluster.auth_provider.password) == ("me", SECRET)
        assert "secret" not in repr(cluster.auth_provider)
        cluster.shutdown()


def test_what_the_driver_is_told():
    cluster = _cluster(options("cassandra://127.0.0.1,[::1]:19042/k?local_dc=dc1&timeout=3&compression=false"), 4)
    assert cluster.protocol_version == 4
    assert [point.address for point in cluster.endpoints_resolved] == ["127.0.0.1", "::1"]
    assert {point.port for point in cluster.endpoints_resolved} == {19042}
    assert cluster.compression is False
    profile = cluster.profile_manager.profiles[EXEC_PROFILE_DEFAULT]
    assert profile.request_timeout == 3.0
    assert profile.consistency_level == ConsistencyLevel.LOCAL_QUORUM
    assert profile.load_balancing_policy._child_policy.local_dc == "dc1"
    cluster.shutdown()


def test_the_url_for_other_processes_has_all_but_the_password():
    store = TaskStore(f"cassandra://me:{QUOTED}@h1,h2:9043/k?local_dc=dc1&table=photos")
    assert store.capabilities.url == "cassandra://me@h1,h2:9043/k?local_dc=dc1&table=photos"
