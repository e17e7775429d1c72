"""Comparing runs image by image."""
