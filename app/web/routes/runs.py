"""JSON routes of runs."""

from typing import Annotated

import orjson
from fastapi import APIRouter, HTTPException, Query, Request, Response
from sqlmodel import Session

from app.formats import sentence
from app.queue import actions, admission, run_rows
from app.runs import (
    bulk,
    datasets,
    epoch_columns,
    export,
    predictions,
    reading,
    verification,
)
from app.runs.listing import facets, groups, matches
from app.runs.listing.query import PARAMETERS, RunQuery, described
from app.runs.listing.tags import known_tags
from app.schemas.bodies import Nothing
from app.schemas.epochs import EpochColumns
from app.schemas.lists import FieldValues, RunGroups, TagList
from app.schemas.predictions import RunPredictions
from app.schemas.runs import BulkOut, BulkRequest, RunDetail, RunOut, RunPage, RunPatch, RunRequest
from app.storage import artifacts
from app.web.api import DatabaseOf, RunIdPath, SettingsOf, StoppingOf, answer, problems, spooled
from app.web.creation import CreationOf
from app.web.routes.downloads import download
from app.web.strict_json import JsonRoute

router = APIRouter(route_class=JsonRoute, responses=problems(422))

WrongImages = Annotated[
    int, Query(ge=0, le=10_000, description="Maximum number of wrongly classified images.")
]


@router.post(
    "/runs",
    status_code=201,
    response_model=RunOut,
    responses=problems(400, 409, 410, 415, 429, has_key=True),
    tags=["runs"],
)
def create_run(body: RunRequest, creation: CreationOf, settings: SettingsOf) -> Response:
    """Queue a run; the response is sent once the run is committed to disk."""
    available = datasets.catalogue(settings.data_dir)

    def create(session: Session) -> RunOut:
        datasets.check([body.dataset], available)
        queued = admission.enqueue(session, [body.config], body, limit=creation.limit)
        return reading.as_answers(session, queued)[0]

    return creation.answer(body, "/runs", create)


@router.get(
    "/runs",
    response_model=RunPage | RunGroups,
    tags=["runs"],
    openapi_extra={
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "schema": {"type": "string"},
                "description": described(name),
            }
            for name in PARAMETERS
        ]
    },
)
def list_runs(request: Request, database: DatabaseOf) -> Response:
    """List runs, filtered, sorted and paged, or with `group` their groups.

    A comma means "or"; several parameters mean "and". A `-` in front of a field's name excludes its values.
    """
    query = _run_query(request)
    with database.read() as session:
        if query.group:
            return answer(groups.list_groups(session, query, request.query_params.multi_items()))
        return answer(matches.list_runs(session, query))


@router.get("/tags", response_model=TagList, tags=["runs"])
def list_tags(database: DatabaseOf) -> Response:
    """All tags of runs and studies, the most frequent first."""
    with database.read() as session:
        return answer(TagList(tags=known_tags(session)))


@router.get(
    "/runs.csv", response_class=Response, tags=["runs"], responses={200: {"content": {"text/csv": {}}}}
)
def runs_csv(request: Request, database: DatabaseOf) -> Response:
    """All runs that match the filters, with every field of the list, as CSV."""
    query = _run_query(request)
    with database.read() as session:
        lines = export.runs(matches.all_runs(session, query), matches.most_layers(session, query))
        return spooled(lines, "text/csv", "runs.csv")


@router.get("/runs/values", response_model=FieldValues, tags=["runs"])
def list_values(
    database: DatabaseOf,
    field: Annotated[str, Query(description="A field with texts, flags or whole numbers.")],
) -> Response:
    """The values that runs have in a field, with the number of runs of each; the most frequent first."""
    with database.read() as session:
        return answer(facets.values_of(session, field))


@router.post("/runs/bulk", response_model=BulkOut, responses=problems(400, 415), tags=["runs"])
def change_runs(
    body: BulkRequest, database: DatabaseOf, settings: SettingsOf, stopping: StoppingOf
) -> Response:
    """Apply one action to many runs; `skipped` are the runs whose state does not allow it, with the reason.

    If the database fails or the server stops midway, `remaining` are the runs to send again, and `stopped` is
    the reason. Repeating the request is safe.
    """
    return answer(bulk.apply(database, settings, body, stopping))


@router.get("/runs/{run_id}", response_model=RunDetail, responses=problems(404), tags=["runs"])
def read_run(run_id: RunIdPath, database: DatabaseOf, settings: SettingsOf) -> Response:
    """One run."""
    with database.read() as session:
        return answer(reading.get_run(session, run_id, settings.artifacts))


@router.patch(
    "/runs/{run_id}", response_model=RunDetail, responses=problems(400, 404, 409, 415), tags=["runs"]
)
def change_run(run_id: RunIdPath, body: RunPatch, database: DatabaseOf, settings: SettingsOf) -> Response:
    """Change a run's name, tags, note or priority, or archive it."""
    changes = body.model_dump(exclude_unset=True, exclude={"version"})
    with database.write() as session:
        actions.edit(session, run_id, changes, body.version)
        return answer(reading.get_run(session, run_id, settings.artifacts))


@router.delete("/runs/{run_id}", status_code=204, responses=problems(404, 409), tags=["runs"])
def delete_run(run_id: RunIdPath, database: DatabaseOf, settings: SettingsOf) -> Response:
    """Delete a run, its epochs and its files."""
    with database.write() as session:
        actions.remove(session, run_id)
    artifacts.of_run(settings.artifacts, run_id).remove()
    return Response(status_code=204)


@router.get("/runs/{run_id}/epochs", response_model=EpochColumns, responses=problems(404), tags=["runs"])
def read_epochs(run_id: RunIdPath, database: DatabaseOf) -> Response:
    """Every epoch of a run as columns; nothing is downsampled."""
    with database.read() as session:
        run_rows.get(session, run_id)
        columns = epoch_columns.of_run(session, run_id)
    return Response(orjson.dumps(columns.__dict__), media_type="application/json")


@router.get(
    "/runs/{run_id}/predictions", response_model=RunPredictions, responses=problems(404), tags=["runs"]
)
def read_predictions(
    run_id: RunIdPath, database: DatabaseOf, settings: SettingsOf, limit: WrongImages = 100
) -> Response:
    """A finished run's confusion matrix, accuracy per class, and most confident errors on the test images."""
    with database.read() as session:
        (run,) = reading.as_answers(session, [run_rows.get(session, run_id)])
    try:
        return answer(predictions.of_run(run, settings, limit))
    except predictions.NoPredictions as error:
        raise HTTPException(404, sentence(error)) from error


@router.get(
    "/runs/{run_id}/model.safetensors",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, **problems(404)},
    tags=["runs"],
)
def download_model(run_id: RunIdPath, database: DatabaseOf, settings: SettingsOf) -> Response:
    """The final weights of a finished run, with the names of PyTorch's `state_dict`."""
    with database.read() as session:
        run = run_rows.get(session, run_id)
    if run.status != "finished":
        raise HTTPException(404, f"Run {run_id} has no weights to download: it is {run.status}.")
    path = artifacts.of_run(settings.artifacts, run_id).model(run.attempt)
    if not path.is_file():
        raise HTTPException(
            404, f"The weights of run {run_id} are missing from the artifact folder or store."
        )
    return download(path, f"run-{run_id}.safetensors")


@router.post("/runs/{run_id}/cancel", response_model=RunOut, responses=problems(404, 409), tags=["runs"])
def cancel_run(run_id: RunIdPath, database: DatabaseOf) -> Response:
    """Cancel a run: immediately if it is queued, between two batches if it is training."""
    with database.write() as session:
        return answer(reading.as_answers(session, [actions.cancel(session, run_id)])[0])


@router.post("/runs/{run_id}/retry", response_model=RunOut, responses=problems(404, 409, 429), tags=["runs"])
def retry_run(run_id: RunIdPath, database: DatabaseOf, settings: SettingsOf) -> Response:
    """Queue a failed or cancelled run again."""
    with database.write() as session:
        retried = admission.retry(session, run_id, limit=settings.queue_limit)
        return answer(reading.as_answers(session, [retried])[0])


@router.post(
    "/runs/{run_id}/verify",
    status_code=201,
    response_model=RunOut,
    responses=problems(404, 409, 410, 429, has_key=True),
    tags=["runs"],
)
def verify_run(run_id: RunIdPath, creation: CreationOf, settings: SettingsOf) -> Response:
    """Queue a finished run again with identical settings; `verification` of both runs has the verdict."""

    def create(session: Session) -> RunOut:
        queued = verification.queue(session, run_id, settings, limit=creation.limit)
        return reading.as_answers(session, [queued])[0]

    return creation.answer(Nothing(), "/runs", create)


def _run_query(request: Request) -> RunQuery:
    return RunQuery.parse(request.query_params.multi_items(), strict=True)
