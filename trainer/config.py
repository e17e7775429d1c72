"""Every hyperparameter of a training run, declared once, and the arithmetic that follows from it."""

from itertools import pairwise
from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

PIXELS: Final = 28 * 28
CLASSES: Final = 10
TRAIN_IMAGES: Final = 60_000
TEST_IMAGES: Final = 10_000
FIRST_HIDDEN_WIDTH: Final = 512

DeviceChoice = Literal["auto", "cpu", "cuda", "mps"]
Dataset = Literal["mnist"]
DEVICE_CHOICES: Final[tuple[str, ...]] = get_args(DeviceChoice)


class TrainConfig(BaseModel):
    """The hyperparameters of one run; a run is a function of these, its device and its thread count.

    Field order is display order. `title` is the label, `description` the help; in
    `json_schema_extra`, `unit` follows the number and `folded` marks what a form may hide at first.
    Defaults are the reference experiment's. Raises `pydantic.ValidationError` for values out of
    bounds, of another type, not finite, or of an unknown name.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    depth: Annotated[
        int,
        Field(
            ge=1,
            le=5,
            title="Depth",
            description="Number of linear layers, the last one included.",
            json_schema_extra={"unit": "layers"},
        ),
    ]
    epochs: Annotated[
        int,
        Field(
            ge=1,
            le=10_000,
            title="Epochs",
            description="Passes over the 60,000 training images.",
            json_schema_extra={"unit": "epochs"},
        ),
    ] = 200
    lr: Annotated[
        float,
        Field(gt=0, le=100, title="Learning rate", description="Step size of plain SGD."),
    ] = 0.05
    batch_size: Annotated[
        int,
        Field(
            ge=1,
            le=TRAIN_IMAGES,
            title="Batch size",
            description="Images per update; the last, shorter batch of an epoch counts too.",
            json_schema_extra={"unit": "images"},
        ),
    ] = 1024
    seed: Annotated[
        int,
        Field(
            ge=0,
            le=2**32 - 1,
            title="Seed",
            description="Decides the initial weights and the order of the images.",
        ),
    ] = 0
    device: Annotated[
        DeviceChoice,
        Field(
            title="Device",
            description="Where to train; auto takes CUDA, then MPS, then the CPU.",
            json_schema_extra={"folded": True},
        ),
    ] = "auto"
    dataset: Annotated[
        Dataset,
        Field(
            title="Dataset",
            description="What to learn: 28x28 images in 10 classes.",
            json_schema_extra={"folded": True},
        ),
    ] = "mnist"

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Widths from the 784 inputs to the 10 logits."""
        return layer_sizes(self.depth)

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return parameter_count(self.layer_sizes)

    @property
    def batches_per_epoch(self) -> int:
        """Updates per epoch, the shorter last batch included."""
        return -(-TRAIN_IMAGES // self.batch_size)

    @property
    def flops_per_epoch(self) -> int:
        """Floating-point operations of one epoch: training and the evaluation of the test set."""
        training = TRAIN_IMAGES * training_flops_per_image(self.layer_sizes)
        return training + TEST_IMAGES * forward_flops_per_image(self.layer_sizes)


def layer_sizes(depth: int) -> tuple[int, ...]:
    """Widths of a network with `depth` linear layers: hidden widths halve from 512 on."""
    return (PIXELS, *(FIRST_HIDDEN_WIDTH >> layer for layer in range(depth - 1)), CLASSES)


def parameter_count(sizes: tuple[int, ...]) -> int:
    """Weights and biases of fully connected layers of these widths."""
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))


def forward_flops_per_image(sizes: tuple[int, ...]) -> int:
    """Operations of the matrix products of one forward pass; a multiply-add counts as two."""
    return sum(2 * inputs * outputs for inputs, outputs in pairwise(sizes))


def training_flops_per_image(sizes: tuple[int, ...]) -> int:
    """Operations of forward and backward: the first layer needs no gradient of its input."""
    return 3 * forward_flops_per_image(sizes) - 2 * sizes[0] * sizes[1]
