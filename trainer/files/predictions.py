"""The predictions of a network for the test set, in about 30 KB. Can be read without PyTorch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.files import tensor_file


@dataclass(frozen=True, eq=False)
class Predictions:
    """The predicted class of each image and its softmax probability, in the order of the test set."""

    classes: NDArray[np.uint8]
    confidence: NDArray[np.float16]


def from_logits(logits: NDArray[np.float32]) -> Predictions:
    """Predictions from logits (n, 10)."""
    classes = logits.argmax(axis=1).astype(np.uint8)
    lead = logits - logits.max(axis=1, keepdims=True)  # keeps the exponentials from overflowing
    confidence = 1 / np.exp(lead, dtype=np.float64).sum(axis=1)
    return Predictions(classes, confidence.astype(np.float16))


def save(path: Path, predictions: Predictions, base: Path | None = None) -> None:
    """Write predictions as `durable.write` does. Raises `durable.NotWritten`."""
    arrays: tensor_file.Arrays = {"classes": predictions.classes, "confidence": predictions.confidence}
    tensor_file.write(path, arrays, {"images": len(predictions.classes)}, base)


def load(path: Path) -> Predictions:
    """Read predictions that `save` wrote. Raises `TensorFileError` if the file is unreadable or damaged."""
    arrays, _ = tensor_file.read(path)
    return Predictions(arrays["classes"], arrays["confidence"])
