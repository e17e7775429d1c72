"""The queue: states of a run, claims, limits, who is alive."""
