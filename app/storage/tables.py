"""The tables. Times are seconds since 1970 on the database's clock; `change` orders all writes."""

from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import create_model
from pydantic.fields import FieldInfo
from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, Index, String, UniqueConstraint, false
from sqlmodel import Field, SQLModel

from app.schemas.hyperparameters import HYPERPARAMETERS, KINDS
from app.schemas.run_fields import StoredFields
from app.schemas.status import STATUSES, Outcome
from trainer.config import Hyperparameters, TrainConfig, layer_sizes

_MOST_OF_INTEGER: Final = 2**31 - 1
_ByCodePoint: Final = String().with_variant(String(collation="C"), "postgresql")
"""A text sorted by code point, as in SQLite, in any locale of the database server."""


def _is_large(name: str) -> bool:
    """Whether values of a hyperparameter may need more than 32 bits."""
    return any(
        getattr(bound, "le", 0) > _MOST_OF_INTEGER for bound in Hyperparameters.model_fields[name].metadata
    )


_COLUMNS: Final[dict[str, dict[str, Any]]] = {
    "status": {"sa_type": String},
    "study_id": {"index": True},
    "tags": {"sa_column": Column(JSON, nullable=False)},
}
"""Column options of fields whose type does not imply them."""


def _column(name: str, info: FieldInfo) -> tuple[Any, Any]:
    """A field of a run as a column."""
    default = {"default_factory": list} if info.default_factory else {"default": info.default}
    return info.annotation, Field(**default, **_COLUMNS.get(name, {}))


if TYPE_CHECKING:

    class _RunRow(SQLModel, Hyperparameters, StoredFields):
        """A row with the hyperparameters and the stored fields of responses."""

else:
    _RunRow = create_model(
        "_RunRow",
        __base__=SQLModel,
        **{
            name: (kind, Field(sa_type=BigInteger) if _is_large(name) else ...)
            for name, kind in KINDS.items()
        },
        **{name: _column(name, info) for name, info in StoredFields.model_fields.items()},
    )


class Run(_RunRow, table=True):
    """One training, and its place in the queue: a queued run is the job."""

    __tablename__: ClassVar[str] = "run"
    __table_args__ = (
        CheckConstraint(f"status IN {STATUSES}", name="run_status"),
        CheckConstraint(
            "depth >= 1 AND epochs >= 1 AND lr > 0 AND batch_size >= 1 AND seed >= 0", name="run_bounds"
        ),
        Index("run_claim", "status", "priority", "position", "id"),
        Index("run_archived", "archived"),
        Index("run_name_made", "name_base", "name_repeat", unique=True),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    change: int = Field(index=True, sa_type=BigInteger)
    reset_change: int = Field(default=0, sa_type=BigInteger)
    """The change that discarded epoch records: clients that read earlier must read again."""

    name_base: str | None = None
    """A name made from the hyperparameters, without its count; None for a given name."""

    name_repeat: int | None = None
    """The count in a made name, from 1, which makes the name unique."""

    name_key: str = Field(sa_type=_ByCodePoint)
    """Sort key of the name; `text_keys` makes all keys."""

    search_key: str
    """Search key: name, tags and note without case."""

    dataset_key: str = Field(sa_type=_ByCodePoint)
    traceback: str | None = None
    position: float = 0.0
    resumed_from: int = 0
    """The epoch after which the newest attempt resumed, from its checkpoint; 0 for a new start."""

    worker_id: str | None = Field(default=None, index=True)
    lease_expires: float | None = None

    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    progress_at: float | None = None
    """When the newest epoch record arrived: with `started_at`, the basis of the ETA."""

    threads: int | None = None
    environment: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))

    @property
    def config(self) -> TrainConfig:
        """The hyperparameters that a slot trains with."""
        return TrainConfig(**{name: getattr(self, name) for name in HYPERPARAMETERS})

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Widths from inputs to logits."""
        return layer_sizes(self.depth, self.width)


class Epoch(SQLModel, table=True):
    """The measurements of one epoch."""

    __tablename__: ClassVar[str] = "epoch"

    run_id: int = Field(primary_key=True, foreign_key="run.id", ondelete="CASCADE")
    epoch: int = Field(primary_key=True)
    change: int = Field(index=True, sa_type=BigInteger)
    attempt: int
    train_loss: float
    last_batch_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float
    gradient_norms: list[float] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    dead_relu: list[float] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


class Attempt(SQLModel, table=True):
    """The history of one claim of a run; it stays when later attempts continue the run."""

    __tablename__: ClassVar[str] = "attempt"

    run_id: int = Field(primary_key=True, foreign_key="run.id", ondelete="CASCADE")
    attempt: int = Field(primary_key=True)
    worker_id: str
    host: str
    device: str | None = None
    started_at: float
    ended_at: float | None = None
    resumed_from: int = 0
    """The epoch after which it resumed; 0 for a new start."""

    reached: int = 0
    """Epochs of the run that were recorded when the attempt ended."""

    outcome: Outcome | None = Field(default=None, sa_type=String)
    """None while it trains."""

    reason: str | None = None


class Study(SQLModel, table=True):
    """Runs that belong together, usually a grid launched from one form."""

    __tablename__: ClassVar[str] = "study"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, primary_key=True)
    name: str
    created_at: float
    look: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    """How many times results were visible before runs were added, counted from 1."""
    planned: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How many runs were planned; runs that were deleted count. 0 after runs with results were added."""
    description: str = Field(default="", sa_column_kwargs={"server_default": ""})
    tags: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False, server_default="[]"))
    archived: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    version: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    """Each edit increases it."""


class StudyRun(SQLModel, table=True):
    """Membership of a run in a study; a run can belong to several."""

    __tablename__: ClassVar[str] = "study_run"

    study_id: int = Field(primary_key=True, foreign_key="study.id", ondelete="CASCADE")
    run_id: int = Field(primary_key=True, foreign_key="run.id", ondelete="CASCADE", index=True)


class SavedQuery(SQLModel, table=True):
    """A named query string: a view of the list of runs, or a preset of the form for new runs."""

    __tablename__: ClassVar[str] = "saved_query"
    __table_args__ = (UniqueConstraint("kind", "name"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    """`view` or `preset`."""

    name: str
    query: str
    created_at: float


class Pause(SQLModel, table=True):
    """While the queue is paused, this table has one row, and no run is claimed."""

    __tablename__: ClassVar[str] = "pause"

    id: int = Field(default=1, primary_key=True)
    since: float


class Notice(SQLModel, table=True):
    """Something to tell the operator's webhook, kept until it has accepted the message."""

    __tablename__: ClassVar[str] = "notice"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, primary_key=True)
    kind: str
    """`run_failed` or `study_ended`."""

    subject: int
    """The id of the run or study."""

    reason: str | None = None
    """Why the run failed; a retry clears the reason that its row has."""

    created_at: float
    due_at: float = Field(index=True)
    """When to send it, or to send it again."""

    tries: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class Worker(SQLModel, table=True):
    """A process that claims runs; it gets a new random id at every start."""

    __tablename__: ClassVar[str] = "worker"

    id: str = Field(primary_key=True)
    host: str
    slots: int
    threads: int
    devices: list[dict[str, str]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    versions: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    nodes: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """The machines of its cluster, as in `registry.Node`; empty if it trains on its own machine only."""

    started_at: float
    heartbeat_at: float
    lease_expires: float


class MachineSample(SQLModel, table=True):
    """How busy a worker's machine was; the samples of the last hour are kept."""

    __tablename__: ClassVar[str] = "machine_sample"

    host: str = Field(primary_key=True)
    at: float = Field(primary_key=True)
    cores: int
    cpu: float
    """Fraction of all cores that was busy since the sample before."""

    memory_used: int = Field(sa_type=BigInteger)
    """Bytes that are not available to other processes."""

    memory_total: int = Field(sa_type=BigInteger)
    gpus: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """One entry per GPU: `name`, `use` (a fraction), `memory_used` and `memory_total` in bytes."""


class Deletion(SQLModel, table=True):
    """A record of a deleted run, so that open pages learn of the deletion."""

    __tablename__: ClassVar[str] = "deletion"

    run_id: int = Field(primary_key=True)
    change: int = Field(index=True, sa_type=BigInteger)


class PendingDeletion(SQLModel, table=True):
    """A run that remains to be deleted, because its study was deleted with its runs."""

    __tablename__: ClassVar[str] = "pending_deletion"

    run_id: int = Field(primary_key=True, foreign_key="run.id", ondelete="CASCADE")


class Counter(SQLModel, table=True):
    """One row with the number of the newest change; every write transaction increases it."""

    __tablename__: ClassVar[str] = "counter"

    id: int = Field(default=1, primary_key=True)
    value: int = Field(default=0, sa_type=BigInteger)
    origin: int = Field(default=0, sa_type=BigInteger)
    """0; in a restored database, a number above all earlier changes and below all of its own."""
    queue_change: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    """The number of the newest change that paused or resumed the queue."""
    epochs: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    """How many epochs were ever recorded; deleted and repeated ones count."""


class IdempotencyKey(SQLModel, table=True):
    """The stored response to a request with an `Idempotency-Key`, returned when the request is repeated."""

    __tablename__: ClassVar[str] = "idempotency_key"

    key: str = Field(primary_key=True)
    route: str = Field(primary_key=True)
    body_digest: str
    resource_id: int = Field(index=True)
    answer: str
    """The JSON of the response; empty after the created resource was deleted."""

    created_at: float
