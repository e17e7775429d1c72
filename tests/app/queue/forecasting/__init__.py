"""Tests of `app.queue.forecasting`."""
