"""The queue: every way in which a run changes its state.

    queued ──claim──> running ──finish──> finished
      ^  │              │ ├────fail─────> failed     (exception, divergence, too many losses)
      │  └───cancel─────│─┼────cancel───> cancelled
      ├──lose, release──┘ │
      └──────retry────────┴── from failed and cancelled

Losses are counted by their kind, each count until an epoch is recorded that the run never had before.

Each function is one step inside the caller's write transaction. What a worker does carries its claim
and has an effect only while `(id, attempt, status = 'running')` still holds: the fence.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, case, delete, insert, true, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, SQLModel, col, func, select

from app import text_keys
from app.queue import attempts, idempotency, names
from app.schemas.requests import Labels
from app.schemas.status import STATUSES, Outcome, Status
from app.storage.database import clock, next_change, now
from app.storage.tables import Attempt, Deletion, Epoch, Run, StudyRun, Worker
from trainer.config import TrainConfig
from trainer.training.epoch_record import EpochRecord

MAX_CRASHES: Final = 3
"""With so many attempts lost in a row through its own process, without a new epoch, a run fails."""

MAX_WORKER_LOSSES: Final = 10
"""The same through the loss of the worker or its machine, which is seldom a run's doing."""

CANCELLED: Final = "cancelled by user"
_RUNS: Final = SQLModel.metadata.tables["run"]


class RunNotFound(Exception):
    """There is no run with this id."""

    def __init__(self, run_id: int) -> None:
        super().__init__(f"there is no run {run_id}")


class WrongState(Exception):
    """The run is in a state that does not allow what was asked; the message names both."""


Refusals = dict[int, Exception]
"""Of several runs those that were left alone, with the reason."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to write one run, for as long as the attempt is the newest."""

    run_id: int
    attempt: int
    config: TrainConfig
    threads: int
    epochs_done: int


def enqueue(
    session: Session, configs: Sequence[TrainConfig], labels: Labels, study_id: int | None = None
) -> list[Run]:
    """Add queued runs; what the caller commits is the promise that they will be trained."""
    ids = enqueue_all(session, [(config, labels, study_id) for config in configs])
    return list(session.exec(select(Run).where(col(Run.id).in_(ids)).order_by(col(Run.id))))


def enqueue_all(session: Session, wanted: Sequence[tuple[TrainConfig, Labels, int | None]]) -> list[int]:
    """Add queued runs of these configurations, labels and studies; their ids in the same order."""
    if not wanted:
        return []
    change = next_change(session, len(wanted))
    created = clock(session)
    named = names.stored(session, [(config, labels.name) for config, labels, _ in wanted])
    rows = [
        {
            **config.model_dump(),
            "parameters": config.parameters,
            **name,
            "tags": labels.tags,
            "note": labels.note,
            **text_keys.of_run(name["name"], labels.tags, labels.note),
            "dataset_key": text_keys.natural(config.dataset),
            "priority": labels.priority,
            "study_id": study_id,
            "environment": {},
            "change": change + offset,
            "created_at": created,
        }
        for offset, ((config, labels, study_id), name) in enumerate(zip(wanted, named, strict=True))
    ]
    session.connection().execute(insert(_RUNS), rows)
    made = select(Run.id).where(col(Run.change) >= change).order_by(col(Run.change))
    return [run_id or 0 for run_id in session.exec(made)]


def order_of_claims(runs: type[Run] = Run) -> tuple[ColumnElement[Any], ...]:
    """What waiting runs are sorted by to see which is claimed first."""
    return (col(runs.priority).desc(), col(runs.position).asc(), col(runs.id).asc())


def anything_to_claim(session: Session, kinds: Iterable[str]) -> bool:
    """Whether a worker with these kinds of device would find a run; reads only."""
    return session.exec(select(Run.id).where(*_claimable(Run, kinds)).limit(1)).first() is not None


def claim(
    session: Session, worker_id: str, kinds: Iterable[str], *, threads: int, lease_seconds: float
) -> Claim | None:
    """Take the next run that one of these kinds of device (`cpu`, `cuda`, …) can train.

    The first claim fixes the thread count; later attempts repeat it. Epoch records stay until the attempt
    says where it goes on.
    """
    change = next_change(session)
    queued = aliased(Run)
    first = (
        select(queued.id)
        .where(*_claimable(queued, kinds))
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
    attempts.begin(session, run)
    return Claim(_id(run), run.attempt, run.config, run.threads or threads, run.epochs_done)


def _claimable(run: type[Run], kinds: Iterable[str]) -> tuple[ColumnElement[bool], ...]:
    return col(run.status) == "queued", col(run.device).in_(["auto", *kinds])


def report_start(
    session: Session, claim: Claim, device: str, environment: dict[str, str], epoch: int
) -> bool:
    """Note where and with what the attempt trains, and go back to the epoch after which it goes on.

    Later epochs are trained again, so their records go. False if the claim no longer holds.
    """
    standing = _after_epoch(session, claim.run_id, epoch)
    if not _move(session, _held(claim), device_used=device, environment=environment, **standing):
        return False
    later = delete(Epoch).where(col(Epoch.run_id) == claim.run_id, col(Epoch.epoch) > epoch)
    if session.execute(later).rowcount:  # type: ignore[attr-defined]
        _move(session, _held(claim), reset_change=next_change(session))
    attempts.start(session, claim.run_id, claim.attempt, device, epoch)
    return True


def _after_epoch(session: Session, run_id: int, epoch: int) -> dict[str, object]:
    """What a run shows that goes on after this epoch."""
    kept = (Epoch.run_id == run_id, col(Epoch.epoch) <= epoch)
    last = session.get(Epoch, (run_id, epoch))
    return {
        "epochs_done": epoch,
        "resumed_from": epoch,
        "train_seconds": session.exec(select(func.sum(Epoch.seconds)).where(*kept)).one(),
        **{name: getattr(last, name) if last else None for name in _SHOWN},
    }


_SHOWN: Final = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


def record_epoch(session: Session, claim: Claim, record: EpochRecord) -> bool:
    """Store what one epoch measured and show them on the run; False if the claim no longer holds.

    Epochs come in order, and one that is there already stays as it is: whoever does not know whether the
    last commit arrived may repeat it. An epoch that no attempt has reached before ends the run's losses in a
    row; one that is trained again after a loss does not.

    Raises:
        ValueError: an epoch before this one is missing.
    """
    shown = {name: getattr(record, name) for name in _SHOWN}
    is_new = record.epoch > attempts.furthest_before(claim.run_id, claim.attempt)
    losses = {name: case((is_new, 0), else_=getattr(Run, name)) for name in ("crashes", "worker_losses")}
    trained = func.coalesce(Run.train_seconds, 0.0) + record.seconds
    progress = {"epochs_done": record.epoch, "progress_at": now(), "train_seconds": trained}
    next_one = (*_held(claim), col(Run.epochs_done) == record.epoch - 1)
    if not _move(session, next_one, **progress, **losses, **shown):
        return _recorded(session, claim, record.epoch)
    session.add(
        Epoch(run_id=claim.run_id, attempt=claim.attempt, change=next_change(session), **asdict(record))
    )
    return True


def _recorded(session: Session, claim: Claim, epoch: int) -> bool:
    """Whether the claim holds, in which case this epoch has to be there."""
    held = session.exec(select(Run.epochs_done).where(*_held(claim))).first()
    if held is not None and held < epoch:
        raise ValueError(f"run {claim.run_id}: epoch {epoch} came, but only {held} epochs are recorded")
    return held is not None


def finish(session: Session, claim: Claim, results: dict[str, float], reason: str | None = None) -> bool:
    """End a run well: `results` are the final losses and accuracies over both whole splits.

    `reason` says why, if it ended before its last epoch.
    """
    return _end(session, _held(claim), "finished", reason, {**_ended("finished", reason), **results})


def fail(session: Session, claim: Claim, reason: str, traceback: str | None = None) -> bool:
    """End a run because training raised an error."""
    values = {**_ended("failed", reason), "traceback": traceback}
    return _end(session, _held(claim), "failed", reason, values)


def confirm_cancel(session: Session, claim: Claim) -> bool:
    """End a run whose training has stopped because a person asked for it."""
    return _end(session, _held(claim), "cancelled", CANCELLED, _ended("cancelled", CANCELLED))


def release(session: Session, claim: Claim, why: str = "its worker was stopped") -> bool:
    """Give a run back unharmed, as a draining worker does: no loss is counted.

    A run that was to be cancelled ends here, so that nobody trains it again.
    """
    return _release(session, _held(claim), why)


def disown(
    session: Session,
    worker_id: str,
    kept: Collection[tuple[int, int]],
    why: str = "its worker never learned of the claim",
) -> list[int]:
    """Give back the runs that a worker holds without knowing it, as `(run id, attempt)` in none of `kept`.

    That happens when a claim was committed but the answer got lost; the ids of those runs.
    """
    held = session.exec(select(Run).where(Run.worker_id == worker_id, Run.status == "running")).all()
    unknown = [run for run in held if (_id(run), run.attempt) not in kept]
    for run in unknown:
        _release(session, _holding(run), why)
    return [_id(run) for run in unknown]


def _release(session: Session, held: Sequence[ColumnElement[bool]], why: str) -> bool:
    to_cancel = (*held, col(Run.cancel_requested).is_(true()))
    cancelled = _ended("cancelled", CANCELLED)
    return _end(session, to_cancel, "cancelled", CANCELLED, cancelled) or _end(
        session, held, "released", why, _REQUEUED
    )


@dataclass(frozen=True, slots=True)
class _Loss:
    """A way to lose attempts: where they are counted, how many in a row fail the run, and in what words."""

    count: str
    most: int
    told: str


_CRASH: Final = _Loss("crashes", MAX_CRASHES, "crashed")
_WORKER_LOSS: Final = _Loss("worker_losses", MAX_WORKER_LOSSES, "lost worker")


def lose(session: Session, claim: Claim, why: str) -> bool:
    """Count a crash, the end of the run's own process by itself or because it stalled.

    The run is queued again, ends if it was to be cancelled, or fails if it has crashed too often in a row.
    """
    runs = session.exec(select(Run).where(*_held(claim))).all()
    for run in runs:
        _lose(session, run, _CRASH, why)
    return bool(runs)


def reap(session: Session) -> list[int]:
    """Lose every run whose lease is over, and forget workers that have gone silent; ids of those runs."""
    next_change(session)  # holds the writers' lock, so that no heartbeat slips in between look and loss
    expired = session.exec(
        select(Run).where(col(Run.status) == "running", col(Run.lease_expires) < now())
    ).all()
    for run in expired:
        _lose(session, run, _WORKER_LOSS, "its worker went silent")
    session.execute(delete(Worker).where(col(Worker.lease_expires) < now()))
    return [_id(run) for run in expired]


def anything_to_reap(session: Session) -> bool:
    """Whether a lease is over; reads only."""
    late_run = select(Run.id).where(col(Run.status) == "running", col(Run.lease_expires) < now())
    late_worker = select(Worker.id).where(col(Worker.lease_expires) < now())
    return session.exec(late_run.limit(1)).first() is not None or (
        session.exec(late_worker.limit(1)).first() is not None
    )


def retire(session: Session, worker_id: str, why: str) -> list[int]:
    """Lose the runs of a worker that is known to be dead, without waiting for its lease; their ids."""
    held = session.exec(select(Run).where(Run.worker_id == worker_id, Run.status == "running")).all()
    for run in held:
        _lose(session, run, _WORKER_LOSS, why)
    session.execute(delete(Worker).where(col(Worker.id) == worker_id))
    return [_id(run) for run in held]


def _lose(session: Session, run: Run, loss: _Loss, why: str) -> None:
    count = getattr(run, loss.count) + 1
    if run.cancel_requested:
        values = _ended("cancelled", CANCELLED)
    elif count >= loss.most:
        reason = f"{loss.told} {count} times in a row without a new epoch; the last time, {why}"
        values = _ended("failed", reason)
    else:
        values = _REQUEUED
    _end(session, _holding(run), "lost", why, {**values, loss.count: count})


@dataclass(frozen=True, slots=True)
class Held:
    """What the database says of the runs that a worker believes it holds."""

    attempts: frozenset[tuple[int, int]]
    to_cancel: frozenset[tuple[int, int]]


def held_by(session: Session, worker_id: str) -> Held:
    """The `(run id, attempt)` that a worker holds, and which of them a person wants ended."""
    rows = session.exec(
        select(Run.id, Run.attempt, Run.cancel_requested).where(
            Run.worker_id == worker_id, Run.status == "running"
        )
    ).all()
    return Held(
        frozenset((run_id or 0, attempt) for run_id, attempt, _ in rows),
        frozenset((run_id or 0, attempt) for run_id, attempt, asked in rows if asked),
    )


def heartbeat(session: Session, worker_id: str, lease_seconds: float) -> bool:
    """Renew the lease of a worker and of all runs it holds; False if the worker has been forgotten."""
    known = session.execute(
        update(Worker)
        .where(col(Worker.id) == worker_id)
        .values(heartbeat_at=now(), lease_expires=now() + lease_seconds)
        .returning(col(Worker.id))
    )
    session.execute(
        update(Run)
        .where(col(Run.worker_id) == worker_id, col(Run.status) == "running")
        .values(lease_expires=now() + lease_seconds)
    )
    return bool(known.scalars().all())


def cancel(session: Session, run_id: int) -> Run:
    """End a queued run at once; ask the worker of a running one to stop.

    Raises:
        RunNotFound: there is no such run.
        WrongState: it has ended already.
    """
    _raise(cancel_all(session, [run_id]))
    return _read_again(session, run_id)


def cancel_all(session: Session, run_ids: Sequence[int]) -> Refusals:
    """Cancel each of these runs as `cancel` does; all of them in a few statements."""
    states = _states(session, run_ids)
    _move_all(session, _those(states, "queued"), _ended("cancelled", CANCELLED))
    _move_all(session, _those(states, "running"), {"cancel_requested": True})
    why = "is {status}; only a queued or running run can be cancelled"
    return _refused(run_ids, states, ("queued", "running"), why)


def retry(session: Session, run_id: int) -> Run:
    """Queue a failed or cancelled run again, with no losses counted.

    Raises:
        RunNotFound: there is no such run.
        WrongState: it is not failed or cancelled.
    """
    _raise(retry_all(session, [run_id]))
    return _read_again(session, run_id)


def retry_all(session: Session, run_ids: Sequence[int]) -> Refusals:
    """Queue each of these runs again as `retry` does; all of them in a few statements."""
    states = _states(session, run_ids)
    clean = {**_REQUEUED, "crashes": 0, "worker_losses": 0, "traceback": None, "finished_at": None}
    _move_all(session, _those(states, "failed", "cancelled"), clean)
    why = "is {status}; only a failed or cancelled run can be retried"
    return _refused(run_ids, states, ("failed", "cancelled"), why)


def edit(session: Session, run_id: int, changes: Mapping[str, Any], version: int | None = None) -> None:
    """Change what a person may change: name (None for the default), tags, note, archived, priority.

    Raises:
        RunNotFound: there is no such run.
        WrongState: `version` is given and no longer the run's.
    """
    run = get(session, run_id)
    if version is not None and version != run.version:
        raise WrongState(
            f"run {run_id} was changed meanwhile: it has version {run.version}, you read {version}; "
            "read it again"
        )
    if not changes:
        return
    values = dict(changes)
    if "name" in values:
        values |= names.renamed(session, run, values.pop("name"))
    if values.keys() & set(_SEARCHED):
        values |= text_keys.of_run(**{name: values.get(name, getattr(run, name)) for name in _SEARCHED})
    _move(session, _in_state(run), **values, version=run.version + 1)
    session.refresh(run)


def edit_all(session: Session, changes: Mapping[int, Mapping[str, Any]]) -> Refusals:
    """Change each of these runs as `edit` does; all changes name the same fields, and no default name."""
    states = _states(session, changes)
    known = list(states)
    searchable = _with_keys(session, {run_id: changes[run_id] for run_id in known})
    fields = {name for run_id in known for name in searchable[run_id]}
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in fields}
    each = [{f"new_{name}": searchable[run_id][name] for name in fields} for run_id in known]
    _move_all(session, known, {**values, "version": Run.version + 1}, each)
    return _refused(changes, states, STATUSES, "")


_SEARCHED: Final = ("name", "tags", "note")


def _with_keys(session: Session, changes: Mapping[int, Mapping[str, Any]]) -> Mapping[int, Mapping[str, Any]]:
    """Changes of runs together with the keys by which the changed runs are found."""
    if not any(values.keys() & set(_SEARCHED) for values in changes.values()):
        return changes
    columns = [getattr(Run, name) for name in _SEARCHED]
    rows = session.execute(select(Run.id, *columns).where(col(Run.id).in_(changes)))
    stored = {run_id: dict(zip(_SEARCHED, labels, strict=True)) for run_id, *labels in rows}
    return {
        run_id: {
            **values,
            **text_keys.of_run(**{name: values.get(name, stored[run_id][name]) for name in _SEARCHED}),
        }
        for run_id, values in changes.items()
    }


def remove(session: Session, run_id: int) -> None:
    """Delete a run with its epochs, its attempts, its places in studies and what its creation was answered.

    Raises:
        RunNotFound: there is no such run.
        WrongState: it is running; cancel it first.
    """
    _raise(remove_all(session, [run_id]))


def remove_all(session: Session, run_ids: Sequence[int]) -> Refusals:
    """Delete each of these runs as `remove` does; all of them in a few statements."""
    states = _states(session, run_ids)
    ended: tuple[Status, ...] = ("queued", "finished", "failed", "cancelled")
    gone = _those(states, *ended)
    if gone:
        for owned in (Epoch, Attempt, StudyRun):
            session.execute(delete(owned).where(col(owned.run_id).in_(gone)))
        idempotency.forget_runs(session, gone)
        session.execute(delete(Run).where(col(Run.id).in_(gone)))
        change = next_change(session, len(gone))
        traces = [{"run_id": run_id, "change": change + offset} for offset, run_id in enumerate(gone)]
        session.execute(insert(Deletion), traces)
    return _refused(run_ids, states, ended, "is {status}; cancel it before deleting it")


def get(session: Session, run_id: int) -> Run:
    """The run with this id.

    Raises:
        RunNotFound: there is none.
    """
    run = session.get(Run, run_id)
    if run is None:
        raise RunNotFound(run_id)
    return run


_REQUEUED: Final[dict[str, Any]] = {
    "status": "queued",
    "reason": None,
    "worker_id": None,
    "lease_expires": None,
    "cancel_requested": False,
    "started_at": None,
}


def _ended(status: Status, reason: str | None) -> dict[str, Any]:
    return {
        "status": status,
        "reason": reason,
        "worker_id": None,
        "lease_expires": None,
        "cancel_requested": False,
        "finished_at": now(),
    }


def _held(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return _fence(claim.run_id, claim.attempt)


def _holding(run: Run) -> tuple[ColumnElement[bool], ...]:
    return _fence(_id(run), run.attempt)


def _fence(run_id: int, attempt: int) -> tuple[ColumnElement[bool], ...]:
    return col(Run.id) == run_id, col(Run.attempt) == attempt, col(Run.status) == "running"


def _in_state(run: Run) -> tuple[ColumnElement[bool], ...]:
    return col(Run.id) == run.id, col(Run.status) == run.status


def _end(
    session: Session,
    held: Iterable[ColumnElement[bool]],
    outcome: Outcome,
    why: str | None,
    values: Mapping[str, Any],
) -> bool:
    """End the attempt that still holds its run, and write to the run what follows; False if none does."""
    ended = _move(session, held, **values)
    for run in ended:
        attempts.end(session, run, outcome, why)
    return bool(ended)


def _states(session: Session, run_ids: Iterable[int]) -> dict[int, Status]:
    """The state of each of these runs that exists, in the order of their ids."""
    rows = session.execute(select(Run.id, Run.status).where(col(Run.id).in_(run_ids)).order_by(col(Run.id)))
    return dict(rows.all())


def _those(states: Mapping[int, Status], *wanted: Status) -> list[int]:
    return [run_id for run_id, status in states.items() if status in wanted]


def _refused(
    run_ids: Iterable[int], states: Mapping[int, Status], able: Collection[Status], why: str
) -> Refusals:
    """Why each run that is unknown or in none of the states `able` was left alone."""
    return {
        run_id: WrongState(f"run {run_id} {why.format(status=states[run_id])}")
        if run_id in states
        else RunNotFound(run_id)
        for run_id in run_ids
        if states.get(run_id) not in able
    }


def _raise(refusals: Refusals) -> None:
    for refusal in refusals.values():
        raise refusal


def _read_again(session: Session, run_id: int) -> Run:
    run = get(session, run_id)
    session.refresh(run)
    return run


def _move_all(
    session: Session,
    run_ids: Sequence[int],
    values: Mapping[str, Any],
    each: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Write to runs whose state this transaction has read, and number each change.

    `each` holds what differs from run to run, for the parameters that `values` binds.
    """
    if not run_ids:
        return
    change = next_change(session, len(run_ids))
    statement = (
        update(_RUNS)
        .where(_RUNS.c.id == bindparam("moved"))
        .values({**values, "change": bindparam("number")})
    )
    rows = [
        {"moved": run_id, "number": change + offset, **(each[offset] if each else {})}
        for offset, run_id in enumerate(run_ids)
    ]
    session.connection().execute(statement, rows)


def _move(session: Session, where: Iterable[ColumnElement[bool]], **values: object) -> Sequence[Run]:
    """Write to the run that is still as expected, and number the change; none if it is not."""
    statement = (
        update(Run)
        .where(*where)
        .values(**values, change=next_change(session))
        .returning(Run)
        .execution_options(populate_existing=True)
    )
    return session.execute(statement).scalars().all()


def _id(run: Run) -> int:
    if run.id is None:
        raise ValueError("the run has not been stored yet")
    return run.id
