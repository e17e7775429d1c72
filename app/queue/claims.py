"""The order of the queue, claims of runs by workers, and the epochs recorded under a claim."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

import sqlalchemy
from sqlalchemy import ColumnElement, Integer, case, column, delete, tuple_, update, values
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from app.queue import attempts, pause, run_rows
from app.storage.database import next_change, now
from app.storage.tables import Epoch, Run
from trainer.config import TrainConfig
from trainer.memory import needed
from trainer.training.epoch_record import EpochRecord

Fence = tuple[ColumnElement[bool], ...]
"""The condition of a worker's write: the run still trains in this attempt."""

_RESULTS: Final = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
"""The fields of a run that show its last epoch."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to write one run while its attempt is the newest."""

    run_id: int
    attempt: int
    config: TrainConfig
    threads: int
    epochs_done: int

    @property
    def fence(self) -> Fence:
        """The condition that is true while the claim is valid."""
        return fence(self.run_id, self.attempt)


def fence(run_id: int, attempt: int) -> Fence:
    """Returns the condition that is true while this attempt trains."""
    return col(Run.id) == run_id, col(Run.attempt) == attempt, col(Run.status) == "running"


def fence_of(run: Run) -> Fence:
    """Returns the condition that is true while a run's newest attempt trains."""
    return fence(run_rows.id_of(run), run.attempt)


def order_of_claims(runs: type[Run] = Run) -> tuple[ColumnElement[Any], ...]:
    """Returns the sort order in which queued runs are claimed."""
    return (col(runs.priority).desc(), col(runs.position).asc(), col(runs.id).asc())


def order_key(priority: int, position: float, run_id: int) -> tuple[int, float, int]:
    """Returns the key that sorts queued runs in the same order."""
    return -priority, position, run_id


def is_ahead_of(run: Run) -> ColumnElement[bool]:
    """Returns the condition that a queued run is claimed before this one."""
    key = tuple_(-col(Run.priority), col(Run.position), col(Run.id))
    return key < order_key(run.priority, run.position, run_rows.id_of(run))


def anything_to_claim(session: Session, kinds: Iterable[str], memory: int | None = None) -> bool:
    """Whether a run for these kinds of device can be claimed; no run can while the queue is paused.

    `memory` limits what it needs, in bytes.
    """
    claimable = (*_claimable(Run, kinds), *_not_too_large(session, Run, memory))
    return session.exec(select(Run.id).where(*claimable).limit(1)).first() is not None


def claim(
    session: Session,
    worker_id: str,
    kinds: Iterable[str],
    *,
    threads: int,
    lease_seconds: float,
    host: str | None = None,
    memory: int | None = None,
) -> Claim | None:
    """Claim the next run that one of these kinds of device (`cpu`, `cuda`, …) can train with this memory.

    It will train on `host`, by default the worker's. The first claim fixes the thread count; later attempts
    repeat it. Epoch records stay until the attempt reports the epoch after which it resumes.
    """
    change = next_change(session)
    queued = aliased(Run)
    first = (
        select(queued.id)
        .where(*_claimable(queued, kinds), *_not_too_large(session, queued, memory))
        .order_by(*order_of_claims(queued))
        .limit(1)
        .scalar_subquery()
    )
    taken = (
        update(Run)
        .where(col(Run.id) == first)
        .values(
            status="running",
            reason=None,
            worker_id=worker_id,
            lease_expires=now() + lease_seconds,
            attempt=Run.attempt + 1,
            threads=func.coalesce(Run.threads, threads),
            started_at=now(),
            progress_at=None,
            finished_at=None,
            device_used=None,
            change=change,
        )
        .returning(Run)
        .execution_options(populate_existing=True)
    )
    runs = session.execute(taken).scalars().all()
    if not runs:
        return None
    run = runs[0]
    attempts.begin(session, run, host)
    return Claim(run_rows.id_of(run), run.attempt, run.config, run.threads or threads, run.epochs_done)


def _claimable(run: type[Run], kinds: Iterable[str]) -> tuple[ColumnElement[bool], ...]:
    return col(run.status) == "queued", col(run.device).in_(["auto", *kinds]), pause.is_running()


def _not_too_large(session: Session, run: type[Run], memory: int | None) -> tuple[ColumnElement[bool], ...]:
    """The condition that a run needs at most this memory, if any queued run needs more.

    The sizes that need more are a table, because databases limit the number of terms and of variables.
    """
    if memory is None:
        return ()
    names = ("depth", "width", "batch_size")
    columns = [getattr(run, name) for name in names]
    sizes = select(Run.depth, Run.width, Run.batch_size).where(Run.status == "queued").distinct()
    too_large = [(*size,) for size in session.exec(sizes) if needed(*size) > memory]
    if not too_large:
        return ()
    of_sizes = values(*(column(name, Integer) for name in names), name="too_large", literal_binds=True)
    return (tuple_(*columns).not_in(sqlalchemy.select(of_sizes.data(too_large).cte())),)


def report_start(
    session: Session, claim: Claim, device: str, environment: dict[str, str], epoch: int
) -> bool:
    """Record an attempt's device and environment, and reset the run to the epoch after which it resumes.

    The records of later epochs, which are trained again, are deleted. Returns False if the claim is lost.
    """
    standing = _after_epoch(session, claim.run_id, epoch)
    if not run_rows.write(session, claim.fence, device_used=device, environment=environment, **standing):
        return False
    later = delete(Epoch).where(col(Epoch.run_id) == claim.run_id, col(Epoch.epoch) > epoch)
    if session.execute(later).rowcount:  # type: ignore[attr-defined]
        run_rows.write(session, claim.fence, reset_change=next_change(session))
    attempts.start(session, claim.run_id, claim.attempt, device, epoch)
    return True


def _after_epoch(session: Session, run_id: int, epoch: int) -> dict[str, object]:
    """Values of a run that resumes after this epoch."""
    kept = (Epoch.run_id == run_id, col(Epoch.epoch) <= epoch)
    last = session.get(Epoch, (run_id, epoch))
    highest = select(Epoch).where(*kept).order_by(col(Epoch.test_accuracy).desc(), col(Epoch.epoch)).limit(1)
    best = session.exec(highest).first()
    return {
        "epochs_done": epoch,
        "resumed_from": epoch,
        "train_seconds": session.exec(select(func.sum(Epoch.seconds)).where(*kept)).one(),
        "best_epoch": best.epoch if best else None,
        "best_test_accuracy": best.test_accuracy if best else None,
        **{name: getattr(last, name) if last else None for name in _RESULTS},
    }


def record_epoch(session: Session, claim: Claim, record: EpochRecord) -> bool:
    """Store an epoch's measurements and show them on the run; returns False if the claim is lost.

    Epochs come in order. A recorded epoch does not change, so that a worker can repeat a commit whose outcome
    is unknown. An epoch that no earlier attempt has reached resets the counts of losses; one that is trained
    again after a loss does not.

    Raises:
        ValueError: an epoch before this one is missing.
    """
    shown = {name: getattr(record, name) for name in _RESULTS}
    is_new = record.epoch > attempts.furthest_before(claim.run_id, claim.attempt)
    losses = {name: case((is_new, 0), else_=getattr(Run, name)) for name in ("crashes", "worker_losses")}
    trained = func.coalesce(Run.train_seconds, 0.0) + record.seconds
    progress = {"epochs_done": record.epoch, "progress_at": now(), "train_seconds": trained}
    is_best = func.coalesce(Run.best_test_accuracy, -1.0) < record.test_accuracy
    best = {
        "best_epoch": case((is_best, record.epoch), else_=Run.best_epoch),
        "best_test_accuracy": case((is_best, record.test_accuracy), else_=Run.best_test_accuracy),
    }
    next_one = (*claim.fence, col(Run.epochs_done) == record.epoch - 1)
    if not run_rows.write(session, next_one, **progress, **losses, **best, **shown):
        return _recorded(session, claim, record.epoch)
    session.add(
        Epoch(
            run_id=claim.run_id,
            attempt=claim.attempt,
            change=next_change(session, epochs=1),
            **asdict(record),
        )
    )
    return True


def _recorded(session: Session, claim: Claim, epoch: int) -> bool:
    """Whether the claim is valid; if it is, this epoch must be recorded."""
    held = session.exec(select(Run.epochs_done).where(*claim.fence)).first()
    if held is not None and held < epoch:
        raise ValueError(f"run {claim.run_id}: received epoch {epoch}, but only {held} epochs are recorded")
    return held is not None
