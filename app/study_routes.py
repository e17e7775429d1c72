"""Studies for programs: previewed, created, extended, cancelled."""

from fastapi import APIRouter, Request, Response
from sqlmodel import Session

from app import datasets, queue_limit, studies
from app.answers import StudyList, StudyOut, StudyPreview
from app.api import (
    DatabaseOf,
    IdempotencyKeyHeader,
    KeysOf,
    SettingsOf,
    StudyIdPath,
    answer,
    creation,
    problems,
)
from app.requests import MoreRuns, StudyRequest
from app.strict_json import JsonRoute

router = APIRouter(route_class=JsonRoute, responses=problems(422))


@router.post(
    "/studies",
    status_code=201,
    response_model=StudyOut,
    responses=problems(400, 409, 415, 429),
    tags=["studies"],
)
def create_study(
    body: StudyRequest,
    request: Request,
    keys: KeysOf,
    settings: SettingsOf,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """Queue a grid of runs: every hyperparameter may be a list."""

    def create(session: Session) -> tuple[int, StudyOut]:
        datasets.check(body.axes["dataset"], datasets.names(settings.data_dir))
        created = studies.create_study(session, body)
        queue_limit.check(session, settings.queue_limit)
        return created.id, created

    return creation(request, keys.once(idempotency_key, "/studies", body, create), "read_study", "study_id")


@router.post("/studies/preview", response_model=StudyPreview, responses=problems(400, 415), tags=["studies"])
def preview_study(body: StudyRequest, database: DatabaseOf, settings: SettingsOf) -> Response:
    """What a study would be; nothing is created."""
    datasets.check(body.axes["dataset"], datasets.names(settings.data_dir))
    with database.read() as session:
        return answer(studies.preview(session, body))


@router.get("/studies", response_model=StudyList, tags=["studies"])
def list_studies(database: DatabaseOf) -> Response:
    """Every study, newest first."""
    with database.read() as session:
        return answer(StudyList(studies=studies.list_studies(session)))


@router.get("/studies/{study_id}", response_model=StudyOut, responses=problems(404), tags=["studies"])
def read_study(study_id: StudyIdPath, database: DatabaseOf) -> Response:
    """One study and its progress."""
    with database.read() as session:
        found = studies.get_study(session, study_id)
    if found is None:
        raise studies.StudyNotFound(study_id)
    return answer(found)


@router.post(
    "/studies/{study_id}/runs",
    status_code=201,
    response_model=StudyOut,
    responses=problems(400, 404, 409, 415, 429),
    tags=["studies"],
)
def extend_study(
    study_id: StudyIdPath,
    body: MoreRuns,
    request: Request,
    keys: KeysOf,
    settings: SettingsOf,
    *,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """Queue more seeds for every configuration of a study, or for those with certain values."""

    def create(session: Session) -> tuple[int, StudyOut]:
        extended = studies.add_seeds(session, study_id, body.seeds, body.wanted)
        queue_limit.check(session, settings.queue_limit)
        return extended.id, extended

    route = f"/studies/{study_id}/runs"
    return creation(request, keys.once(idempotency_key, route, body, create), "read_study", "study_id")


@router.post("/studies/{study_id}/cancel", response_model=StudyOut, responses=problems(404), tags=["studies"])
def cancel_study(study_id: StudyIdPath, database: DatabaseOf) -> Response:
    """Cancel what has not ended yet."""
    with database.write() as session:
        return answer(studies.cancel_study(session, study_id))
