"""What a network said of every image of the test set, in about 30 KB. Needs no PyTorch to be read."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.files import tensor_file


@dataclass(frozen=True, eq=False)
class Predictions:
    """For each image, in the order of the set: the predicted class, and its softmax probability."""

    classes: NDArray[np.uint8]
    confidence: NDArray[np.float16]


def from_logits(logits: NDArray[np.float32]) -> Predictions:
    """The predictions of logits (n, 10)."""
    classes = logits.argmax(axis=1).astype(np.uint8)
    lead = logits - logits.max(axis=1, keepdims=True)  # so that no exponential overflows
    confidence = 1 / np.exp(lead, dtype=np.float64).sum(axis=1)
    return Predictions(classes, confidence.astype(np.float16))


def save(path: Path, predictions: Predictions) -> None:
    """Write them. Raises `durable.NotWritten`."""
    arrays: tensor_file.Arrays = {"classes": predictions.classes, "confidence": predictions.confidence}
    tensor_file.write(path, arrays, {"images": len(predictions.classes)})


def load(path: Path) -> Predictions:
    """Read what `save` has written. Raises `TensorFileError` if it can't be read or is damaged."""
    arrays, _ = tensor_file.read(path)
    return Predictions(arrays["classes"], arrays["confidence"])
