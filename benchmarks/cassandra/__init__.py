"""How fast the Cassandra backend is beside the raw driver, on one server in one run: ``nox -s bench_cassandra``. See README.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..result import Result
from ..settings import Settings
from . import batch, claims, flat, lists, reading, ruby, single, threads

CASES: dict[str, Callable[[Settings], Iterator[Result]]] = {
    "single": single.results,
    "batch": batch.results,
    "reading": reading.results,
    "threads": threads.results,
    "flat": flat.results,
    "ruby": ruby.results,
    "lists": lists.results,
    "claims": claims.results,
}
