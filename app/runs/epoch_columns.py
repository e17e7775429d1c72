"""Reads the recorded epochs of runs as columns of equal length; never downsampled."""

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

import orjson
from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from app.schemas.epochs import CURVES, EPOCH_COLUMNS, EpochColumns
from app.storage.database import json_array
from app.storage.tables import Epoch, Run


def of_run(session: Session, run_id: int) -> EpochColumns:
    """All measurements of all recorded epochs of a run."""
    return of_runs(session, [run_id])[run_id]


def of_runs(session: Session, run_ids: Iterable[int]) -> dict[int, EpochColumns]:
    """All measurements of several runs, by run; a run without epochs has empty columns."""
    wanted = list(run_ids)
    query = (
        select(Epoch.run_id, *(getattr(Epoch, name) for name in EPOCH_COLUMNS))
        .where(col(Epoch.run_id).in_(wanted))
        .order_by(col(Epoch.run_id), col(Epoch.epoch))
    )
    rows = session.connection().execute(query)  # rows instead of objects, which would take most of the time
    rows_of = {run_id: zip(*group, strict=True) for run_id, group in groupby(rows, itemgetter(0))}
    empty = [()] * (1 + len(EPOCH_COLUMNS))
    return {
        run_id: EpochColumns.model_construct(
            None, **dict(zip(EPOCH_COLUMNS, map(list, list(rows_of.get(run_id, empty))[1:]), strict=True))
        )
        for run_id in wanted
    }


def curves(session: Session, run_ids: Iterable[int], name: str) -> dict[int, list[tuple[int, float]]]:
    """Epoch and value of one column, by run; a run without epochs is missing."""
    query = (
        select(Epoch.run_id, Epoch.epoch, getattr(Epoch, name))
        .where(col(Epoch.run_id).in_(list(run_ids)))
        .order_by(col(Epoch.run_id), col(Epoch.epoch))
    )
    rows = session.connection().execute(query)
    return {
        run_id: [(epoch, value) for _, epoch, value in group]
        for run_id, group in groupby(rows, itemgetter(0))
    }


def curves_json(session: Session, run_ids: Iterable[int]) -> dict[int, dict[str, orjson.Fragment]]:
    """The `EpochCurves` of several runs, by run; the database writes each column as JSON.

    This is most of the work of a large comparison: 1,000 runs of 200 epochs have 1.4 million figures, and
    converting them to objects and then to text took most of its time.
    """
    wanted = list(run_ids)
    ordered = (
        select(Epoch)
        .where(col(Epoch.run_id).in_(wanted))
        .order_by(col(Epoch.run_id), col(Epoch.epoch))
        .subquery()
    )
    query = select(ordered.c.run_id, *(json_array(ordered.c[name]) for name in CURVES)).group_by(
        ordered.c.run_id
    )
    texts_of = {run_id: texts for run_id, *texts in session.connection().execute(query)}
    empty = ["[]"] * len(CURVES)
    return {
        run_id: dict(zip(CURVES, map(orjson.Fragment, texts_of.get(run_id, empty)), strict=True))
        for run_id in wanted
    }


def last_quarters(session: Session, run_ids: Iterable[int]) -> dict[int, list[float]]:
    """The test accuracies of each run's last quarter of epochs, at least four, in order.

    A run without epochs is missing.
    """
    query = (
        select(Epoch.run_id, Epoch.test_accuracy)
        .join(Run, col(Run.id) == Epoch.run_id)
        .where(
            col(Epoch.run_id).in_(list(run_ids)),
            or_(col(Epoch.epoch) * 4 > col(Run.epochs_done) * 3, col(Epoch.epoch) > col(Run.epochs_done) - 4),
        )
        .order_by(col(Epoch.run_id), col(Epoch.epoch))
    )
    rows = session.connection().execute(query)
    return {run_id: [value for _, value in group] for run_id, group in groupby(rows, itemgetter(0))}


def seconds_to(session: Session, run_ids: Iterable[int], accuracy: float) -> dict[int, float]:
    """Seconds of training up to each run's first epoch with at least this test accuracy, if it has one."""
    reached = (
        select(Epoch.run_id, func.min(Epoch.epoch).label("epoch"))
        .where(col(Epoch.run_id).in_(list(run_ids)), col(Epoch.test_accuracy) >= accuracy)
        .group_by(col(Epoch.run_id))
        .subquery()
    )
    query = (
        select(Epoch.run_id, func.sum(Epoch.seconds))
        .join(reached, (reached.c.run_id == Epoch.run_id) & (col(Epoch.epoch) <= reached.c.epoch))
        .group_by(col(Epoch.run_id))
    )
    return dict(session.connection().execute(query).all())
