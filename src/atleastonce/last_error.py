"""The text that is kept of a failed attempt: what was raised, and where. Never logged, since it may hold a task's data."""

from __future__ import annotations

from types import TracebackType

MAX_CHARS = 4_000
"""Of `TaskRecord.last_error`: a screen of text, and small beside the data."""

MAX_MESSAGE_CHARS = 3_000
"""Leaves room for the frames."""

MAX_FRAMES = 5
"""The last ones: where it was raised, and how that was reached."""

_OURS = __file__.removesuffix("last_error.py")


def error_text(error: BaseException, max_chars: int) -> str:
    """``Type: message``, capped; never raises, whatever the error's own ``__str__`` does."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - somebody's __str__
        text = type(error).__name__
    return capped(text, max_chars)


def last_error_of(error: BaseException | str) -> str:
    """What is stored of an error: ``Type: message``, then the last frames outside this library; of a text, that text."""
    if isinstance(error, str):
        return capped(storable(error[: MAX_CHARS + 1]), MAX_CHARS)
    lines = [error_text(error, MAX_MESSAGE_CHARS), *_frames(error.__traceback__)]
    return capped(storable("\n".join(lines)), MAX_CHARS)


def capped(text: str, max_chars: int) -> str:
    """The text, its end cut off and marked where it is longer than that."""
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def storable(text: str) -> str:
    """The text without what some storage cannot hold: lone surrogates and NUL are escaped."""
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _frames(traceback: TracebackType | None) -> list[str]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not code.co_filename.startswith(_OURS):
            frames.append(f"  {code.co_filename}:{traceback.tb_lineno} in {code.co_qualname}")
        traceback = traceback.tb_next
    return frames[-MAX_FRAMES:]
