"""Files of a run, written completely or not at all."""
