"""Tests of `app.schemas`."""
