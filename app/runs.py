"""Reading runs: one of them, the queue, and the epochs that each has recorded."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlmodel import Session, col, select

from app import workers
from app.answers import EPOCH_COLUMNS, EpochColumns, QueueOut, RunDetail, RunOut
from app.db import clock
from app.models import Epoch, Run


def get_run(session: Session, run_id: int) -> RunDetail | None:
    """One run with all that its page shows, None if there is none."""
    run = session.get(Run, run_id)
    if run is None:
        return None
    worker = next((each for each in workers.list_workers(session) if each.id == run.worker_id), None)
    return RunDetail(
        **as_answers(session, [run])[0].model_dump(),
        heartbeat_age_seconds=worker.heartbeat_age_seconds if worker else None,
        worker_id=run.worker_id,
        threads=run.threads,
        resumed_from=run.resumed_from,
        environment=run.environment,
        traceback=run.traceback,
    )


def as_answers(session: Session, runs: Sequence[Run]) -> list[RunOut]:
    """Runs as the contract shows them."""
    moment = clock(session)
    waiting = any(run.status == "queued" for run in runs)
    kinds = workers.live_kinds(session) if waiting else []
    return [_as_answer(run, moment, kinds) for run in runs]


def _as_answer(run: Run, moment: float, kinds: Sequence[frozenset[str] | None]) -> RunOut:
    return RunOut.model_construct(
        id=run.id or 0,
        version=run.version,
        name=run.name,
        status=run.status,
        reason=_waits_for(run.device, kinds) if run.status == "queued" else run.reason,
        study_id=run.study_id,
        depth=run.depth,
        epochs=run.epochs,
        lr=run.lr,
        batch_size=run.batch_size,
        seed=run.seed,
        device=run.device,
        dataset=run.dataset,
        priority=run.priority,
        layer_sizes=run.layer_sizes,
        parameters=run.parameters,
        device_used=run.device_used,
        epochs_done=run.epochs_done,
        eta_seconds=_eta(run, moment),
        attempt=run.attempt,
        crashes=run.crashes,
        created_at=timestamp(run.created_at),
        started_at=timestamp(run.started_at) if run.started_at else None,
        finished_at=timestamp(run.finished_at) if run.finished_at else None,
        train_seconds=run.train_seconds,
        train_loss=run.train_loss,
        test_loss=run.test_loss,
        train_accuracy=run.train_accuracy,
        test_accuracy=run.test_accuracy,
        tags=run.tags,
        note=run.note,
        archived=run.archived,
    )


def _eta(run: Run, moment: float) -> float | None:
    """Seconds until a running run ends, from its own epochs; None before the first of them."""
    if run.status != "running" or not run.epochs_done or run.started_at is None or run.progress_at is None:
        return None
    per_epoch = (run.progress_at - run.started_at) / (run.epochs_done - run.resumed_from)
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


def epoch_columns(session: Session, run_id: int) -> EpochColumns:
    """Every recorded epoch of a run, as columns of one length."""
    return curves(session, [run_id]).get(run_id) or _columns([])


def curves(session: Session, run_ids: Iterable[int]) -> dict[int, EpochColumns]:
    """Every recorded epoch of several runs, by run; a run without epochs has empty columns."""
    rows: dict[int, list[Sequence[float]]] = {run_id: [] for run_id in run_ids}
    fields = [getattr(Epoch, name) for name in EPOCH_COLUMNS]
    query = (
        select(Epoch.run_id, *fields)
        .where(col(Epoch.run_id).in_(rows))
        .order_by(col(Epoch.run_id), col(Epoch.epoch))
    )
    for run_id, *figures in session.exec(query):
        rows[run_id].append(figures)
    return {run_id: _columns(figures) for run_id, figures in rows.items()}


def _columns(rows: Sequence[Sequence[float]]) -> EpochColumns:
    columns = zip(*rows, strict=True) if rows else ([] for _ in EPOCH_COLUMNS)
    named = {name: list(values) for name, values in zip(EPOCH_COLUMNS, columns, strict=True)}
    return EpochColumns.model_construct(None, **named)
