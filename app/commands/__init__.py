"""What the `depthboard` command needs besides the parts it starts."""
