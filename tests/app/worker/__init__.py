"""Tests of `app.worker`."""
