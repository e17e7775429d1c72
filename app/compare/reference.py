"""The published results."""

from collections.abc import Sequence
from typing import Final

from app.schemas.compare.comparison import ReferenceRow
from app.schemas.runs import RunOut

SOURCE: Final = "“MNIST with Neural Net”, Haribo, 2021-04-10: 200 epochs, one run per depth, no seed given"

PUBLISHED_DATASET: Final = "mnist"
PUBLISHED_EPOCHS: Final = 200

PUBLISHED: Final = [
    ReferenceRow(depth=1, train_accuracy=0.9222, test_accuracy=0.9223, seconds=104.36),
    ReferenceRow(depth=2, train_accuracy=0.9813, test_accuracy=0.9726, seconds=415.87),
    ReferenceRow(depth=3, train_accuracy=0.9946, test_accuracy=0.9786, seconds=578.93),
    ReferenceRow(depth=4, train_accuracy=0.9995, test_accuracy=0.9795, seconds=622.08),
    ReferenceRow(depth=5, train_accuracy=1.0000, test_accuracy=0.9787, seconds=633.75),
]


def are_comparable(runs: Sequence[RunOut]) -> bool:
    """Whether all these runs used the data set and the number of epochs of the published ones."""
    return all(run.dataset == PUBLISHED_DATASET and run.epochs == PUBLISHED_EPOCHS for run in runs)
