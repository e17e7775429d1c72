"""JSON routes of studies."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session

from app.compare.planning import can_show
from app.runs import datasets, prospects, studies, study_deletion, usual
from app.runs.studies.listing import DESCRIBED
from app.schemas.runs import BulkOut
from app.schemas.studies import (
    MoreRuns,
    Rejection,
    StudyList,
    StudyOut,
    StudyPatch,
    StudyPreview,
    StudyRequest,
)
from app.web.api import DatabaseOf, RunIdPath, SettingsOf, StoppingOf, StudyIdPath, answer, problems
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
        evidence = prospects.evidence(session, body.configs)
    more = {
        "can_show": shown,
        "warnings": usual.warnings(body.configs, available, evidence),
        "rejected": [Rejection(reason=reason, combinations=count) for reason, count in body.rejected.items()],
        "past": evidence.near(body.configs),
    }
    return answer(found.model_copy(update=more))


@router.get(
    "/studies",
    response_model=StudyList,
    tags=["studies"],
    openapi_extra={
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "schema": {"type": "string"},
                "description": words,
            }
            for name, words in DESCRIBED.items()
        ]
    },
)
def list_studies(request: Request, database: DatabaseOf) -> Response:
    """List studies, filtered, sorted and paged; by default all that are not archived, newest first."""
    query = studies.StudyQuery.parse(request.query_params.multi_items(), strict=True)
    with database.read() as session:
        return answer(studies.list_studies(session, query))


@router.get("/studies/{study_id}", response_model=StudyOut, responses=problems(404), tags=["studies"])
def read_study(study_id: StudyIdPath, database: DatabaseOf) -> Response:
    """One study and its progress."""
    with database.read() as session:
        return answer(studies.get_study(session, study_id))


@router.patch(
    "/studies/{study_id}", response_model=StudyOut, responses=problems(400, 404, 409, 415), tags=["studies"]
)
def change_study(study_id: StudyIdPath, body: StudyPatch, database: DatabaseOf) -> Response:
    """Change a study's name, description or tags, or archive it."""
    changes = body.model_dump(exclude_unset=True, exclude={"version"})
    with database.write() as session:
        return answer(studies.edit(session, study_id, changes, body.version))


RunsOfDeleted = Annotated[
    Literal["keep", "delete"],
    Query(description="`delete` also deletes the runs of the study, except those that other studies have."),
]


@router.delete("/studies/{study_id}", response_model=BulkOut, responses=problems(404, 409), tags=["studies"])
def delete_study(
    study_id: StudyIdPath,
    database: DatabaseOf,
    settings: SettingsOf,
    stopping: StoppingOf,
    runs: RunsOfDeleted = "keep",
) -> Response:
    """Delete a study; its runs stay unless asked.

    A study whose runs are to be deleted, too, must have no running run. `done` are the deleted runs,
    `skipped` those that other studies have. If the database fails or the server stops midway, `remaining` are
    the runs that the server deletes later; the study is already deleted.
    """
    return answer(
        study_deletion.delete_study(
            database, settings, study_id, with_runs=runs == "delete", stopping=stopping
        )
    )


@router.post(
    "/studies/{study_id}/runs",
    status_code=201,
    response_model=StudyOut,
    responses=problems(400, 404, 409, 415, 429, has_key=True),
    tags=["studies"],
)
def extend_study(study_id: StudyIdPath, body: MoreRuns, creation: CreationOf) -> Response:
    """Add runs to a study: existing ones, or new seeds for all or some of its configurations."""

    def extend(session: Session) -> StudyOut:
        if body.runs is not None:
            return studies.add_runs(session, study_id, body.runs)
        return studies.add_seeds(session, study_id, body.wanted, limit=creation.limit)

    return creation.answer(body, "/studies", extend)


@router.delete(
    "/studies/{study_id}/runs/{run_id}",
    response_model=StudyOut,
    responses=problems(404, 409),
    tags=["studies"],
)
def remove_run(study_id: StudyIdPath, run_id: RunIdPath, database: DatabaseOf) -> Response:
    """Remove a run from a study; the run itself stays."""
    with database.write() as session:
        return answer(studies.remove_runs(session, study_id, [run_id]))


@router.post("/studies/{study_id}/cancel", response_model=StudyOut, responses=problems(404), tags=["studies"])
def cancel_study(study_id: StudyIdPath, database: DatabaseOf) -> Response:
    """Cancel the remaining runs of a study."""
    with database.write() as session:
        return answer(studies.cancel_study(session, study_id))
