"""Every hyperparameter of a training run, declared once, and the arithmetic that follows from it."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

PIXELS: Final = 28 * 28
CLASSES: Final = 10
TRAIN_IMAGES: Final = 60_000
TEST_IMAGES: Final = 10_000
WIDTH: Final = 512
NARROWEST: Final = 16
WIDEST: Final = 4096

DeviceChoice = Literal["auto", "cpu", "cuda", "mps"]
OptimizerChoice = Literal["sgd", "nesterov", "adam", "adamw"]
Schedule = Literal["constant", "cosine", "onecycle"]
Precision = Literal["fp32", "tf32", "bf16"]
_FOLDER_NAME: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"
DEVICE_CHOICES: Final[tuple[str, ...]] = get_args(DeviceChoice)


def _folder_name(name: str) -> str:
    if not re.fullmatch(_FOLDER_NAME, name):
        raise ValueError(
            "should be the name of a data set: at most 64 lower-case letters, digits, dots, hyphens and "
            "underscores, starting with a letter or digit"
        )
    return name


def _without_sign(share: float) -> float:
    """The number, with -0 as 0: both are the same setting, and databases store only one of them."""
    return share + 0.0


class Hyperparameters(BaseModel):
    """The fields of `TrainConfig`. Tables, responses, forms and command-line options are generated from them.

    Field order is display order. `title` is the label and `description` the help text. In
    `json_schema_extra`, `unit` follows the number, and `folded` marks fields that a form may hide at first.
    The defaults are those of the reference experiment.
    """

    depth: Annotated[
        int,
        Field(
            ge=1,
            le=10,
            title="Depth",
            description="Number of linear layers, including the output layer; more than 7 need a larger "
            "width.",
            json_schema_extra={"unit": "layers"},
        ),
    ]
    epochs: Annotated[
        int,
        Field(
            ge=1,
            le=10_000,
            title="Epochs",
            description="Passes over the training images.",
            json_schema_extra={"unit": "epochs"},
        ),
    ] = 200
    lr: Annotated[
        float,
        Field(gt=0, le=100, title="Learning rate", description="Step size; the peak of a schedule."),
    ] = 0.05
    batch_size: Annotated[
        int,
        Field(
            ge=1,
            le=TRAIN_IMAGES,
            title="Batch size",
            description="Images per update; the last batch of an epoch may be shorter.",
            json_schema_extra={"unit": "images"},
        ),
    ] = 1024
    seed: Annotated[
        int,
        Field(
            ge=0,
            le=2**32 - 1,
            title="Seed",
            description="Sets the initial weights, the order of the images and dropout.",
        ),
    ] = 0
    width: Annotated[
        int,
        Field(
            ge=NARROWEST,
            le=WIDEST,
            title="Width",
            description="Units of the first hidden layer; each further layer has half. 16 is the least.",
            json_schema_extra={"unit": "units", "folded": True},
        ),
    ] = WIDTH
    optimizer: Annotated[
        OptimizerChoice,
        Field(
            title="Optimizer",
            description="sgd and nesterov support momentum; adamw uses decoupled weight decay.",
            json_schema_extra={"folded": True},
        ),
    ] = "sgd"
    momentum: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            title="Momentum",
            description="For sgd and nesterov: fraction of the previous step that is added to the next.",
            json_schema_extra={"folded": True},
        ),
        AfterValidator(_without_sign),
    ] = 0.0
    weight_decay: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            title="Weight decay",
            description="Shrinks weights and biases at each update.",
            json_schema_extra={"folded": True},
        ),
        AfterValidator(_without_sign),
    ] = 0.0
    dropout: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            title="Dropout",
            description="Probability of dropping a hidden unit during training.",
            json_schema_extra={"folded": True},
        ),
        AfterValidator(_without_sign),
    ] = 0.0
    schedule: Annotated[
        Schedule,
        Field(
            title="Schedule",
            description="Learning rate over the run: cosine decays to 0, onecycle warms up first.",
            json_schema_extra={"folded": True},
        ),
    ] = "constant"
    patience: Annotated[
        int,
        Field(
            ge=0,
            le=10_000,
            title="Patience",
            description="Stop after this many epochs without a new lowest test loss; 0 disables it.",
            json_schema_extra={"unit": "epochs", "folded": True},
        ),
    ] = 0
    precision: Annotated[
        Precision,
        Field(
            title="Precision",
            description="Precision of matrix products. bf16 is faster on hardware that supports it; tf32 "
            "requires cuda.",
            json_schema_extra={"folded": True},
        ),
    ] = "fp32"
    device: Annotated[
        DeviceChoice,
        Field(
            title="Device",
            description="Where to train; auto prefers CUDA, then MPS, then CPU.",
            json_schema_extra={"folded": True},
        ),
    ] = "auto"
    dataset: Annotated[
        str,
        AfterValidator(_folder_name),
        Field(
            title="Data set",
            description="mnist, or the name of a folder under datasets in the data folder.",
            json_schema_extra={"folded": True, "pattern": _FOLDER_NAME},
        ),
    ] = "mnist"


class TrainConfig(Hyperparameters):
    """The hyperparameters of one run. They, the device and the thread count determine its results.

    Raises `pydantic.ValidationError` for unknown names and for values that are out of bounds, of the wrong
    type or not finite.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for problem in conflicts(self):
            raise ValueError(problem)
        return self

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Widths from the 784 inputs to the 10 logits."""
        return layer_sizes(self.depth, self.width)

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return parameter_count(self.layer_sizes)


def conflicts(config: TrainConfig) -> Iterator[str]:
    """Conflicts between values that are valid one by one, each with the values to choose instead."""
    deepest = most_layers(config.width)
    if config.depth > deepest:
        yield (
            f"depth {config.depth} at width {config.width} would have a layer narrower than {NARROWEST} "
            f"units; choose at most {deepest} layers or a width of at least {NARROWEST << (config.depth - 2)}"
        )
    if config.optimizer in ("adam", "adamw") and config.momentum:
        yield f"{config.optimizer} does not support momentum; choose optimizer sgd or nesterov, or momentum 0"
    if config.optimizer == "nesterov" and not config.momentum:
        yield "nesterov requires a momentum above 0, such as 0.9"
    if config.precision == "tf32" and config.device != "cuda":
        yield "precision tf32 requires device cuda; choose device cuda, or precision fp32 or bf16"


def most_layers(width: int) -> int:
    """The greatest depth whose hidden layers, halving from `width`, all have at least 16 units."""
    return 1 + (width // NARROWEST).bit_length()


@cache
def layer_sizes(depth: int, width: int = WIDTH) -> tuple[int, ...]:
    """Widths of a network with `depth` linear layers. Hidden widths halve from `width` on, rounded down."""
    return (PIXELS, *(width >> layer for layer in range(depth - 1)), CLASSES)


def parameter_count(sizes: tuple[int, ...]) -> int:
    """Weights and biases of fully connected layers of these widths."""
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))


def forward_flops_per_image(sizes: tuple[int, ...]) -> int:
    """Operations in the matrix products of one forward pass; a multiply-add counts as two."""
    return sum(2 * inputs * outputs for inputs, outputs in pairwise(sizes))


@cache
def training_flops_per_image(sizes: tuple[int, ...]) -> int:
    """Operations of one forward and backward pass; the first layer needs no gradient of its input."""
    return 3 * forward_flops_per_image(sizes) - 2 * sizes[0] * sizes[1]
