"""The memory backend of atleastonce: ``memory://`` and ``memory://name``."""

from __future__ import annotations

from .store import MemoryStore

__all__ = ["MemoryStore"]
