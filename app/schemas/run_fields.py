"""Fields of a run besides hyperparameters, declared once for table, JSON, filters and CSV."""

from copy import copy
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app.schemas.hyperparameters import KINDS
from app.schemas.status import Status
from trainer.config import Hyperparameters

Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""ISO 8601 in UTC with milliseconds and `Z`."""

Guessing = Literal[
    "not above guessing",
    "may be guessing",  # above guessing, but not significantly
    "one class only",  # all test images are of one class, so guessing gets 100 %
]
"""Verdict on a test accuracy that is not significantly above guessing."""


class StoredFields(BaseModel):
    """Fields that a run's row stores and its response shows, with the defaults of a new row.

    A new field also needs a column: add a migration in `app/storage/migrations/versions`.
    """

    version: Annotated[
        int, Field(description="Version of the run; each edit increases it. `PATCH` rejects an outdated one.")
    ] = 1
    name: Annotated[str, Field(description="Its name, given or made from hyperparameters.")]
    status: Annotated[Status, Field(description="Status of the run.")] = "queued"
    reason: Annotated[
        str | None, Field(description="Why the run failed, was cancelled or waits; otherwise null.")
    ] = None
    cancel_requested: Annotated[
        bool,
        Field(
            description="Whether cancellation of a running run was requested; its worker stops it shortly."
        ),
    ] = False
    study_id: Annotated[int | None, Field(description="The study that launched it.")] = None
    priority: Annotated[int, Field(description="Higher priority starts first.")] = 0
    parameters: Annotated[int, Field(description="Number of weights and biases.")]
    """Computed, but stored so that lists can be sorted by it."""

    device_used: Annotated[
        str | None, Field(description="The device that trained it, such as `cuda:0`; null before it starts.")
    ] = None
    epochs_done: Annotated[int, Field(description="Number of recorded epochs.")] = 0
    attempt: Annotated[int, Field(description="Number of its last attempt; 0 before the first.")] = 0
    crashes: Annotated[
        int, Field(description="Consecutive crashes of the run's process without a new epoch.")
    ] = 0
    worker_losses: Annotated[
        int, Field(description="Consecutive losses of the run's worker without a new epoch.")
    ] = 0
    train_seconds: Annotated[
        float | None, Field(description="Training time of the recorded epochs, without evaluation.")
    ] = None
    train_loss: Annotated[
        float | None,
        Field(description="Train loss in nats: final if finished, otherwise the last epoch's mean."),
    ] = None
    test_loss: Annotated[float | None, Field(description="Test loss in nats after the last epoch.")] = None
    train_accuracy: Annotated[
        float | None,
        Field(description="Train accuracy: final if finished, otherwise the last epoch's running accuracy."),
    ] = None
    test_accuracy: Annotated[float | None, Field(description="Test accuracy after the last epoch.")] = None
    best_epoch: Annotated[
        int | None,
        Field(
            description="The first epoch with the highest test accuracy so far; null before the first epoch."
        ),
    ] = None
    """Stored so that lists can be sorted by it and need not read epochs."""

    best_test_accuracy: Annotated[
        float | None,
        Field(description="Test accuracy after the best epoch: chosen on test images, so it is optimistic."),
    ] = None
    verifies: Annotated[
        int | None, Field(description="The run that this one repeats to verify it; otherwise null.")
    ] = None
    tags: list[str] = Field(default_factory=list, description="Its tags.")
    note: Annotated[str, Field(description="Free text.")] = ""
    archived: Annotated[bool, Field(description="Whether lists hide it by default.")] = False


@dataclass(frozen=True, slots=True)
class After:
    """The stored field that a computed field follows in the response; None for the first field."""

    name: str | None


class ComputedFields(BaseModel):
    """Fields of the response that are computed from the row or formatted differently from it."""

    id: Annotated[int, After(None), Field(description="The run's id.")]
    layer_sizes: Annotated[
        list[int], After("priority"), Field(description="Widths from the inputs to the logits.")
    ]
    updates_per_epoch: Annotated[
        int, After("parameters"), Field(description="Batches of an epoch, including a shorter last one.")
    ]
    flops_per_epoch: Annotated[
        int,
        After("parameters"),
        Field(description="Estimated FLOPs of training; a multiply-add counts as two."),
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
    eta_seconds: Annotated[
        float | None,
        After("epochs_done"),
        Field(description="Estimated seconds until a running run ends; otherwise null."),
    ]
    created_at: Annotated[Timestamp, After("worker_losses"), Field(description="Time of its creation.")]
    started_at: Annotated[
        Timestamp | None,
        After("worker_losses"),
        Field(description="Start of its last attempt; null before the first."),
    ]
    finished_at: Annotated[
        Timestamp | None, After("worker_losses"), Field(description="Time of its end; null before it.")
    ]
    chance_accuracy: Annotated[
        float | None,
        After("test_accuracy"),
        Field(description="Test accuracy of always predicting the most frequent class."),
    ]
    guessing: Annotated[
        Guessing | None,
        After("test_accuracy"),
        Field(
            description="Set if test accuracy is not significantly above guessing; otherwise, or before "
            "there is a test accuracy, null. `one class only`: all test images belong to one class."
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
            fields |= {
                hyperparameter: (
                    kind,
                    Field(description=Hyperparameters.model_fields[hyperparameter].description),
                )
                for hyperparameter, kind in KINDS.items()
            }
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
