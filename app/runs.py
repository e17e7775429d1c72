"""Reading runs: one of them with its attempts, several, and the queue."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlmodel import Session, col, select

from app import workers
from app.answers import AttemptOut, QueueOut, RunDetail, RunOut
from app.db import clock
from app.guessing import Chance
from app.models import Attempt, Run
from trainer.config import TRAIN_IMAGES, training_flops_per_image

DIGITS: Final = 8
"""How much of a data set's digest tells its versions apart."""


def get_run(session: Session, run_id: int) -> RunDetail | None:
    """One run with all that its page shows, None if there is none."""
    run = session.get(Run, run_id)
    if run is None:
        return None
    worker = next((each for each in workers.list_workers(session) if each.id == run.worker_id), None)
    return RunDetail(
        **as_answers(session, [run])[0].model_dump(),
        resumed_from=run.resumed_from,
        heartbeat_age_seconds=worker.heartbeat_age_seconds if worker else None,
        worker_id=run.worker_id,
        threads=run.threads,
        environment=run.environment,
        traceback=run.traceback,
        attempts=_attempts(session, run),
    )


def find_runs(session: Session, run_ids: Iterable[int]) -> list[RunOut]:
    """Those of the runs that exist, by id."""
    return as_answers(
        session, session.exec(select(Run).where(col(Run.id).in_(run_ids)).order_by(col(Run.id))).all()
    )


def _attempts(session: Session, run: Run) -> list[AttemptOut]:
    """The attempts at a run in order; those of versions that kept no history are missing."""
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
    """Runs as the contract shows them."""
    moment = clock(session)
    waiting = any(run.status == "queued" for run in runs)
    kinds = workers.live_kinds(session) if waiting else []
    return [_as_answer(run, moment, kinds) for run in runs]


def _as_answer(run: Run, moment: float, kinds: Sequence[frozenset[str] | None]) -> RunOut:
    images = int(run.environment.get("train_images", TRAIN_IMAGES))
    chance = Chance.of(run.dataset, run.environment)
    return RunOut.model_construct(
        id=run.id or 0,
        version=run.version,
        name=run.name,
        status=run.status,
        reason=_waits_for(run.device, kinds) if run.status == "queued" else run.reason,
        cancel_requested=run.cancel_requested,
        study_id=run.study_id,
        depth=run.depth,
        epochs=run.epochs,
        lr=run.lr,
        batch_size=run.batch_size,
        seed=run.seed,
        width=run.width,
        optimizer=run.optimizer,
        momentum=run.momentum,
        weight_decay=run.weight_decay,
        dropout=run.dropout,
        schedule=run.schedule,
        patience=run.patience,
        precision=run.precision,
        device=run.device,
        dataset=run.dataset,
        priority=run.priority,
        layer_sizes=list(run.layer_sizes),
        parameters=run.parameters,
        updates_per_epoch=-(-images // run.batch_size),
        flops_per_epoch=images * training_flops_per_image(run.layer_sizes),
        device_used=run.device_used,
        data_version=run.environment.get("data_sha256", "")[:DIGITS] or None,
        data_warnings=run.environment.get("data_warnings", "").splitlines(),
        epochs_done=run.epochs_done,
        eta_seconds=_eta(run, moment),
        attempt=run.attempt,
        crashes=run.crashes,
        worker_losses=run.worker_losses,
        created_at=timestamp(run.created_at),
        started_at=timestamp(run.started_at) if run.started_at else None,
        finished_at=timestamp(run.finished_at) if run.finished_at else None,
        train_seconds=run.train_seconds,
        train_loss=run.train_loss,
        test_loss=run.test_loss,
        train_accuracy=run.train_accuracy,
        test_accuracy=run.test_accuracy,
        chance_accuracy=chance.accuracy if chance else None,
        guessing=chance.judge(run.test_accuracy) if chance else None,
        tags=run.tags,
        note=run.note,
        archived=run.archived,
    )


def _eta(run: Run, moment: float) -> float | None:
    """Seconds until a running run ends, from this attempt's own epochs; None before the first of them."""
    trained = run.epochs_done - run.resumed_from
    if run.status != "running" or trained <= 0 or run.started_at is None or run.progress_at is None:
        return None
    per_epoch = (run.progress_at - run.started_at) / trained
    remaining = per_epoch * (run.epochs - run.epochs_done) - (moment - run.progress_at)
    return round(max(0.0, remaining), 1)


def _waits_for(device: str, kinds: Sequence[frozenset[str] | None]) -> str | None:
    """Why no live worker can take a queued run; None if one can, or may yet."""
    if not kinds:
        return "no live worker"
    if None in kinds or device == "auto" or any(device in some for some in kinds if some):
        return None
    return f"no live worker has {device}"


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def queue(session: Session) -> QueueOut:
    """What runs, oldest claim first, and what waits, in the order of the claims to come."""
    running = session.exec(
        select(Run).where(Run.status == "running").order_by(col(Run.started_at), col(Run.id))
    ).all()
    queued = session.exec(
        select(Run)
        .where(Run.status == "queued")
        .order_by(col(Run.priority).desc(), col(Run.position), col(Run.id))
    ).all()
    return QueueOut(running=as_answers(session, running), queued=as_answers(session, queued))
