"""Bodies of requests and responses about the queue: its runs, moves and the pause."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from app.schemas.bodies import MAX_ID, RunId, Strict, TimeRange
from app.schemas.run_fields import Timestamp
from app.schemas.runs import BulkSkip, RunOut

MoveTo = Annotated[
    Literal["top", "bottom", "up", "down"] | Annotated[int, Field(ge=1, le=MAX_ID)],
    Field(description="The place: an end, one place up or down, or a number from 1."),
]


class MoveRequest(Strict):
    """Body of `POST /queue/move`: one run as `id`, or several as `ids`, which keep their order."""

    id: Annotated[RunId | None, Field(description="Id of the run.")] = None
    ids: Annotated[
        list[RunId] | None, Field(min_length=1, max_length=10_000, description="Ids of several runs.")
    ] = None
    to: MoveTo

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.id is None) == (self.ids is None):
            raise ValueError("expected either `id` or `ids`")
        return self

    @property
    def wanted(self) -> list[int]:
        """The ids of the runs to move."""
        return self.ids if self.ids is not None else [self.id or 0]


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
