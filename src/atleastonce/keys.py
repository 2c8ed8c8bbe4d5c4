"""The rules for task lists, ids and type tags."""

from __future__ import annotations

from .exceptions import InvalidTask

MAX_KEY_BYTES = 1_024
MAX_TAG_BYTES = 255


def check_task_list(value: object) -> None:
    """Raise `InvalidTask` unless `value` may name a task list."""
    _check(value, "task_list", MAX_KEY_BYTES)


def check_id(value: object) -> None:
    """Raise `InvalidTask` unless `value` may be a task's id."""
    _check(value, "id", MAX_KEY_BYTES)


def check_type(value: object) -> None:
    """Raise `InvalidTask` unless `value` may be a type tag as stored, its ``@version`` included."""
    _check(value, "type", MAX_TAG_BYTES)


def _check(value: object, what: str, max_bytes: int) -> None:
    if type(value) is not str:
        raise InvalidTask(f"{what} must be a str, not {type(value).__name__}")
    if not value:
        raise InvalidTask(f"{what} must not be empty")
    if "\0" in value:
        raise InvalidTask(f"{what} must not hold a NUL character")
    try:
        length = len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError:
        raise InvalidTask(f"{what} holds a lone surrogate, which UTF-8 cannot hold") from None
    if length > max_bytes:
        raise InvalidTask(f"{what} is {length:,} bytes of UTF-8 long; at most {max_bytes:,} are allowed")
