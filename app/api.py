"""The JSON routes of the contract."""

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, Field
from sqlmodel import Session
from starlette.responses import RedirectResponse, StreamingResponse

from app import (
    __version__,
    artifacts,
    bulk,
    csv_export,
    datasets,
    queue_limit,
    run_list,
    run_queue,
    runs,
    studies,
    workers,
)
from app.answers import (
    BulkOut,
    EpochColumns,
    Health,
    QueueOut,
    RunDetail,
    RunOut,
    RunPage,
    StudyList,
    StudyOut,
    StudyPreview,
    WorkerList,
)
from app.db import Database
from app.downloads import download
from app.events import EventHub
from app.idempotency import RUNS, Created, Keys
from app.integrity import Integrity
from app.models import Deletion
from app.problems import MEDIA_TYPE
from app.requests import MAX_ID, BulkRequest, MoreRuns, RunPatch, RunRequest, StudyRequest
from app.run_list import PARAMETERS, RunQuery
from app.settings import Settings
from app.strict_json import JsonRoute

_DESCRIBED: Final = {
    400: "The request could not be read.",
    404: "There is no such thing.",
    409: "The state of the thing does not allow it.",
    410: "What the key created has been deleted.",
    415: "The body is not JSON.",
    422: "A field breaks the contract; `errors` says which and what was expected.",
    429: "Too many runs wait; `Retry-After` says in how many seconds to try again.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's description of the errors that a route may answer with."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _DESCRIBED[status], "content": content} for status in statuses}


router = APIRouter(route_class=JsonRoute, responses=problems(422))

RunIdPath = Annotated[int, Path(ge=1, le=MAX_ID, description="The run's id.")]
StudyIdPath = Annotated[int, Path(ge=1, le=MAX_ID, description="The study's id.")]
IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Send the request again with the same key and body: nothing is created twice.",
    ),
]


def database(request: Request) -> Database:
    """The application's database."""
    found: Database = request.app.state.database
    return found


def settings(request: Request) -> Settings:
    """The application's settings."""
    found: Settings = request.app.state.settings
    return found


def keys(request: Request) -> Keys:
    """The application's keyed requests."""
    found: Keys = request.app.state.keys
    return found


DatabaseOf = Annotated[Database, Depends(database)]
KeysOf = Annotated[Keys, Depends(keys)]
SettingsOf = Annotated[Settings, Depends(settings)]


def attachment(content: str | bytes, media_type: str, filename: str) -> Response:
    """An answer that a browser saves as a file."""
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Response(content, headers=headers, media_type=media_type)


def answer(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A model as a JSON answer."""
    return Response(model.model_dump_json(), status, headers, "application/json")


@router.get("/", include_in_schema=False)
def home() -> Response:
    """The runs are the front page."""
    return RedirectResponse("/runs", 307)


@router.post(
    "/runs",
    status_code=201,
    response_model=RunOut,
    responses=problems(400, 409, 410, 415, 429),
    tags=["runs"],
)
def create_run(
    body: RunRequest,
    request: Request,
    keys: KeysOf,
    settings: SettingsOf,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """Queue a run; the answer comes when it is committed to disk."""

    def create(session: Session) -> tuple[int, RunOut]:
        datasets.check([body.dataset], datasets.names(settings.data_dir))
        queued = run_queue.enqueue(session, [body.config], body)
        queue_limit.check(session, settings.queue_limit)
        (created,) = runs.as_answers(session, queued)
        return created.id, created

    return _created(request, keys.once(idempotency_key, RUNS, body, create), "read_run", "run_id")


@router.get(
    "/runs",
    response_model=RunPage,
    tags=["runs"],
    openapi_extra={
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
            for name in PARAMETERS
        ]
    },
)
def list_runs(request: Request, database: DatabaseOf) -> Response:
    """Runs by filter, in order, page by page. A comma means or, several parameters mean and."""
    with database.read() as session:
        return answer(run_list.list_runs(session, _run_query(request)))


@router.get(
    "/runs.csv", response_class=Response, tags=["runs"], responses={200: {"content": {"text/csv": {}}}}
)
def runs_csv(request: Request, database: DatabaseOf) -> Response:
    """Every run that the filters let through, with everything that the list holds, as CSV."""
    query = _run_query(request)
    with database.read() as session:
        found = run_list.all_runs(session, query)
    return attachment(csv_export.runs(found), "text/csv", "runs.csv")


@router.post("/runs/bulk", response_model=BulkOut, responses=problems(400, 415), tags=["runs"])
def change_runs(body: BulkRequest, database: DatabaseOf, settings: SettingsOf) -> Response:
    """Do one thing to many runs; those whose state does not allow it are left alone, with the reason."""
    return answer(bulk.apply(database, settings, body.ids, body.action, body.tag))


@router.get("/runs/{run_id}", response_model=RunDetail, responses=problems(404), tags=["runs"])
def read_run(run_id: RunIdPath, database: DatabaseOf) -> Response:
    """One run."""
    with database.read() as session:
        found = runs.get_run(session, run_id)
    if found is None:
        raise run_queue.RunNotFound(run_id)
    return answer(found)


@router.patch(
    "/runs/{run_id}", response_model=RunDetail, responses=problems(400, 404, 409, 415), tags=["runs"]
)
def change_run(run_id: RunIdPath, body: RunPatch, database: DatabaseOf) -> Response:
    """Change a run's name, tags, note, priority, or put it in the archive."""
    changes = body.model_dump(exclude_unset=True, exclude={"version"})
    with database.write() as session:
        run_queue.edit(session, run_id, changes, body.version)
        found = runs.get_run(session, run_id)
    if found is None:
        raise run_queue.RunNotFound(run_id)
    return answer(found)


@router.delete("/runs/{run_id}", status_code=204, responses=problems(404, 409), tags=["runs"])
def delete_run(run_id: RunIdPath, database: DatabaseOf, settings: SettingsOf) -> Response:
    """Delete a run with all it owns."""
    with database.write() as session:
        run_queue.remove(session, run_id)
    artifacts.of_run(settings.artifacts, run_id).remove()
    return Response(status_code=204)


@router.get("/runs/{run_id}/epochs", response_model=EpochColumns, responses=problems(404), tags=["runs"])
def read_epochs(run_id: RunIdPath, database: DatabaseOf) -> Response:
    """Every epoch of a run as columns, never sampled."""
    with database.read() as session:
        run_queue.get(session, run_id)
        columns = runs.epoch_columns(session, run_id)
    return Response(orjson.dumps(columns.__dict__), media_type="application/json")


@router.get(
    "/runs/{run_id}/model.safetensors",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, **problems(404)},
    tags=["runs"],
)
def download_model(run_id: RunIdPath, database: DatabaseOf, settings: SettingsOf) -> Response:
    """The final weights of a finished run, named as PyTorch's `state_dict` names them."""
    with database.read() as session:
        run = run_queue.get(session, run_id)
    if run.status != "finished":
        raise HTTPException(404, f"Run {run_id} has no weights to download: it is {run.status}.")
    path = artifacts.of_run(settings.artifacts, run_id).model(run.attempt)
    if not path.is_file():
        raise HTTPException(404, f"The weights of run {run_id} are not where this server looks for them.")
    return download(path, f"run-{run_id}.safetensors")


@router.post("/runs/{run_id}/cancel", response_model=RunOut, responses=problems(404, 409), tags=["runs"])
def cancel_run(run_id: RunIdPath, database: DatabaseOf) -> Response:
    """End a run: at once if it waits, between two batches if it trains."""
    with database.write() as session:
        return answer(runs.as_answers(session, [run_queue.cancel(session, run_id)])[0])


@router.post("/runs/{run_id}/retry", response_model=RunOut, responses=problems(404, 409, 429), tags=["runs"])
def retry_run(run_id: RunIdPath, database: DatabaseOf, settings: SettingsOf) -> Response:
    """Queue a failed or cancelled run again."""
    with database.write() as session:
        retried = run_queue.retry(session, run_id)
        queue_limit.check(session, settings.queue_limit)
        return answer(runs.as_answers(session, [retried])[0])


LastEventId = Annotated[
    Annotated[int, Field(ge=0, le=MAX_ID)] | None,
    BeforeValidator(lambda text: text or None),  # some proxies send an empty one for none
    Header(alias="Last-Event-ID", description="Resume after this event."),
]
Since = Annotated[int | None, Query(ge=0, le=MAX_ID, description="As Last-Event-ID, for a first connection.")]


def known_run(run_id: RunIdPath, database: DatabaseOf) -> int:
    """The id of a run that exists, or did: its stream then says that it was deleted."""
    with database.read() as session:
        if session.get(Deletion, run_id) is None:
            run_queue.get(session, run_id)
    return run_id


_EVENTS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Server-sent events `run`, `epoch`, `reset` and `deleted`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get(
    "/runs/{run_id}/events",
    response_class=StreamingResponse,
    responses=_EVENTS | problems(404),
    tags=["events"],
)
async def stream_run(
    run_id: Annotated[int, Depends(known_run)],
    request: Request,
    last_event_id: LastEventId = None,
    since: Since = None,
) -> StreamingResponse:
    """What happens to one run (`run`, `epoch`, `reset`, `deleted`), from its beginning or where you left."""
    return await _stream(request, last_event_id if last_event_id is not None else since, run_id)


@router.get("/events", response_class=StreamingResponse, responses=_EVENTS, tags=["events"])
async def stream_all(
    request: Request, last_event_id: LastEventId = None, since: Since = None
) -> StreamingResponse:
    """What happens to all runs, from now or from where you left."""
    return await _stream(request, last_event_id if last_event_id is not None else since, None)


async def _stream(request: Request, seen: int | None, run_id: int | None) -> StreamingResponse:
    hub: EventHub = request.app.state.events
    if seen is None:
        seen = await hub.beginning(run_id)
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(hub.stream(seen, run_id), media_type="text/event-stream", headers=headers)


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

    return _created(request, keys.once(idempotency_key, "/studies", body, create), "read_study", "study_id")


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
    return _created(request, keys.once(idempotency_key, route, body, create), "read_study", "study_id")


@router.post("/studies/{study_id}/cancel", response_model=StudyOut, responses=problems(404), tags=["studies"])
def cancel_study(study_id: StudyIdPath, database: DatabaseOf) -> Response:
    """Cancel what has not ended yet."""
    with database.write() as session:
        return answer(studies.cancel_study(session, study_id))


@router.get("/queue", response_model=QueueOut, tags=["queue"])
def read_queue(database: DatabaseOf) -> Response:
    """What runs, and what waits in which order."""
    with database.read() as session:
        return answer(runs.queue(session))


@router.get("/workers", response_model=WorkerList, tags=["system"])
def list_workers(database: DatabaseOf) -> Response:
    """Live workers, their devices and what they train."""
    with database.read() as session:
        return answer(WorkerList(workers=workers.list_workers(session)))


@router.get("/health", response_model=Health, tags=["system"])
def health(request: Request, database: DatabaseOf) -> Response:
    """Whether this process answers and reaches its database."""
    with database.read() as session:
        workers.live_kinds(session)
    integrity: Integrity = request.app.state.integrity
    return answer(Health(status="ok", version=__version__, database=integrity.state))


def _run_query(request: Request) -> RunQuery:
    return RunQuery.parse(request.query_params.multi_items(), strict=True)


def _created(request: Request, created: Created, route: str, name: str) -> Response:
    """The answer to a creation, the same when it is repeated; only a header tells the two apart."""
    headers = {"Location": str(request.app.url_path_for(route, **{name: str(created.id)}))}
    if created.replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(created.json, 201, headers, "application/json")
