"""Tests of `app.web.webhook`."""
