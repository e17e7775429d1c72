"""Statistical inference: intervals of differences, and what they show."""
