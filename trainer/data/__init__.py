"""Data sets: where they lie, what is wrong with them, and their contents as arrays and tensors."""
