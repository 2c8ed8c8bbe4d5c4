"""The clauses of `DataInterface`'s contract as tests, one subject a file; `BackendConformance` puts them together."""
