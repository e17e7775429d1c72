"""Fields of a run besides hyperparameters, declared once for table, JSON, filters and CSV."""

from copy import copy
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app.schemas.hyperparameters import KINDS
from app.schemas.status import Status

Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""ISO 8601 in UTC with milliseconds and `Z`."""

Guessing = Literal[
    "no better than guessing",  # not above chance
    "may be guessing",  # above chance, but not significantly
    "one class only",  # all test images are of one class, so chance accuracy is 100 %
]
"""Judgement of a test accuracy that is not significantly above chance."""


class StoredFields(BaseModel):
    """Fields that a run's row stores and its response shows, with the defaults of a new row.

    A new field also needs a column: add a migration in `app/storage/migrations/versions`.
    """

    version: int = 1
    name: str
    status: Status = "queued"
    reason: str | None = None
    cancel_requested: Annotated[
        bool,
        Field(
            description="Whether cancellation of a running run was requested; its worker stops it shortly."
        ),
    ] = False
    study_id: int | None = None
    priority: int = 0
    parameters: int
    """Number of weights and biases; computed, but stored so that lists can be sorted by it."""

    device_used: str | None = None
    epochs_done: int = 0
    attempt: int = 0
    crashes: Annotated[
        int, Field(description="Attempts lost in a row without a new epoch, through the run's own process.")
    ] = 0
    worker_losses: Annotated[
        int, Field(description="Attempts lost in a row without a new epoch, through the loss of the worker.")
    ] = 0
    train_seconds: float | None = None
    """Training time of the recorded epochs, without evaluation."""

    train_loss: float | None = None
    test_loss: float | None = None
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    tags: list[str] = Field(default_factory=list)
    note: str = ""
    archived: bool = False


@dataclass(frozen=True, slots=True)
class After:
    """The stored field that a computed field follows in the response; None for the first field."""

    name: str | None


class ComputedFields(BaseModel):
    """Fields of the response that are computed from the row or formatted differently from it."""

    id: Annotated[int, After(None)]
    layer_sizes: Annotated[list[int], After("priority")]
    updates_per_epoch: Annotated[
        int, After("parameters"), Field(description="Batches of an epoch, including a shorter last one.")
    ]
    flops_per_epoch: Annotated[
        int,
        After("parameters"),
        Field(description="Of training only, estimated; a multiply-add counts as two."),
    ]
    data_version: Annotated[
        str | None,
        After("device_used"),
        Field(description="First digits of the SHA-256 of its data."),
    ]
    data_warnings: Annotated[
        list[str],
        After("device_used"),
        Field(description="Warnings about the data: classes without images, few images, …"),
    ]
    eta_seconds: Annotated[float | None, After("epochs_done")]
    created_at: Annotated[Timestamp, After("worker_losses")]
    started_at: Annotated[Timestamp | None, After("worker_losses")]
    finished_at: Annotated[Timestamp | None, After("worker_losses")]
    chance_accuracy: Annotated[
        float | None,
        After("test_accuracy"),
        Field(description="The test accuracy of one answer to every image: that of the most frequent class."),
    ]
    guessing: Annotated[
        Guessing | None,
        After("test_accuracy"),
        Field(
            description="Judgement of a test accuracy that is not significantly above chance; null if it "
            "is, or there is none yet. `one class only`: all test images are of one class."
        ),
    ]


_HYPERPARAMETERS_AFTER: Final = "study_id"
TIMES: Final = ("created_at", "started_at", "finished_at")
"""Fields that a row stores as seconds since 1970 and a response shows as `Timestamp`."""


def of_answer() -> dict[str, Any]:
    """Every field of a response in order, including hyperparameters; all are required."""
    fields = dict(_computed(None))
    for name, info in StoredFields.model_fields.items():
        fields[name] = _required(info)
        if name == _HYPERPARAMETERS_AFTER:
            fields |= {hyperparameter: (kind, ...) for hyperparameter, kind in KINDS.items()}
        fields |= _computed(name)
    return fields


def _computed(after: str | None) -> dict[str, Any]:
    """The computed fields that follow a stored one."""
    return {
        name: _required(info)
        for name, info in ComputedFields.model_fields.items()
        if After(after) in info.metadata
    }


def _required(info: FieldInfo) -> tuple[Any, FieldInfo]:
    """A field's type and description, without its default."""
    required = copy(info)
    required.default, required.default_factory = PydanticUndefined, None
    required.metadata = [part for part in info.metadata if not isinstance(part, After)]
    return info.annotation, required
