"""Every example of the documentation and of the docstrings works."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import atleastonce
from atleastonce.defaults import using
from atleastonce.registry import registry
from atleastonce.testing.cassandra import CassandraServer

from . import documents

SERVER = re.compile(r"cassandra://127\.0\.0\.1/\w+(?:\?([^\s\"'`]*))?")
"""The store of the pages on Cassandra: the tests put their own server and keyspace in its place."""

EXISTING = [page for page in documents.pages() if page.exists()]
SERVER_PAGES = [page for page in EXISTING if SERVER.search(page.read_text("utf-8"))]
PAGES = [page for page in EXISTING if page not in SERVER_PAGES]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and docstrings work in a folder of their own, with nothing configured."""
    monkeypatch.chdir(tmp_path)
    for name in ("ATLEASTONCE_URL", "ATLEASTONCE_REQUIRE_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page(page: Path) -> None:
    """Run the page."""
    for reason in documents.run(page):
        print("not run:", reason)  # noqa: T201 - shown with -rA


@pytest.mark.parametrize("page", SERVER_PAGES, ids=lambda page: page.name)
def test_page_with_a_server(
    page: Path, tmp_path: Path, cassandra_server: CassandraServer, cassandra_keyspace: str
) -> None:
    """Run the page on a real Cassandra."""

    def url(shown: re.Match[str]) -> str:
        params = dict(part.split("=") for part in (shown[1] or "").split("&") if part)
        return cassandra_server.url(
            cassandra_keyspace, **{"timeout": 60, **params, "local_dc": cassandra_server.local_dc}
        )

    copy = tmp_path / page.name
    copy.write_text(SERVER.sub(url, page.read_text("utf-8")), "utf-8")
    for reason in documents.run(copy):
        print("not run:", reason)  # noqa: T201 - shown with -rA


def docstring_examples() -> Iterator[tuple[str, str]]:
    """The code after ``::`` in docstrings of ours; drawings, which do not parse, are left out."""
    names = [module.name for module in pkgutil.walk_packages(atleastonce.__path__, "atleastonce.")]
    for name in ["atleastonce", *names]:
        module = importlib.import_module(name)
        owned = [it for it in vars(module).values() if getattr(it, "__module__", None) == name and inspect.isclass(it)]
        functions = [it for it in vars(module).values() if inspect.isfunction(it) and it.__module__ == name]
        for thing in [module, *owned, *functions]:
            for block in re.findall(r"::\n\n((?:(?: {4}.*)?\n)+)", (inspect.getdoc(thing) or "") + "\n"):
                code = textwrap.dedent(block)
                try:
                    ast.parse(code)
                except SyntaxError:
                    continue
                yield f"{name}.{getattr(thing, '__qualname__', '')}", code


@pytest.mark.parametrize(("place", "code"), [pytest.param(*it, id=it[0]) for it in docstring_examples()])
def test_docstring(place: str, code: str) -> None:
    """Run the example with all that the package exports."""
    namespace = {"pytest": pytest, **{name: getattr(atleastonce, name) for name in atleastonce.__all__}}
    if "BackendConformance" in code:
        from atleastonce.testing import BackendConformance

        namespace["BackendConformance"] = BackendConformance
    with registry.isolated(), using("memory://"):
        exec(compile(code, place, "exec"), namespace)
