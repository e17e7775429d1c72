"""Training: the network, one update, an epoch, the whole run, and its evaluation."""
