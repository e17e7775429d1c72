"""Admission of runs to the queue, new or retried, within the queue limit."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import case, insert, update
from sqlmodel import Session, col, func, select

from app import text_keys
from app.queue import names, pause, run_rows
from app.queue.claims import order_of_claims
from app.queue.forecasting.estimate import estimate
from app.queue.run_rows import Refusals
from app.schemas.bodies import Labels
from app.storage.database import clock, next_change
from app.storage.tables import Run, Study, StudyRun
from trainer.config import TrainConfig

LONGEST_WAIT: Final = 3600
"""Upper bound of `Retry-After` in seconds, even if the queue will be full for longer."""

_LABELS: Final = tuple(name for name in Labels.model_fields if name != "name")
"""The labels that a row stores unchanged; a name may have to be made."""


class QueueFull(Exception):
    """The queue limit would be exceeded; the message says what to do; `retry_after` is in seconds."""

    def __init__(self, waiting: int, limit: int, retry_after: int = LONGEST_WAIT) -> None:
        super().__init__(
            f"the queue would hold {waiting:,} runs; the limit is {limit:,} (DEPTHBOARD_QUEUE_LIMIT). Try "
            "again when some runs have finished, or cancel queued runs"
        )
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Additional headers of the response."""
        return {"Retry-After": str(self.retry_after)}


def enqueue(session: Session, configs: Sequence[TrainConfig], labels: Labels, *, limit: int) -> list[Run]:
    """Add queued runs; the caller's commit promises that they will be trained.

    Raises:
        QueueFull: more than `limit` runs would wait; the caller's transaction has to be given up.
    """
    ids = enqueue_all(session, [(config, labels, None) for config in configs], limit=limit)
    return list(session.exec(select(Run).where(col(Run.id).in_(ids)).order_by(col(Run.id))))


def enqueue_all(
    session: Session, wanted: Sequence[tuple[TrainConfig, Labels, int | None]], *, limit: int
) -> list[int]:
    """Add queued runs with these configurations, labels and studies. Returns their ids in the same order.

    Raises `QueueFull` like `enqueue`.
    """
    if not wanted:
        return []
    change = next_change(session, len(wanted))
    created = clock(session)
    position = _end_of_queue(session)
    named = names.columns(session, [(config, labels.name) for config, labels, _ in wanted])
    rows = [
        {
            **config.model_dump(),
            "parameters": config.parameters,
            **name,
            **{label: getattr(labels, label) for label in _LABELS},
            **text_keys.of_run(name["name"], labels.tags, labels.note),
            "dataset_key": text_keys.natural(config.dataset),
            "study_id": study_id,
            "environment": {},
            "change": change + offset,
            "created_at": created,
            "position": position,
        }
        for offset, ((config, labels, study_id), name) in enumerate(zip(wanted, named, strict=True))
    ]
    session.connection().execute(insert(run_rows.TABLE), rows)
    _check(session, limit)
    made = select(Run.id).where(col(Run.change) >= change).order_by(col(Run.change))
    return [run_id or 0 for run_id in session.exec(made)]


def retry(session: Session, run_id: int, *, limit: int) -> Run:
    """Queue a failed or cancelled run again, and reset its counts of losses.

    Raises:
        RunNotFound: there is no such run.
        WrongState: it is not failed or cancelled.
        QueueFull: more than `limit` runs would wait; the caller's transaction has to be given up.
    """
    run_rows.raise_first(_requeue(session, [run_id]))
    _check(session, limit)
    return run_rows.read_again(session, run_id)


def retry_all(session: Session, run_ids: Sequence[int], *, limit: int) -> Refusals:
    """Queue these runs again like `retry`, in this order, while fewer than `limit` wait."""
    refusals: Refusals = {}
    room = limit - _count_waiting(session)
    while run_ids and room > 0:
        some, run_ids = run_ids[:room], run_ids[room:]
        refused = _requeue(session, some)
        refusals |= refused
        room -= len(some) - len(refused)
    return refusals | {run_id: QueueFull(limit - room + 1, limit) for run_id in run_ids}


def _requeue(session: Session, run_ids: Sequence[int]) -> Refusals:
    """Queue the failed and cancelled ones of these runs again, in a few statements."""
    states = run_rows.states_of(session, run_ids)
    clean = {**run_rows.REQUEUED, "crashes": 0, "worker_losses": 0, "traceback": None, "finished_at": None}
    clean["position"] = _end_of_queue(session)
    _count_looks(session, run_rows.those_in(states, "failed"))
    retried = run_rows.those_in(states, "failed", "cancelled")
    run_rows.write_all(session, retried, clean)
    run_rows.keep(session, retried)
    why = "is {status}; only a failed or cancelled run can be retried"
    return run_rows.refusals(run_ids, states, ("failed", "cancelled"), why)


def _count_looks(session: Session, failed: Sequence[int]) -> None:
    """Count another look at each complete study of these failed runs: its verdict was final without them."""
    studies = select(StudyRun.study_id).where(col(StudyRun.run_id).in_(failed))
    final = (
        select(Study.id)
        .join(StudyRun, col(StudyRun.study_id) == Study.id)
        .join(Run, col(Run.id) == StudyRun.run_id)
        .where(col(Study.id).in_(studies), col(Run.status).in_(("finished", "failed")))
        .group_by(col(Study.id))
        .having(func.count() >= col(Study.planned), func.count(case((col(Run.status) == "finished", 1))) > 0)
    )
    if failed and (ids := list(session.exec(final))):
        session.execute(update(Study).where(col(Study.id).in_(ids)).values(look=col(Study.look) + 1))


def _end_of_queue(session: Session) -> float:
    """The highest position in the queue; runs at equal positions start in order of their ids."""
    return max(0.0, session.exec(select(func.max(Run.position)).where(Run.status == "queued")).one() or 0.0)


def _check(session: Session, limit: int) -> None:
    """Check the queue limit after this transaction has added runs. Raises `QueueFull`."""
    waiting = _count_waiting(session)
    if waiting <= limit:
        return
    first = (
        select(Run)
        .where(Run.status == "queued")
        .order_by(*order_of_claims())
        .limit(min(waiting - limit, limit))
    )
    if pause.since(session) is not None:
        raise QueueFull(waiting, limit)
    seconds = estimate(session, [run.config for run in session.exec(first)]).seconds
    raise QueueFull(waiting, limit, max(1, min(LONGEST_WAIT, round(seconds))))


def _count_waiting(session: Session) -> int:
    return session.exec(select(func.count()).where(Run.status == "queued")).one()
