"""How fast the library is beside raw `sqlite3` and beside others: ``nox -s bench``. See README.md."""
