"""Data sets: their folders, checks and warnings, and their contents as arrays and tensors."""
