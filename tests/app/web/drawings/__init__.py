"""Tests of `app.web.drawings`."""
