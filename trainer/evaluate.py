"""How well a network does on a whole split."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

BATCH_IMAGES: Final = 2_000


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy in nats and the fraction of images read rightly."""

    loss: float
    accuracy: float


def evaluate(model: nn.Module, images: Tensor, labels: Tensor) -> Evaluation:
    """Loss and accuracy over all of `images`, `uint8` (n, 784), whose classes are `labels` (n,)."""
    logits = predict(model, images)
    correct = (logits.argmax(dim=1) == labels).sum()
    return Evaluation(loss=cross_entropy(logits, labels).item(), accuracy=correct.item() / len(labels))


@torch.inference_mode()
def predict(model: nn.Module, images: Tensor) -> Tensor:
    """Logits (n, 10) of `images`, `uint8` (n, 784)."""
    model.eval()
    return torch.cat([model(batch.float().div_(255)) for batch in torch.split(images, BATCH_IMAGES)])
