"""Tests of `app.web.pages`."""
