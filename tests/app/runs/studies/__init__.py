"""Tests of `app.runs.studies`."""
