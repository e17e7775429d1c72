"""What can be asked of runs and studies, and done to many of them."""
