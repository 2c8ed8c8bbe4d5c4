"""The two tasks that everything is measured with, and their data as JSON bytes."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from atleastonce import Task

TASK_LIST = "bench"


class Small(Task, tag="bench-small"):
    """Three fields, about 60 bytes of JSON."""

    item_id: str
    size: int
    force: bool = False

    def execute(self) -> None:
        """Nothing, so that only the way there is measured."""


class Typical(Task, tag="bench-typical"):
    """Twenty fields, about 1 KB of JSON."""

    order_id: str
    customer_id: str
    email: str
    name: str
    street: str
    city: str
    country: str
    currency: str
    note: str
    body: str
    items: int
    retries: int
    warehouse: int
    amount_cents: int
    weight_kg: float
    discount: float
    express: bool
    gift: bool
    ordered_at: datetime
    labels: list[str]

    def execute(self) -> None:
        """Nothing, so that only the way there is measured."""


def small(number: int, **key: str) -> Small:
    """A small task, its id drawn unless given."""
    return Small(**{"task_list": TASK_LIST, **key}, item_id=f"item-{number:09d}", size=number)


def typical(number: int, **key: str) -> Typical:
    """A typical task, its id drawn unless given."""
    return Typical(
        **{"task_list": TASK_LIST, **key},
        order_id=f"order-{number:09d}",
        customer_id=f"customer-{number % 10_007:06d}",
        email=f"someone.{number % 10_007}@mail.example.org",
        name="Ada Example-Lovelace",
        street="12 Long Street, Second Courtyard, Third Floor",
        city="Zürich",
        country="CH",
        currency="CHF",
        note="Leave it with the neighbour if nobody answers the door.",
        body="Your parcel has left our warehouse and is on its way to you. " * 6,
        items=number % 17,
        retries=3,
        warehouse=42,
        amount_cents=129_900 + number,
        weight_kg=3.75,
        discount=0.125,
        express=True,
        gift=False,
        ordered_at=datetime(2025, 3, 14, 15, 9, 26, 535_897, tzinfo=UTC),
        labels=["fragile", "this side up", "insured", "signature", "no drone"],
    )


MAKERS = {"small": small, "typical": typical}
"""Name of the payload -> what makes a task of it."""


def json_bytes(task: Task) -> bytes:
    """The task's data as the library stores it."""
    return orjson.dumps(task.data)
