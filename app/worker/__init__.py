"""The worker: claims runs, and the slots that train them."""
