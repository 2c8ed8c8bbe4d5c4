"""Text that need not be UTF-8: what is stored as other bytes is read, and found again, by ``surrogateescape``.

SQLite checks no encoding: ``CAST(? AS TEXT)`` takes text as bytes, whatever they are.
"""

from __future__ import annotations


def encode(text: str) -> bytes:
    """The bytes as stored."""
    return text.encode("utf-8", "surrogateescape")


def decode(stored: bytes) -> str:
    """The text for stored bytes, whatever they are."""
    return stored.decode("utf-8", "surrogateescape")


def after(key: bytes) -> bytes:
    """The first key that comes after this one."""
    return key + b"\0"
