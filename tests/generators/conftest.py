"""Generators: an own store for every test."""

from tests.isolation import store

__all__ = ["store"]
