"""Runs in every state, made with the queue's own steps and without training anything."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, select

from app.queue import admission, claims, endings, registry, run_rows
from app.queue.claims import Claim
from app.runs.reading import as_answers
from app.schemas.bodies import Labels
from app.schemas.runs import RunOut
from app.storage.database import Database
from app.storage.tables import Epoch, Run, Study, StudyRun
from trainer.config import TrainConfig
from trainer.training.epoch_record import EpochRecord

CPU = frozenset({"cpu"})
ROOM = 100_000
"""A queue limit that tests do not reach."""

RESULTS = {"train_loss": 0.2, "train_accuracy": 0.95, "test_loss": 0.3, "test_accuracy": 0.94}


def figures(epoch: int, **other: float) -> dict[str, Any]:
    """The columns of an epoch record, with different values for each epoch."""
    return {
        "epoch": epoch,
        "train_loss": 2 / epoch,
        "last_batch_loss": 2.1 / epoch,
        "train_accuracy": 1 - 0.5 / epoch,
        "test_loss": 2.2 / epoch,
        "test_accuracy": 1 - 0.6 / epoch,
        "seconds": 0.25,
        "gradient_norms": [0.5 / epoch],
        "dead_relu": [],
        **other,
    }


def measured(epoch: int, **other: Any) -> EpochRecord:
    """The same epoch as the record that training yields."""
    return EpochRecord(**figures(epoch, **other))


def queue_run(database: Database, labels: Labels | None = None, **config: Any) -> int:
    """Queue a run, by default of one layer and three epochs, and return its id."""
    with database.write() as session:
        wanted = TrainConfig(**{"depth": 1, "epochs": 3, **config})
        return admission.enqueue(session, [wanted], labels or Labels(), limit=ROOM)[0].id or 0


def add_worker(
    database: Database, worker_id: str = "w", *, lease_seconds: float = 60, slots: int = 1
) -> None:
    """Register a worker that offers the CPU."""
    with database.write() as session:
        offer = registry.Offer(slots, 1, [{"device": "cpu", "name": "a CPU"}], {"torch": "2"})
        registry.register(session, worker_id, "here", offer, lease_seconds=lease_seconds)


def take(
    database: Database,
    worker_id: str = "w",
    kinds: frozenset[str] = CPU,
    *,
    threads: int = 1,
    lease_seconds: float = 60,
) -> Claim | None:
    """Claim a run for a worker, if there is one."""
    with database.write() as session:
        return claims.claim(session, worker_id, kinds, threads=threads, lease_seconds=lease_seconds)


def claimed(database: Database, worker_id: str = "w", *, lease_seconds: float = 60) -> Claim:
    """Claim the next run, which must exist."""
    claim = take(database, worker_id, lease_seconds=lease_seconds)
    assert claim is not None
    return claim


def record(database: Database, claim: Claim, *epochs: int) -> bool:
    """Record these epochs and return whether all were accepted."""
    written = []
    for epoch in epochs:
        with database.write() as session:
            written.append(claims.record_epoch(session, claim, measured(epoch)))
    return all(written)


def finished_run(database: Database, test_accuracy: float = 0.94, **config: Any) -> int:
    """The id of a new finished run; no other run may be queued."""
    run_id = queue_run(database, **config)
    assert train(database, test_accuracy) == run_id
    return run_id


def train(database: Database, test_accuracy: float = 0.94) -> int:
    """Claim the next run, which must exist, and finish it. Returns its id."""
    claim = claimed(database)
    with database.write() as session:
        assert claims.report_start(session, claim, "cpu", {"torch": "2"}, 0)
    record(database, claim, *range(1, claim.config.epochs + 1))
    with database.write() as session:
        assert endings.finish(session, claim, {**RESULTS, "test_accuracy": test_accuracy})
    return claim.run_id


def steady(database: Database) -> None:
    """Let test accuracy be the final one in every epoch, as after enough epochs."""
    with database.write() as session:
        runs = {run.id: run.test_accuracy for run in session.exec(select(Run)).all()}
        for epoch in session.exec(select(Epoch)).all():
            if (final := runs[epoch.run_id]) is not None:
                epoch.test_accuracy = final


def study_of(database: Database, runs: Sequence[int]) -> int:
    """A study of these runs at its first look."""
    with database.write() as session:
        study = Study(name="Depths", created_at=1.0, planned=len(runs))
        session.add(study)
        session.flush()
        assert study.id
        session.add_all([StudyRun(study_id=study.id, run_id=run_id) for run_id in runs])
        return study.id


def failed_run(database: Database, reason: str = "it broke", **config: Any) -> int:
    """The id of a new failed run; no other run may be queued."""
    queue_run(database, **config)
    claim = claimed(database)
    with database.write() as session:
        assert endings.fail(session, claim, reason, f"Traceback: {reason}")
    return claim.run_id


def row(database: Database, run_id: int) -> Run:
    """A run's row."""
    with database.read() as session:
        return run_rows.get(session, run_id)


def shown(database: Database, run_id: int) -> RunOut:
    """A run as in responses."""
    with database.read() as session:
        return shown_in(session, run_id)


def shown_in(session: Session, run_id: int) -> RunOut:
    """A run as in responses of this transaction."""
    return as_answers(session, [run_rows.get(session, run_id)])[0]
