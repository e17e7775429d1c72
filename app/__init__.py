"""Depthboard: the web process, the workers and the command."""

__version__ = "0.1.0"
