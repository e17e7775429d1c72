"""Tests of `app.compare.images`."""
