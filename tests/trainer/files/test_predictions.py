"""Predictions: what they say of the logits, and what is kept of them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from trainer.files import predictions
from trainer.files.raw_tensors import TensorFileError


def logits_of(images: int) -> torch.Tensor:
    return torch.randn(images, 10, generator=torch.Generator().manual_seed(0)) * 5


def test_classes_and_confidences_are_those_of_the_softmax() -> None:
    logits = logits_of(500)
    predicted = predictions.from_logits(logits.numpy())
    confidence, classes = logits.softmax(dim=1).max(dim=1)
    assert np.array_equal(predicted.classes, classes.numpy())
    np.testing.assert_allclose(predicted.confidence, confidence.numpy(), atol=1e-3)


def test_logits_of_any_size_have_a_confidence() -> None:
    assert predictions.from_logits(np.full((1, 10), 1e30, np.float32)).confidence[0] == np.float16(0.1)


def test_predictions_are_saved_to_a_small_file_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "predictions.safetensors"
    made = predictions.from_logits(logits_of(10_000).numpy())
    predictions.save(path, made)
    assert path.stat().st_size < 31_000
    loaded = predictions.load(path)
    assert np.array_equal(loaded.classes, made.classes)
    assert np.array_equal(loaded.confidence, made.confidence)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TensorFileError, match="is damaged"):
        predictions.load(path)
