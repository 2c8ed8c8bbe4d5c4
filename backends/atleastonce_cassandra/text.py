"""Text as it is stored: bytes that need not be UTF-8, and are kept by ``surrogateescape``.

The server lets bytes pass as text that Python's driver cannot decode (surrogates, an overlong NUL), and the driver then drops the
connection. So text is written and read as bytes, and decoded here.
"""

from __future__ import annotations


def encode(text: str) -> bytes:
    """The bytes as stored."""
    return text.encode("utf-8", "surrogateescape")


def decode(stored: bytes) -> str:
    """The text for stored bytes, whatever they are."""
    return stored.decode("utf-8", "surrogateescape")


def is_utf8(stored: bytes) -> bool:
    """Whether the bytes are UTF-8 as everybody understands it."""
    try:
        stored.decode()
    except UnicodeDecodeError:
        return False
    return True
