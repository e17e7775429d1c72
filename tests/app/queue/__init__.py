"""Tests of `app.queue`."""
