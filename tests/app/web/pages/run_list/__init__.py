"""Tests of `app.web.pages.run_list`."""
