"""The record of one epoch, as training yields it and a slot reports it. Needs no PyTorch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """The measurements of one epoch. Losses are mean cross-entropies in nats, accuracies fractions.

    `train_loss` and `train_accuracy` are running values over the epoch's images, each measured with the
    weights before its update. `last_batch_loss` is the loss of the last, usually shorter batch. `test_loss`
    and `test_accuracy` are over the whole split with the weights at the end of the epoch. `seconds` is the
    time of training without the evaluation.

    `gradient_norms` contains the L2 norm of each layer's gradient (weight and bias together) for the last
    batch. `dead_relu` contains, for each hidden layer, the fraction of units that are 0 on all test images.
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
