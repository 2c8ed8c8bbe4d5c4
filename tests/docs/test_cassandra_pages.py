"""The pages on Cassandra say what the code does."""

from __future__ import annotations

import inspect
import re
from typing import Any

from atleastonce.urls import parse_url
from atleastonce_cassandra import Options
from atleastonce_cassandra.options import options_of
from atleastonce_cassandra.schema import Schema

from .documents import ROOT


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


class NoServer:
    """What `Schema` asks a session for, of a server on which nothing is."""

    def __init__(self) -> None:
        self.cluster = self.metadata = self

    def all_hosts(self) -> list[Any]:
        return []

    load_balancing_policy = None

    def execution_profile_clone_update(self, *arguments: Any, **changes: Any) -> NoServer:
        return self

    def get_pool_state(self) -> dict[Any, Any]:
        return {}

    def execute(self, statement: Any, *arguments: Any, **options: Any) -> list[Any]:
        return [("5.0.8",)] if "release_version" in str(statement) else []


def test_the_statements_of_setup() -> None:
    """As somebody copies them, with line breaks where they are pleasant."""
    options = options_of(parse_url("cassandra://h/photos?replication_factor=1"))
    statements = Schema(NoServer(), options).setup(dry_run=True)
    (block,) = re.findall(r"```text\n(.*?)```", page("cassandra-schema.md"), re.DOTALL)
    shown = [" ".join(statement.split()) for statement in block.split(";") if statement.strip()]
    assert [re.sub(r"\(\s|\s\)", lambda found: found[0].strip(), it) for it in shown] == statements


def test_every_parameter_of_the_url_is_under_configuration() -> None:
    section = page("configuration.md").partition("### cassandra\n")[2].partition("\n### ")[0]
    documented = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    source = inspect.getsource(options_of)
    assert documented == set(re.findall(r'^        "(\w+)": _\w+,$', source, re.MULTILINE))


def test_the_defaults_under_configuration() -> None:
    section = page("configuration.md").partition("### cassandra\n")[2].partition("\n### ")[0]
    defaults = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE))
    options = Options(keyspace="k")
    assert float(defaults["timeout"]) == options.timeout
    assert int(defaults["max_data_bytes"]) == options.max_data_bytes
    assert defaults["table"] == f"`{options.table}`"
