"""JSON routes of workers and health."""

import time

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import DBAPIError
from starlette.responses import RedirectResponse

from app import __version__
from app.queue import registry
from app.runs import reading
from app.schemas.monitoring import Health, WorkerList
from app.storage.database import clock
from app.storage.integrity import Integrity
from app.web.api import DatabaseOf, answer, problems
from app.web.monitoring import machine_use, server
from app.web.strict_json import JsonRoute

router = APIRouter(route_class=JsonRoute, responses=problems(422))


@router.get("/", include_in_schema=False)
def home() -> Response:
    """Redirect to the list of runs."""
    return RedirectResponse("/runs", 307)


@router.get("/workers", response_model=WorkerList, tags=["system"])
def list_workers(request: Request, database: DatabaseOf) -> Response:
    """Live workers with their devices and runs, the use of their machines, and the server."""
    with database.read() as session:
        return answer(
            WorkerList(
                workers=registry.list_workers(session),
                machines=machine_use.read(session),
                server=server.read(request, session),
            )
        )


@router.get("/health", response_model=Health, tags=["system"])
def health(request: Request, database: DatabaseOf) -> Response:
    """Whether the server responds and can read its database; a damaged database is reported with status 200.

    Restarting does not repair damage.
    """
    integrity: Integrity = request.app.state.integrity
    moment = time.time()
    try:
        with database.read() as session:
            registry.live_kinds(session)
            moment = clock(session)
    except DBAPIError as error:
        if integrity.met(error) is None:
            raise
    return answer(
        Health(
            status="ok",
            version=__version__,
            time=reading.timestamp(moment),
            database=integrity.state,
            detail=integrity.detail,
        ),
        headers={"Cache-Control": "no-store"},  # the response contains the time
    )
