"""Tests of `app.storage`."""
