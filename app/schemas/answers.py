"""Bodies of responses."""

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, create_model, model_validator

from app.schemas import run_fields
from app.schemas.monitoring import MachineOut, ServerOut
from app.schemas.run_fields import ComputedFields, StoredFields, Timestamp
from app.schemas.status import Outcome, Status
from trainer.config import Hyperparameters

TimeRange = Annotated[tuple[float, float], Field(description="80 % prediction interval, in seconds.")]
"""The 80 % range of an estimated time."""

_DEFAULTS: Final = {
    "worker_losses": 0,
    "chance_accuracy": None,
    "guessing": None,
    "best_epoch": None,
    "best_test_accuracy": None,
    "verifies": None,
} | {name: field.default for name, field in Hyperparameters.model_fields.items() if not field.is_required()}
"""Values of fields that responses of earlier versions lack."""


class BulkSkip(BaseModel):
    """A run that a bulk action skipped, and why."""

    id: Annotated[int, Field(description="The run's id.")]
    reason: Annotated[str, Field(description="Why it was skipped.")]


class BulkOut(BaseModel):
    """Response of `POST /runs/bulk`."""

    done: Annotated[list[int], Field(description="Ids of the changed runs.")]
    skipped: Annotated[list[BulkSkip], Field(description="Runs whose state does not allow the action.")]
    remaining: Annotated[
        list[int],
        Field(
            description="Ids not processed, because the database failed or the server stopped: send them "
            "again."
        ),
    ]
    stopped: Annotated[str | None, Field(description="Why ids remain; null if none do.")]


if TYPE_CHECKING:

    class _RunFields(ComputedFields, StoredFields, Hyperparameters):
        """All fields of a run in a response."""

else:
    _RunFields = create_model("_RunFields", **run_fields.of_answer())


class RunOut(_RunFields):
    """A run. Accuracies are fractions, losses mean cross-entropy in nats, durations seconds.

    A repeated request gets its stored response, which an earlier version may have written: hyperparameters
    that it lacks had their defaults.
    """

    @model_validator(mode="before")
    @classmethod
    def _absent_is_default(cls, values: Any) -> Any:  # noqa: ANN401  # any stored response
        return {**_DEFAULTS, **values} if isinstance(values, dict) else values


class AttemptOut(BaseModel):
    """One claim of a run by a worker; `outcome` is null while it trains."""

    attempt: Annotated[int, Field(description="Number of the attempt, from 1.")]
    worker_id: Annotated[str, Field(description="Id of the worker.")]
    host: Annotated[str, Field(description="Host name of the worker; empty if unknown.")]
    device: Annotated[
        str | None, Field(description="Device that trained it; null until the worker reports it.")
    ]
    started_at: Annotated[Timestamp, Field(description="Time of the claim.")]
    ended_at: Annotated[Timestamp | None, Field(description="End of the attempt; null while it trains.")]
    resumed_from: Annotated[int, Field(description="The epoch after which it resumed; 0 for a new start.")]
    reached: Annotated[int, Field(description="Epochs recorded at its end, or so far.")]
    outcome: Annotated[Outcome | None, Field(description="How it ended; null while it trains.")]
    reason: Annotated[str | None, Field(description="Why it ended so; null if there is nothing to add.")]


class TimeLeft(BaseModel):
    """The estimated time until a queued or running run ends, in seconds; `basis` is that of the estimate."""

    seconds: Annotated[float, Field(description="Estimated time until the run ends, in seconds.")]
    range: TimeRange
    basis: Annotated[str, Field(description="Basis of the estimate.")]


class QueuePlace(BaseModel):
    """The place of a queued run in the queue, and when it is expected to start."""

    place: Annotated[int, Field(description="Its place in claim order, from 1.")]
    of: Annotated[int, Field(description="Number of queued runs.")]
    paused: Annotated[bool, Field(description="Whether the queue is paused, so that no run starts.")]
    starts_in_seconds: Annotated[
        float | None,
        Field(description="Estimated seconds until it starts; null if paused or if no slot can train it."),
    ]
    range: Annotated[TimeRange | None, Field(description="80 % prediction interval of `starts_in_seconds`.")]


VerificationStatus = Literal["pending", "bit-identical", "different", "not comparable"]


class Verification(BaseModel):
    """The comparison of a run with the run that repeats it; shown with both."""

    run_id: Annotated[int, Field(description="The run that repeats the other; the newest, if several do.")]
    of: Annotated[int, Field(description="The verified run.")]
    status: Annotated[
        VerificationStatus,
        Field(
            description="`bit-identical`: every recorded figure except times, and the weights, are equal. "
            "`pending`: the repeating run has not ended."
        ),
    ]
    first_epoch: Annotated[
        int | None, Field(description="The first epoch whose records differ; null if none does.")
    ] = None
    differences: Annotated[
        dict[str, float],
        Field(
            description="The largest absolute difference of each figure that differs, over all epochs; "
            "`final_…` are the figures after training, over whole splits."
        ),
    ] = {}
    weights_identical: Annotated[
        bool | None, Field(description="Whether the final weights are equal bit by bit; null if unknown.")
    ] = None
    reason: Annotated[
        str | None,
        Field(description="The likely reason of a difference, or why the runs can't be compared."),
    ] = None
    sentence: Annotated[str, Field(description="The result in a sentence.")]


class RunDetail(RunOut):
    """A run with the additional fields of its page."""

    heartbeat_age_seconds: Annotated[
        float | None, Field(description="Seconds since the last heartbeat of its worker.")
    ]
    resumed_from: Annotated[
        int, Field(description="The epoch after which the current attempt resumed; 0 for a new start.")
    ]
    worker_id: Annotated[str | None, Field(description="Id of the worker that claimed it last.")]
    threads: Annotated[int | None, Field(description="CPU threads that trained it.")]
    environment: Annotated[
        dict[str, str],
        Field(description="Recorded facts: versions, device name, digest and size of the data."),
    ]
    traceback: Annotated[str | None, Field(description="Python traceback of the error that failed it.")]
    attempts: Annotated[list[AttemptOut], Field(description="Its attempts, oldest first.")]
    time_left: Annotated[
        TimeLeft | None, Field(description="Estimated time left; null if the run has ended or none is known.")
    ] = None
    queue: Annotated[
        QueuePlace | None, Field(description="Its place in the queue; null unless it is queued.")
    ] = None
    verification: Annotated[
        Verification | None,
        Field(description="The comparison with a run that repeats it, or that it repeats; null without one."),
    ] = None


class RunPage(BaseModel):
    """Response of `GET /runs`."""

    runs: Annotated[list[RunOut], Field(description="The runs of this page.")]
    next_cursor: Annotated[str | None, Field(description="`cursor` of the next page; null on the last page.")]
    previous_cursor: Annotated[
        str | None, Field(description="`cursor` of the page before; null on the first page.")
    ] = None
    total: Annotated[int, Field(description="Number of runs that match, on all pages.")]


class ViewOut(BaseModel):
    """A saved view of the list of runs."""

    id: Annotated[int, Field(description="The view's id.")]
    name: Annotated[str, Field(description="Its name.")]
    query: Annotated[str, Field(description="Query string of the page.")]
    created_at: Annotated[Timestamp, Field(description="Time of its creation.")]


class ViewList(BaseModel):
    """Response of `GET /views`."""

    views: Annotated[list[ViewOut], Field(description="All views, by name.")]


class FieldValue(BaseModel):
    """A value of a field, and how many runs have it."""

    value: Annotated[str, Field(description="The value as filters write it.")]
    runs: Annotated[int, Field(description="Number of runs with this value.")]


class FieldValues(BaseModel):
    """Response of `GET /runs/values`."""

    field: Annotated[str, Field(description="The field.")]
    values: Annotated[list[FieldValue], Field(description="Its most frequent values, at most 200.")]


class AccuracySpread(BaseModel):
    """Test accuracies of the finished runs of a group."""

    n: Annotated[int, Field(description="Number of finished runs with a test accuracy.")]
    mean: Annotated[float, Field(description="Mean test accuracy.")]
    std: Annotated[float | None, Field(description="Sample standard deviation (n - 1); null for one run.")]
    best: Annotated[float, Field(description="Highest test accuracy.")]
    best_run: Annotated[
        int, Field(description="The run with the highest test accuracy; the oldest of several.")
    ]


class RunGroup(BaseModel):
    """Runs with equal values of the fields of `group`."""

    key: Annotated[dict[str, Any], Field(description="The value of each field; null if the runs have none.")]
    runs: Annotated[int, Field(description="Number of runs.")]
    counts: Annotated[dict[Status, int], Field(description="Number of runs by status.")]
    diverged: Annotated[int, Field(description="Failed runs whose loss diverged; `counts` includes them.")]
    test_accuracy: Annotated[
        AccuracySpread | None,
        Field(description="Test accuracy of the finished runs; null if there are none."),
    ]
    filter: Annotated[str, Field(description="Query string that selects the runs of the group.")]


class RunGroups(BaseModel):
    """Response of `GET /runs` with `group`."""

    groups: Annotated[list[RunGroup], Field(description="The groups of this page.")]
    next_cursor: Annotated[str | None, Field(description="`cursor` of the next page; null on the last page.")]
    previous_cursor: Annotated[
        str | None, Field(description="`cursor` of the page before; null on the first page.")
    ]
    total: Annotated[int, Field(description="Number of runs that match, in all groups.")]
    group_count: Annotated[int, Field(description="Number of groups, on all pages.")]


class TagCount(BaseModel):
    """A tag and how many runs have it."""

    tag: Annotated[str, Field(description="The tag.")]
    runs: Annotated[int, Field(description="Number of runs with it, archived ones included.")]


class TagList(BaseModel):
    """Response of `GET /tags`."""

    tags: Annotated[list[TagCount], Field(description="All tags of runs, the most frequent first.")]


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
        Field(description="Fractions of units that are 0 for every test image, one per hidden layer."),
    ]


CURVES: Final = tuple(EpochCurves.model_fields)
EPOCH_COLUMNS: Final = tuple(EpochColumns.model_fields)


class StudyOut(BaseModel):
    """A study: its runs and their progress."""

    id: Annotated[int, Field(description="The study's id.")]
    version: Annotated[int, Field(description="Each edit increases it.")] = 1
    name: Annotated[str, Field(description="The study's name.")]
    description: Annotated[str, Field(description="Free text, as Markdown.")] = ""
    tags: Annotated[list[str], Field(description="Up to 20 tags.")] = []
    archived: Annotated[bool, Field(description="Whether the list hides it by default.")] = False
    created_at: Annotated[Timestamp, Field(description="Time of its creation.")]
    runs: Annotated[list[int], Field(description="Ids of its runs.")]
    counts: Annotated[dict[Status, int], Field(description="Number of its runs by status.")]
    progress: Annotated[
        float,
        Field(ge=0, le=1, description="Fraction of all epochs that are recorded, or belong to ended runs."),
    ]
    eta_seconds: Annotated[
        float | None,
        Field(
            description="Seconds until its last run ends, time in the queue included; null if a run "
            "waits for a device."
        ),
    ]
    eta_range: Annotated[
        TimeRange | None,
        Field(description="80 % prediction interval of `eta_seconds`; null if that is null."),
    ] = None


class StudyList(BaseModel):
    """Response of `GET /studies`."""

    studies: Annotated[list[StudyOut], Field(description="The studies, by default all, newest first.")]
    next_cursor: Annotated[
        str | None, Field(description="`cursor` of the next page; null on the last page.")
    ] = None
    total: Annotated[int, Field(description="Number of studies that match, on all pages.")]


class PastRuns(BaseModel):
    """What past runs reached with the same depth, optimizer and data set, and a similar learning rate."""

    depth: Annotated[int, Field(description="Their depth.")]
    optimizer: Annotated[str, Field(description="Their optimizer.")]
    has_momentum: Annotated[bool, Field(description="Whether they have a momentum above 0.")]
    dataset: Annotated[str, Field(description="Their data set.")]
    lr: Annotated[float, Field(description="The planned learning rate; theirs are within a factor of 2.")]
    lrs: Annotated[list[float], Field(description="Their learning rates, ascending.")]
    epochs: Annotated[tuple[int, int], Field(description="Their smallest and largest number of epochs.")]
    finished: Annotated[int, Field(description="How many finished.")]
    diverged: Annotated[int, Field(description="How many diverged.")]
    median: Annotated[float | None, Field(description="Median test accuracy; null if none finished.")]
    best: Annotated[float | None, Field(description="Best test accuracy; null if none finished.")]
    best_id: Annotated[int | None, Field(description="Id of the run with the best test accuracy.")]


class Rejection(BaseModel):
    """Invalid combinations of values that a request with `skip_invalid` leaves out."""

    reason: Annotated[str, Field(description="Why they are invalid, and what to choose instead.")]
    combinations: Annotated[int, Field(description="Number of such combinations.")]


class StudyPreview(BaseModel):
    """The size and estimated time of a study; nothing is created."""

    runs: Annotated[int, Field(description="Number of runs.")]
    duplicates: Annotated[int, Field(description="How many of them have an identical finished run.")]
    seconds: Annotated[float, Field(description="Estimated time to train them all, in seconds.")]
    seconds_range: TimeRange
    basis: Annotated[str, Field(description="Basis of the estimate.")]
    can_show: Annotated[
        str,
        Field(
            description="The smallest difference that the study can show, in a sentence; empty if unknown."
        ),
    ] = ""
    warnings: Annotated[
        list[str], Field(description="Warnings about unusual values; they do not reject the request.")
    ] = []
    rejected: Annotated[
        list[Rejection], Field(description="Combinations that `skip_invalid` leaves out, by reason.")
    ] = []
    past: Annotated[
        list[PastRuns], Field(description="What similar past runs reached, by depth and learning rate.")
    ] = []


class TrainingRun(RunOut):
    """A running run, with its worker."""

    worker_id: Annotated[str | None, Field(description="Id of the worker that trains it.")]
    host: Annotated[str, Field(description="Host name of this worker; empty if unknown.")]


class WaitingRun(RunOut):
    """A queued run, with its place in the queue."""

    position: Annotated[int, Field(description="Place in the queue, from 1.")]
    starts_in_seconds: Annotated[
        float | None,
        Field(
            description="Estimated seconds until it starts; null while the queue is paused, or if no live "
            "worker has its device."
        ),
    ]
    ends_in_seconds: Annotated[
        float | None, Field(description="Estimated seconds until it ends; null like `starts_in_seconds`.")
    ]


class PauseOut(BaseModel):
    """Whether the queue is paused."""

    paused: Annotated[bool, Field(description="Whether no queued run starts.")]
    since: Annotated[Timestamp | None, Field(description="Start of the pause; null if there is none.")]


class QueueOut(PauseOut):
    """The running runs, and the queued runs in claim order."""

    running: Annotated[list[TrainingRun], Field(description="Running runs.")]
    queued: Annotated[list[WaitingRun], Field(description="Queued runs, in claim order.")]
    waiting: Annotated[int, Field(description="Number of queued runs.")]
    eta_seconds: Annotated[
        float | None,
        Field(
            description="Seconds until the last of them ends; null if there are none, if one waits "
            "for a device, or if the queue is paused and not empty."
        ),
    ]
    eta_range: Annotated[
        TimeRange | None,
        Field(description="80 % prediction interval of `eta_seconds`; null if that is null."),
    ]


class MovedRun(BaseModel):
    """A run after `POST /queue/move`."""

    id: Annotated[int, Field(description="The run's id.")]
    position: Annotated[int, Field(description="Its place in the queue, from 1.")]
    priority: Annotated[
        int, Field(description="Its priority; it changes if the new place is among runs of another priority.")
    ]
    priority_before: Annotated[int, Field(description="Its priority before the move.")]


class MoveOut(BaseModel):
    """Response of `POST /queue/move`."""

    moved: Annotated[list[MovedRun], Field(description="The moved runs, in their order in the queue.")]
    skipped: Annotated[
        list[BulkSkip], Field(description="Runs that are not queued; only if the request has `ids`.")
    ]
    waiting: Annotated[int, Field(description="Number of queued runs.")]


class WorkerDevice(BaseModel):
    """A device that a worker offers."""

    device: Annotated[str, Field(description="The device, such as `cpu` or `cuda:0`.")]
    name: Annotated[str, Field(description="Name of the hardware.")]


class WorkerOut(BaseModel):
    """A live worker."""

    id: Annotated[str, Field(description="The worker's id.")]
    host: Annotated[str, Field(description="Its host name.")]
    devices: Annotated[list[WorkerDevice], Field(description="Its devices; empty while it detects them.")]
    slots: Annotated[int, Field(description="How many runs it trains at a time.")]
    threads: Annotated[int, Field(description="CPU threads per run.")]
    heartbeat_age_seconds: Annotated[float, Field(description="Seconds since its last heartbeat.")]
    runs: Annotated[list[int], Field(description="Ids of the runs that it trains.")]
    versions: Annotated[dict[str, str], Field(description="Versions of its software.")]


class WorkerList(BaseModel):
    """Response of `GET /workers`."""

    workers: Annotated[list[WorkerOut], Field(description="Live workers.")]
    machines: Annotated[
        list[MachineOut], Field(description="Machines of workers, with their use over the last hour.")
    ]
    server: Annotated[ServerOut, Field(description="The server that responded.")]


class Health(BaseModel):
    """Response of `GET /health`."""

    status: Annotated[Literal["ok"], Field(description="The server responds.")]
    version: Annotated[str, Field(description="Version of Depthboard.")]
    time: Annotated[
        str, Field(description="Current time of the database's clock, as used for all times in responses.")
    ]
    database: Annotated[
        Literal["unchecked", "checking", "sound", "damaged"],
        Field(
            description="Result of the integrity check of the SQLite file, which runs after an unclean "
            "shutdown; also `damaged` if a request has found damage since."
        ),
    ]
    detail: Annotated[
        str | None, Field(description="The damage found, or a note on the check that passed.")
    ] = None


class FieldError(BaseModel):
    """One error of a request: its location and what was expected."""

    loc: Annotated[list[str | int], Field(description="Location of the value: names and indices.")]
    msg: Annotated[str, Field(description="What was expected, and what was given.")]


class Problem(BaseModel):
    """An error, as RFC 9457 `application/problem+json`."""

    type: Annotated[str, Field(description="Always `about:blank`.")]
    title: Annotated[str, Field(description="Name of the status.")]
    status: Annotated[int, Field(description="The HTTP status.")]
    detail: Annotated[str, Field(description="What was wrong, and what to do.")]
    errors: Annotated[list[FieldError], Field(description="The errors by field; may be empty.")]
