"""Tasks out to plain JSON and in again: strict, with a permanent wire form for every type."""
