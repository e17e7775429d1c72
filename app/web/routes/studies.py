"""JSON routes of studies."""

from fastapi import APIRouter, Response
from sqlmodel import Session

from app.compare.planning import can_show
from app.runs import datasets, studies, usual
from app.schemas.answers import StudyList, StudyOut, StudyPreview
from app.schemas.requests import MoreRuns, StudyRequest
from app.web.api import DatabaseOf, SettingsOf, StudyIdPath, answer, problems
from app.web.creation import CreationOf
from app.web.strict_json import JsonRoute

router = APIRouter(route_class=JsonRoute, responses=problems(422))


@router.post(
    "/studies",
    status_code=201,
    response_model=StudyOut,
    responses=problems(400, 409, 415, 429, has_key=True),
    tags=["studies"],
)
def create_study(body: StudyRequest, creation: CreationOf, settings: SettingsOf) -> Response:
    """Queue a grid of runs: every hyperparameter may be a list."""
    available = datasets.catalogue(settings.data_dir)

    def create(session: Session) -> StudyOut:
        datasets.check(body.axes["dataset"], available)
        return studies.create_study(session, body, limit=creation.limit)

    return creation.answer(body, "/studies", create)


@router.post("/studies/preview", response_model=StudyPreview, responses=problems(400, 415), tags=["studies"])
def preview_study(body: StudyRequest, database: DatabaseOf, settings: SettingsOf) -> Response:
    """Preview a study: its runs, the estimated time and what it can show; nothing is created."""
    available = datasets.catalogue(settings.data_dir)
    datasets.check(body.axes["dataset"], available)
    with database.read() as session:
        found = studies.preview(session, body, available.sizes)
        shown = can_show(session, body, settings)
    warnings = usual.warnings(body.configs, available)
    return answer(found.model_copy(update={"can_show": shown, "warnings": warnings}))


@router.get("/studies", response_model=StudyList, tags=["studies"])
def list_studies(database: DatabaseOf) -> Response:
    """Every study, newest first."""
    with database.read() as session:
        return answer(StudyList(studies=studies.list_studies(session)))


@router.get("/studies/{study_id}", response_model=StudyOut, responses=problems(404), tags=["studies"])
def read_study(study_id: StudyIdPath, database: DatabaseOf) -> Response:
    """One study and its progress."""
    with database.read() as session:
        return answer(studies.get_study(session, study_id))


@router.post(
    "/studies/{study_id}/runs",
    status_code=201,
    response_model=StudyOut,
    responses=problems(400, 404, 409, 415, 429, has_key=True),
    tags=["studies"],
)
def extend_study(study_id: StudyIdPath, body: MoreRuns, creation: CreationOf) -> Response:
    """Queue more seeds for every configuration of a study, or for those with certain values."""
    return creation.answer(
        body,
        "/studies",
        lambda session: studies.add_seeds(session, study_id, body.wanted, limit=creation.limit),
    )


@router.post("/studies/{study_id}/cancel", response_model=StudyOut, responses=problems(404), tags=["studies"])
def cancel_study(study_id: StudyIdPath, database: DatabaseOf) -> Response:
    """Cancel the remaining runs of a study."""
    with database.write() as session:
        return answer(studies.cancel_study(session, study_id))
