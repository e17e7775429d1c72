"""Studies made from grids."""

from typing import Any

from app.runs import studies
from app.schemas.studies import GridRequest, MoreSeeds, StudyOut, StudyRequest
from app.storage.database import Database
from app.storage.tables import Study
from tests.app.states import ROOM, row


def request(**body: Any) -> GridRequest:
    """A study of three epochs."""
    return StudyRequest.model_validate({"epochs": 3, **body})


def create(database: Database, **body: Any) -> StudyOut:
    """A new study of three epochs."""
    with database.write() as session:
        return studies.create_study(session, request(**body), limit=ROOM)


def more_seeds(database: Database, study_id: int, count: int) -> StudyOut:
    """A study with more seeds."""
    with database.write() as session:
        return studies.add_seeds(session, study_id, [MoreSeeds(seeds=count)], limit=ROOM)


def read(database: Database, study_id: int) -> StudyOut:
    """A study as it is now."""
    with database.read() as session:
        return studies.get_study(session, study_id)


def stored(database: Database, study_id: int) -> Study:
    """The row of a study."""
    with database.read() as session:
        study = session.get(Study, study_id)
        assert study
        return study


def configurations(database: Database, study: StudyOut) -> list[tuple[int, int]]:
    """Depth and seed of each of its runs."""
    return [(run.depth, run.seed) for run in (row(database, run_id) for run_id in study.runs)]
