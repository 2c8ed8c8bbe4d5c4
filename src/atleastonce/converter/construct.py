"""Calling a constructor with values that were read."""

from __future__ import annotations

from typing import Any

from ..exceptions import InvalidTask


def call_checked(cls: type, arguments: dict[str, Any]) -> Any:
    """``cls(**arguments)``, whatever its validators and converters raise as `InvalidTask`, without their message."""
    try:
        return cls(**arguments)
    except InvalidTask:
        raise
    except Exception as error:  # noqa: BLE001 - a validator or converter of the class: any error of its own, which may quote values
        raise InvalidTask(f"{cls.__name__} refused its fields with {type(error).__name__}") from None
