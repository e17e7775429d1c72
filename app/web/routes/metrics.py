"""The route of the metrics for Prometheus."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import DBAPIError

from app.storage.integrity import Integrity
from app.storage.outage import is_outage
from app.web.api import DatabaseOf, problems
from app.web.events import EventHub
from app.web.monitoring.load import Load

router = APIRouter(responses=problems(422))

_FORMATS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Metrics in the text format of Prometheus, or as OpenMetrics.",
        "content": {
            media_type: {"schema": {"type": "string"}}
            for media_type in ("text/plain", "application/openmetrics-text")
        },
    }
}


@router.get("/metrics", response_class=Response, responses=_FORMATS, tags=["system"])
def read_metrics(request: Request, database: DatabaseOf) -> Response:
    """Metrics of runs, queue, workers, requests and this process, for Prometheus.

    If the database is unavailable, `depthboard_database_up` is 0 and the metrics of the queue are missing.
    """
    from app.web.monitoring import metrics  # noqa: PLC0415  # takes 0.1 s

    events: EventHub = request.app.state.events
    body, media_type = metrics.exposition(
        _load(request, database),
        streams=events.clients,
        requests=request.app.state.requests,
        writes=database.writes,
        accept=request.headers.get("accept", ""),
    )
    return Response(body, headers={"Content-Type": media_type, "Cache-Control": "no-store"})


def _load(request: Request, database: DatabaseOf) -> Load | None:
    integrity: Integrity = request.app.state.integrity
    try:
        with database.read() as session:
            return Load.read(session)
    except DBAPIError as error:
        if not is_outage(error):
            raise
        integrity.met(error)
        return None
