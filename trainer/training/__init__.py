"""Training: the network, one update, an epoch, the whole run, and how well it does."""
