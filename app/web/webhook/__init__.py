"""Messages to a webhook that the operator names."""
