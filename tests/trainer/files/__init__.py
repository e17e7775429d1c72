"""Tests of `trainer.files`."""
