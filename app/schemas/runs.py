"""Bodies of requests and responses about runs: launch, edits, bulk actions, details."""

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, Field, create_model, model_validator

from app.schemas import run_fields
from app.schemas.bodies import MAX_ID, Labels, Name, Note, Priority, RunId, Strict, Tag, Tags, TimeRange
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.run_fields import ComputedFields, StoredFields, Timestamp
from app.schemas.status import Outcome
from trainer.config import Hyperparameters, TrainConfig

MAX_BULK: Final = 10_000
MAX_FILTER: Final = 20_000


class RunRequest(TrainConfig, Labels):
    """Body of `POST /runs`."""

    @property
    def config(self) -> TrainConfig:
        """Only the hyperparameters."""
        return TrainConfig(**self.model_dump(include=set(HYPERPARAMETERS)))


class RunPatch(Strict):
    """Body of `PATCH /runs/{id}`; omitted fields stay unchanged."""

    version: Annotated[
        int | None,
        Field(ge=1, le=MAX_ID, description="The version that was read; an outdated one is rejected."),
    ] = None
    name: Annotated[Name | None, Field(description="Null for the name made from hyperparameters.")] = None
    tags: Annotated[
        Tags, Field(default_factory=list, description="Up to 20 tags; they replace the old ones.")
    ]
    note: Annotated[Note, Field(default_factory=str, description="Free text.")]
    archived: Annotated[bool, Field(default_factory=bool, description="Whether lists hide it by default.")]
    priority: Annotated[Priority, Field(default_factory=int, description="Higher priority starts first.")]


BulkAction = Literal["cancel", "retry", "archive", "restore", "delete", "tag", "untag"]


class BulkRequest(Strict):
    """Body of `POST /runs/bulk`: an action on runs that are listed by id or that match a filter."""

    ids: Annotated[list[RunId], Field(min_length=1, max_length=MAX_BULK, description="Ids of the runs.")] = []  # noqa: RUF012  # pydantic copies defaults
    filter: Annotated[
        str | None,
        Field(
            max_length=MAX_FILTER,
            description="Alternative to `ids`: the query string of `GET /runs` that selects runs, such "
            "as `status=failed&lr=>0.1`. `archived=all` selects all runs; an empty filter is rejected.",
        ),
    ] = None
    expected: Annotated[
        int | None,
        Field(
            ge=0,
            le=MAX_ID,
            description="Only with `filter`: the number of runs that it must match; otherwise nothing is "
            "changed and the response is `409`.",
        ),
    ] = None
    action: Annotated[BulkAction, Field(description="What to do with each run.")]
    tag: Annotated[Tag | None, Field(description="The tag; only with the actions tag and untag.")] = None

    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        if bool(self.ids) == (self.filter is not None):
            raise ValueError("expected either `ids` or `filter`")
        if self.expected is not None and self.filter is None:
            raise ValueError("`expected` is allowed only with `filter`")
        return self

    @model_validator(mode="after")
    def _tag_belongs(self) -> Self:
        if (self.tag is not None) != (self.action in ("tag", "untag")):
            raise ValueError("`tag` is required for the actions tag and untag, and not allowed for others")
        return self


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
