"""The page of all runs: its list, its filters and its saved views."""
