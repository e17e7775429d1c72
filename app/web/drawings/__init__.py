"""Charts as SVG, for browsers without JavaScript."""
