"""A study from its creation to its deletion, through the package."""

import pytest

from app.runs import studies
from app.runs.studies import StudyNotFound
from app.storage.database import Database
from tests.app.runs.grids import create, more_seeds, read
from tests.app.states import row
from tests.backends import on_both


@on_both
def test_a_study_is_created_extended_edited_cancelled_and_deleted(database: Database) -> None:
    study = create(database, depth=[1, 2])
    assert len(more_seeds(database, study.id, 2).runs) == 6
    with database.write() as session:
        studies.edit(session, study.id, {"name": "Depths", "archived": True})
        studies.cancel_study(session, study.id)
    assert read(database, study.id).counts["cancelled"] == 6
    with database.write() as session:
        left = studies.remove(session, study.id, with_runs=False)
    assert (left.to_delete, left.kept) == ([], [])
    assert {row(database, run_id).study_id for run_id in range(1, 7)} == {None}
    with pytest.raises(StudyNotFound):
        read(database, study.id)
