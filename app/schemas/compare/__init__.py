"""Bodies of responses about comparisons."""
