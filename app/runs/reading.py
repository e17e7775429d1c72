"""Reads runs, and one run's details."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import case
from sqlmodel import Session, col, func, select

from app import formats
from app.queue import pause, registry, run_rows
from app.queue.claims import is_ahead_of
from app.queue.forecasting import forecast
from app.queue.forecasting.estimate import basis
from app.queue.forecasting.forecast import Plan
from app.queue.forecasting.pace import Guess
from app.runs import verification
from app.runs.guessing import Chance
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.run_fields import TIMES, StoredFields
from app.schemas.runs import AttemptOut, QueuePlace, RunDetail, RunOut, TimeLeft
from app.schemas.status import ENDED
from app.storage.tables import Attempt, Pause, Run
from trainer.config import TRAIN_IMAGES, training_flops_per_image
from trainer.memory import needed

DIGITS: Final = 8
"""Number of characters of a data set's digest that identify its version."""

PAUSED: Final = "the queue is paused"
"""The reason of queued runs while the queue is paused."""

_AS_STORED: Final = tuple(name for name in StoredFields.model_fields if name != "reason")
"""Fields copied from the table. `reason` is not one: for a queued run it says what the run waits for."""

_DETAILS: Final = tuple(
    name for name in RunDetail.model_fields if name in Run.model_fields and name not in RunOut.model_fields
)
"""Fields copied from the table that only the details of a run have."""


def get_run(session: Session, run_id: int, location: str | None = None) -> RunDetail:
    """One run with all its details; without `location`, which is that of all artifacts, no verification.

    Raises:
        RunNotFound: the run does not exist.
    """
    run = run_rows.get(session, run_id)
    worker = next((live for live in registry.list_workers(session) if live.id == run.worker_id), None)
    plan = forecast.plan(session) if run.status == "queued" else None
    return RunDetail(
        **as_answers(session, [run])[0].model_dump(),
        **{name: getattr(run, name) for name in _DETAILS},
        heartbeat_age_seconds=worker.heartbeat_age_seconds if worker else None,
        attempts=_attempts(session, run),
        time_left=_time_left(session, run, plan),
        queue=_place(session, run, plan) if plan else None,
        verification=verification.of(session, run, location) if location else None,
    )


def _time_left(session: Session, run: Run, plan: Plan | None) -> TimeLeft | None:
    """Seconds until an open run ends; None if no slot can train it."""
    if run.status in ENDED:
        return None
    forecasts = plan.ends if plan else forecast.remaining(session, [run])
    left = forecasts.get(run.id or 0)
    if left is None:
        return None
    has_epochs = run.status == "running" and run.epochs_done > run.resumed_from
    return TimeLeft(
        seconds=round(left.seconds, 1),
        range=left.range,
        basis="its own last epochs" if has_epochs else basis([left]),
    )


def _place(session: Session, run: Run, plan: Plan) -> QueuePlace:
    """The place of a queued run, and when it is expected to start."""
    queued = select(func.count(), func.count(case((is_ahead_of(run), 1)))).where(Run.status == "queued")
    of, ahead = session.connection().execute(queued).one()
    paused = session.exec(select(Pause.since)).first() is not None
    start = None if paused else plan.starts.get(run.id or 0)
    return QueuePlace(
        place=ahead + 1,
        of=of,
        paused=paused,
        starts_in_seconds=round(start.seconds, 1) if start else None,
        range=start.range if start else None,
    )


def find_runs(session: Session, run_ids: Iterable[int]) -> list[RunOut]:
    """The existing runs among these, ordered by id."""
    return as_answers(
        session, session.exec(select(Run).where(col(Run.id).in_(run_ids)).order_by(col(Run.id))).all()
    )


def _attempts(session: Session, run: Run) -> list[AttemptOut]:
    """The attempts of a run in order; earlier versions recorded none."""
    rows = session.exec(select(Attempt).where(Attempt.run_id == run.id).order_by(col(Attempt.attempt)))
    return [
        AttemptOut(
            attempt=row.attempt,
            worker_id=row.worker_id,
            host=row.host,
            device=row.device,
            started_at=timestamp(row.started_at),
            ended_at=timestamp(row.ended_at) if row.ended_at else None,
            resumed_from=row.resumed_from,
            reached=row.reached if row.ended_at else run.epochs_done,
            outcome=row.outcome,
            reason=row.reason,
        )
        for row in rows
    ]


def as_answers(session: Session, runs: Sequence[Run]) -> list[RunOut]:
    """Runs as API responses."""
    waiting = any(run.status == "queued" for run in runs)
    waits_for = _Waiting.read(session) if waiting else None
    left = forecast.remaining(session, [run for run in runs if run.status == "running"])
    return [_as_answer(run, left.get(run.id or 0), waits_for) for run in runs]


def _as_answer(run: Run, left: Guess | None, waiting: "_Waiting | None") -> RunOut:
    images = int(run.environment.get("train_images", TRAIN_IMAGES))
    chance = Chance.of(run.dataset, run.environment)
    stored: dict[str, Any] = {name: getattr(run, name) for name in (*HYPERPARAMETERS, *_AS_STORED)}
    times: dict[str, Any] = {
        name: timestamp(seconds) if (seconds := getattr(run, name)) else None for name in TIMES
    }
    return RunOut.model_construct(
        **stored,
        **times,
        id=run.id or 0,
        reason=waiting.reason(run) if waiting and run.status == "queued" else run.reason,
        layer_sizes=list(run.layer_sizes),
        updates_per_epoch=-(-images // run.batch_size),
        flops_per_epoch=images * training_flops_per_image(run.layer_sizes),
        data_version=run.environment.get("data_sha256", "")[:DIGITS] or None,
        data_warnings=run.environment.get("data_warnings", "").splitlines(),
        eta_seconds=round(left.seconds, 1) if left else None,
        chance_accuracy=chance.accuracy if chance else None,
        guessing=chance.judge(run.test_accuracy) if chance else None,
    )


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What queued runs can wait for: a pause of the queue, or a device or the memory of a live worker."""

    paused: bool
    kinds: Sequence[frozenset[str] | None]
    memory: int | None

    @classmethod
    def read(cls, session: Session) -> "_Waiting":
        memory = registry.most_memory(session)
        return cls(pause.since(session) is not None, registry.live_kinds(session), memory)

    def reason(self, run: Run) -> str | None:
        """Why a queued run can't start; None if it waits for a slot only, or if that is unknown."""
        if self.paused:
            return PAUSED
        if not self.kinds:
            return "no live worker"
        if not any(some is None or some for some in self.kinds):
            return "no live worker has a slot"
        return None if None in self.kinds else self._lacking(run)

    def _lacking(self, run: Run) -> str | None:
        """What no live worker has of what a run needs; None if one has it."""
        memory = needed(run.depth, run.width, run.batch_size)
        offered = {kind for some in self.kinds if some for kind in some}
        if run.device not in ("auto", *offered):
            return f"no live worker has {run.device}"
        if self.memory is not None and memory > self.memory and registry.is_for_cpu(run.device, offered):
            return f"no live worker has {formats.size(memory)} of memory per run"
        return None


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
