"""What the runs of a study add up to."""

import pytest

from app.queue import actions, endings
from app.storage.database import Database
from tests.app.runs.grids import create, read
from tests.app.states import add_worker, claimed, record
from tests.backends import on_both


@on_both
def test_progress_is_the_share_of_epochs_that_are_settled(database: Database) -> None:
    study = create(database, depth=1, seed=[0, 1], epochs=4)
    claim = claimed(database)
    record(database, claim, 1, 2)
    assert read(database, study.id).progress == pytest.approx(2 / 8)
    with database.write() as session:
        endings.fail(session, claim, "it broke")
    assert read(database, study.id).progress == pytest.approx(4 / 8)


@on_both
def test_deleting_a_run_removes_it_from_its_studies(database: Database) -> None:
    study = create(database, depth=[1, 2])
    with database.write() as session:
        for run_id in study.runs:
            actions.remove(session, run_id)
    empty = read(database, study.id)
    assert (empty.runs, empty.progress, empty.eta_seconds) == ([], 1, None)


def test_more_workers_shorten_the_eta(database: Database) -> None:
    study = create(database, depth=1, seed=list(range(8)))
    alone = study.eta_seconds
    add_worker(database, slots=4)
    together = read(database, study.id).eta_seconds
    assert alone is not None
    assert together is not None
    assert together <= alone
