"""Tests of `app.web.monitoring`."""
