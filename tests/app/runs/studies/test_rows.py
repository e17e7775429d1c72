"""Rows of studies and of their members."""

import pytest

from app.runs.studies import rows
from app.storage.database import Database
from app.storage.tables import Study
from tests.app.runs.grids import create
from tests.app.states import finished_run
from tests.backends import on_both


@on_both
def test_shared_runs_are_listed_with_their_other_studies(database: Database) -> None:
    done = finished_run(database)
    first = create(database, depth=[1, 2], reuse=True)
    second = create(database, depth=1, reuse=True)
    third = create(database, depth=[1, 3], reuse=True)
    with database.read() as session:
        assert rows.shared(session, first.id) == {done: [second.id, third.id]}
        assert rows.shared(session, third.id) == {done: [first.id, second.id]}
        assert rows.has_finished(session, first.id)
        assert not rows.any_recorded(session, [run_id for run_id in first.runs if run_id != done])


def test_a_study_that_is_not_stored_has_no_id() -> None:
    with pytest.raises(ValueError, match="not been stored"):
        rows.id_of(Study(name="new", created_at=0))
