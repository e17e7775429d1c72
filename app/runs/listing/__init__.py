"""Queries of the list of runs: fields, values, the search syntax, their SQL, and groups."""
