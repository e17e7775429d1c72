"""Bodies of responses about the epochs of a run, as columns."""

from typing import Annotated, Final

from pydantic import BaseModel, Field


class EpochCurves(BaseModel):
    """Every epoch of a run, as columns of equal length; never downsampled."""

    epoch: Annotated[list[int], Field(description="Numbers of the epochs, from 1.")]
    train_loss: Annotated[list[float], Field(description="Mean train loss of the epoch's batches, in nats.")]
    last_batch_loss: Annotated[list[float], Field(description="Loss of the epoch's last batch, in nats.")]
    train_accuracy: Annotated[
        list[float], Field(description="Running train accuracy: mean over the epoch's batches.")
    ]
    test_loss: Annotated[list[float], Field(description="Test loss after the epoch, in nats.")]
    test_accuracy: Annotated[list[float], Field(description="Test accuracy after the epoch.")]
    seconds: Annotated[list[float], Field(description="Training time of the epoch, without evaluation.")]


class EpochColumns(EpochCurves):
    """Curves with measurements of each layer; null for epochs of versions that did not measure them."""

    gradient_norms: Annotated[
        list[list[float] | None],
        Field(description="L2 norms of the last batch's gradient, one per layer."),
    ]
    dead_relu: Annotated[
        list[list[float] | None],
        Field(description="Fractions of units that are 0 on all test images, one per hidden layer."),
    ]


CURVES: Final = tuple(EpochCurves.model_fields)


EPOCH_COLUMNS: Final = tuple(EpochColumns.model_fields)
