"""The record of one epoch, as training yields it and a slot reports it. Needs no PyTorch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """What one epoch measured. Losses are mean cross-entropies in nats, accuracies fractions.

    `train_loss` and `train_accuracy` are running ones: over the epoch's images, each at the weights that it
    met. `last_batch_loss` is that of the last, usually shorter batch. The test figures are over the whole
    split with the weights at the end of the epoch. `seconds` is training alone, without the evaluation.

    `gradient_norms` has for each layer the L2 norm of the last batch's gradient of its weight and bias;
    `dead_relu` for each hidden layer the fraction of units that are 0 for every test image.
    """

    epoch: int
    train_loss: float
    last_batch_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float
    gradient_norms: tuple[float, ...]
    dead_relu: tuple[float, ...]
