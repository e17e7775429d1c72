"""The databases that a test runs on, where it does not run on SQLite alone."""

import pytest

BOTH = ("sqlite", "postgresql")
on_both = pytest.mark.parametrize("backend", BOTH, indirect=True)
"""For a test whose SQL, locks or order could differ on PostgreSQL, in a module without `BACKENDS`."""
