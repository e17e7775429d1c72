"""Comparing groups of runs: statistics, verdict, offers."""
