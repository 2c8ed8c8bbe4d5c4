"""Store URLs taken apart and put together again; a password is never shown."""

from __future__ import annotations

import pickle
from typing import Any
from urllib.parse import quote

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atleastonce import ConfigurationError, StoreURL
from atleastonce.urls import parse_url

from .kit import everything_said

PARTS: dict[str, StoreURL] = {
    "memory://": StoreURL(scheme="memory"),
    "memory://name": StoreURL(scheme="memory", hosts=(("name", None),)),
    "MEMORY://Name": StoreURL(scheme="memory", hosts=(("Name", None),)),
    "sqlite:///tasks.db": StoreURL(scheme="sqlite", path="tasks.db"),
    "sqlite:////var/tasks.db": StoreURL(scheme="sqlite", path="/var/tasks.db"),
    "sqlite:///with%20space%3F%23.db": StoreURL(scheme="sqlite", path="with space?#.db"),
    "sqlite:////home/a@b/x.db": StoreURL(scheme="sqlite", path="/home/a@b/x.db"),
    "sqlite:///C:/tasks.db": StoreURL(scheme="sqlite", path="C:/tasks.db"),
    "sqlite:///a.db?timeout=5&x=": StoreURL(scheme="sqlite", path="a.db", params={"timeout": "5", "x": ""}),
    "cassandra://h1,h2:9042/ks": StoreURL(scheme="cassandra", hosts=(("h1", None), ("h2", 9042)), path="ks"),
    "cassandra://[::1]:9042,[fe80::1%25eth0],h:1/ks": StoreURL(
        scheme="cassandra", hosts=(("::1", 9042), ("fe80::1%eth0", None), ("h", 1)), path="ks"
    ),
    "cassandra://h:65535": StoreURL(scheme="cassandra", hosts=(("h", 65_535),)),
    "cassandra://h:/ks": StoreURL(scheme="cassandra", hosts=(("h", None),), path="ks"),
    "cassandra://user@h/ks": StoreURL(scheme="cassandra", username="user", hosts=(("h", None),), path="ks"),
    "cassandra://user:@h": StoreURL(scheme="cassandra", username="user", password="", hosts=(("h", None),)),
    "cassandra://:pw@h": StoreURL(scheme="cassandra", username="", password="pw", hosts=(("h", None),)),
    "cassandra://u%40x:p%3A%2F%40%3F%23%25@h1,h2/ks?tls=true": StoreURL(
        scheme="cassandra",
        username="u@x",
        password="p:/@?#%",
        hosts=(("h1", None), ("h2", None)),
        path="ks",
        params={"tls": "true"},
    ),
    "cassandra://u:p@ss:word@h": StoreURL(scheme="cassandra", username="u", password="p@ss:word", hosts=(("h", None),)),
    "cassandra://h/ks?a=%26%3D%3F&b%20c=1+2&d=x=y": StoreURL(
        scheme="cassandra", hosts=(("h", None),), path="ks", params={"a": "&=?", "b c": "1+2", "d": "x=y"}
    ),
    "my.module:Attr://h/p": StoreURL(scheme="my.module:Attr", hosts=(("h", None),), path="p"),
}


@pytest.mark.parametrize(("text", "url"), PARTS.items(), ids=PARTS)
def test_taken_apart(text: str, url: StoreURL) -> None:
    assert parse_url(text) == url


@pytest.mark.parametrize(("text", "url"), PARTS.items(), ids=PARTS)
def test_put_together_again_without_the_password(text: str, url: StoreURL) -> None:
    assert parse_url(str(url)) == attrs.evolve(url, password=None)


def test_the_base_is_kept_apart() -> None:
    assert parse_url("sqlite:///a.db", base="/etc") == StoreURL(scheme="sqlite", path="a.db", base="/etc")


MALFORMED: dict[str, tuple[str, str]] = {
    "empty": ("", "without ://"),
    "no-scheme": ("://h", "looks like"),
    "path-only": ("/var/tasks.db", "looks like"),
    "one-slash": ("sqlite:/tasks.db", "looks like"),
    "scheme-space": ("sql ite:///x", "looks like"),
    "scheme-digit": ("1sqlite:///x", "looks like"),
    "scheme-two-colons": ("a:b:c://h", "looks like"),
    "scheme-newline": ("sqlite\n:///x", "looks like"),
    "host-empty": ("c://h1,,h2/ks", "empty host"),
    "host-trailing-comma": ("c://h1,/ks", "empty host"),
    "host-only-port": ("c://:9042/ks", "empty host"),
    "host-empty-brackets": ("c://[]:9042/ks", "empty host"),
    "ipv6-without-brackets": ("c://::1/ks", "empty host"),
    "ipv6-open": ("c://[::1/ks", "bracket"),
    "ipv6-then-text": ("c://[::1]9042/ks", "bracket"),
    "port-zero": ("c://h:0/ks", "port"),
    "port-too-big": ("c://h:65536/ks", "port"),
    "port-word": ("c://h:cql/ks", "port"),
    "port-negative": ("c://h:-1/ks", "port"),
    "port-superscript": ("c://h:²/ks", "port"),
    "port-arabic": ("c://h:\u0661/ks", "port"),
    "port-endless": ("c://h:" + "9" * 5_000, "port"),
    "port-second": ("c://h:1:2/ks", "port"),
    "param-no-value": ("c://h/ks?tls", "name=value"),
    "param-no-name": ("c://h/ks?=true", "name=value"),
    "param-empty": ("c://h/ks?a=1&&b=2", "name=value"),
    "param-trailing": ("c://h/ks?a=1&", "name=value"),
    "at-in-path": ("c://h/a@b", "%40"),
    "at-in-query": ("c://h/ks?a=x@y", "%40"),
    "param-twice": ("c://h/ks?a=1&b=2&a=3", "'a' is given twice"),
    "param-twice-encoded": ("c://h/ks?a=1&%61=3", "'a' is given twice"),
}


@pytest.mark.parametrize(("text", "message"), MALFORMED.values(), ids=MALFORMED)
def test_malformed(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_url(text)


SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "text",
    [
        f"cassandra://u:{SECRET}@h:port/ks",
        f"cassandra://u:{SECRET}@h:99999/ks",
        f"cassandra://u:{SECRET}@,h/ks",
        f"cassandra://u:{SECRET}@[::1/ks",
        f"cassandra://u:{SECRET}@h/ks?x",
        f"cassandra://u:{SECRET}@h/ks?x=1&x=2",
        f"cassandra:/u:{SECRET}@h/ks",
        f"cassandra:u:{SECRET}@h://x",
        f"cassandra:/u:{SECRET}@h/ks?proxy=http://p",
        f"cassandra://u:1/{SECRET}@h/ks",
        f"cassandra://u:1?{SECRET}@h/ks",
        f"cassandra://u:1?{SECRET}=x@h/ks",
        f"cassandra://u:1/2?{SECRET}=x@h/ks",
        f"cassandra://u:{SECRET}/x@h/ks",
    ],
)
def test_an_error_never_shows_the_password(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_url(text)
    said = everything_said(caught.value)
    assert SECRET not in said.replace(repr(text), "")


@pytest.mark.parametrize("password", [SECRET, f"{SECRET}/@:?#%&=", ""])
def test_a_url_never_shows_its_password(password: str) -> None:
    url = parse_url(f"cassandra://u:{quote(password, safe='')}@h/ks")
    assert url.password == password
    shown = (str(url), repr(url), f"{url}", f"{url!r}", repr([url]), repr({"url": url}))
    assert all(SECRET not in text for text in shown)
    assert str(url) == "cassandra://u@h/ks"


def test_params_are_parsed_by_name() -> None:
    url = parse_url("c://h/ks?n=5&s=a%20b")
    assert url.parse_params({"n": int, "s": str, "other": int}) == {"n": 5, "s": "a b"}
    assert parse_url("c://h").parse_params({"n": int}) == {}


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"n": int}, "c: unknown URL parameter 's'; known: n"),
        ({"s": str, "a": int}, "c: unknown URL parameter 'n'; known: a, s"),
        ({}, "unknown URL parameter 'n'; known: none"),
        ({"n": int, "s": int}, "c: URL parameter 's': invalid literal"),
    ],
)
def test_params_that_are_unknown_or_do_not_parse(known: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_url("c://h/ks?n=5&s=x").parse_params(known)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
HOSTS = st.lists(st.tuples(TEXT.filter(bool) | st.just("::1"), st.none() | st.integers(1, 65_535)), max_size=3).map(
    tuple
)
URLS = st.builds(
    StoreURL,
    scheme=st.sampled_from(["memory", "sqlite", "a.b:C"]),
    username=st.none() | TEXT,
    hosts=HOSTS,
    path=TEXT,
    params=st.dictionaries(TEXT.filter(bool), TEXT, max_size=3),
)


@given(URLS)
def test_str_and_parse_are_inverse(url: StoreURL) -> None:
    assert parse_url(str(url)) == url
    assert pickle.loads(pickle.dumps(url)) == url


@given(TEXT, TEXT)
def test_a_password_survives_its_encoding(username: str, password: str) -> None:
    url = parse_url(f"c://{quote(username, safe='')}:{quote(password, safe='')}@h/ks")
    assert (url.username, url.password) == (username, password)


@given(st.text() | st.text(alphabet=":/@?&=,[]%#h1").map("c://".__add__))
def test_any_text_is_a_url_or_a_configuration_error(text: str) -> None:
    try:
        url = parse_url(text)
    except ConfigurationError:
        return
    assert isinstance(url, StoreURL)
    assert isinstance(str(url), str)
