"""Tests of `trainer.data.loading`."""
