"""Composites: own task classes and an own store for every test."""

from tests.isolation import own_types, store

__all__ = ["own_types", "store"]
