"""The web process: what pages and routes share."""
