"""Measurements of the server and the queue: for Prometheus, and for the page System."""
