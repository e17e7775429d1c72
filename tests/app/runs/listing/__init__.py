"""Tests of `app.runs.listing`."""
