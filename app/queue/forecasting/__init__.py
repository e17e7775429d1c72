"""Forecasts of when runs start and end, from past runs and the order of the queue."""
