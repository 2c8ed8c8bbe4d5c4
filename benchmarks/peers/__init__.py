"""Other libraries: how each keeps one unit of work, set to our durability. One file a library, which imports it."""
