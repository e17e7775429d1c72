"""Bodies of responses."""

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, create_model, model_validator

from app.schemas import run_fields
from app.schemas.run_fields import ComputedFields, StoredFields, Timestamp
from app.schemas.status import Outcome, Status
from trainer.config import Hyperparameters

TimeRange = Annotated[
    tuple[float, float], Field(description="An interval that holds four of five such times, in seconds.")
]
"""The 80 % range of an estimated time."""

_DEFAULTS: Final = {"worker_losses": 0, "chance_accuracy": None, "guessing": None} | {
    name: field.default for name, field in Hyperparameters.model_fields.items() if not field.is_required()
}
"""Values of fields that responses of earlier versions lack."""


class BulkSkip(BaseModel):
    """A run that a bulk action skipped, and why."""

    id: int
    reason: str


class BulkOut(BaseModel):
    """Response of `POST /runs/bulk`."""

    done: list[int]
    skipped: list[BulkSkip]
    remaining: list[int]
    """Not processed, because the database failed or the server stopped: send these ids again."""

    stopped: str | None
    """Why runs remain; null if none do."""


if TYPE_CHECKING:

    class _RunFields(ComputedFields, StoredFields, Hyperparameters):
        """All fields of a run in a response."""

else:
    _RunFields = create_model("_RunFields", **run_fields.of_answer())


class RunOut(_RunFields):
    """A run, flat. Accuracies are fractions, losses mean cross-entropy in nats, durations seconds.

    A repeated request gets its stored response, possibly from an earlier version. A hyperparameter that is
    missing there had its default.
    """

    @model_validator(mode="before")
    @classmethod
    def _absent_is_default(cls, values: Any) -> Any:  # noqa: ANN401  # any stored response
        return {**_DEFAULTS, **values} if isinstance(values, dict) else values


class AttemptOut(BaseModel):
    """One claim of a run by a worker; `outcome` is null while it trains."""

    attempt: int
    worker_id: str
    host: str
    device: str | None
    started_at: Timestamp
    ended_at: Timestamp | None
    resumed_from: Annotated[int, Field(description="The epoch after which it resumed; 0 for a new start.")]
    reached: Annotated[int, Field(description="Epochs recorded at its end, or so far.")]
    outcome: Outcome | None
    reason: str | None


class TimeLeft(BaseModel):
    """The estimated time until a queued or running run ends, in seconds; `basis` is that of the estimate."""

    seconds: float
    range: TimeRange
    basis: str


class RunDetail(RunOut):
    """A run with the additional fields of its page."""

    heartbeat_age_seconds: float | None
    resumed_from: int
    worker_id: str | None
    threads: int | None
    environment: dict[str, str]
    traceback: str | None
    attempts: list[AttemptOut]
    time_left: TimeLeft | None = None


class RunPage(BaseModel):
    """Response of `GET /runs`."""

    runs: list[RunOut]
    next_cursor: str | None
    total: int


class EpochCurves(BaseModel):
    """Every epoch of a run, as columns of equal length; never downsampled."""

    epoch: list[int]
    train_loss: list[float]
    last_batch_loss: list[float]
    train_accuracy: list[float]
    test_loss: list[float]
    test_accuracy: list[float]
    seconds: list[float]


class EpochColumns(EpochCurves):
    """Curves with measurements of each layer; null for epochs of versions that did not measure them.

    `gradient_norms` are L2 norms of the last batch's gradient, one per layer. `dead_relu` are fractions of
    units that are 0 for every test image, one per hidden layer.
    """

    gradient_norms: list[list[float] | None]
    dead_relu: list[list[float] | None]


CURVES: Final = tuple(EpochCurves.model_fields)
EPOCH_COLUMNS: Final = tuple(EpochColumns.model_fields)


class StudyOut(BaseModel):
    """A study: its runs and their progress."""

    id: int
    name: str
    created_at: Timestamp
    runs: list[int]
    counts: dict[Status, int]
    progress: Annotated[float, Field(ge=0, le=1)]
    eta_seconds: Annotated[
        float | None,
        Field(
            description="Seconds until its last run ends, including other queued runs ahead of it; null if "
            "a run waits for a device."
        ),
    ]
    eta_range: TimeRange | None = None


class StudyList(BaseModel):
    """Response of `GET /studies`, newest first."""

    studies: list[StudyOut]


class StudyPreview(BaseModel):
    """The size and estimated time of a study; nothing is created."""

    runs: int
    duplicates: Annotated[int, Field(description="Runs with an identical finished run.")]
    seconds: Annotated[float, Field(description="Estimated time to train them all, in seconds.")]
    seconds_range: TimeRange
    basis: Annotated[str, Field(description="Basis of the estimate.")]
    warnings: Annotated[
        list[str], Field(description="Warnings about unusual values; they do not reject the request.")
    ] = []


class QueueOut(BaseModel):
    """The running runs, and the queued runs in the order of their claims."""

    running: list[RunOut]
    queued: list[RunOut]
    eta_seconds: Annotated[
        float | None,
        Field(
            description="Seconds until the last of them ends; null if there are none, or if one waits "
            "for a device."
        ),
    ]
    eta_range: TimeRange | None


class WorkerDevice(BaseModel):
    """A device that a worker offers."""

    device: str
    name: str


class WorkerOut(BaseModel):
    """A live worker."""

    id: str
    host: str
    devices: list[WorkerDevice]
    slots: int
    threads: int
    heartbeat_age_seconds: float
    runs: list[int]
    versions: dict[str, str]


class WorkerList(BaseModel):
    """Response of `GET /workers`."""

    workers: list[WorkerOut]


class Health(BaseModel):
    """Response of `GET /health`."""

    status: Literal["ok"]
    version: str
    time: str
    """The current time of the database's clock, which all times in responses come from."""

    database: Literal["unchecked", "checking", "sound", "damaged"]
    """Result of the check of the whole SQLite file, which runs after an unclean shutdown.

    Also `damaged` if a request has found damage since.
    """

    detail: str | None = None
    """The damage found, or a note on the check that passed."""


class FieldError(BaseModel):
    """One error of a request: its location and what was expected."""

    loc: list[str | int]
    msg: str


class Problem(BaseModel):
    """An error, as RFC 9457 `application/problem+json`."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError]
