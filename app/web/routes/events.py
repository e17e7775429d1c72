"""Event streams of all runs and of one run."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import BeforeValidator, Field
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.queue import run_rows
from app.schemas.bodies import MAX_ID
from app.storage.tables import Deletion
from app.web.api import DatabaseOf, RunIdPath, problems
from app.web.events import EventHub
from app.web.strict_json import JsonRoute

router = APIRouter(route_class=JsonRoute, responses=problems(422))

LastEventId = Annotated[
    Annotated[int, Field(ge=0, le=MAX_ID)] | None,
    BeforeValidator(lambda text: text or None),  # some proxies send an empty header if there is none
    Header(alias="Last-Event-ID", description="Resume after this event."),
]
Since = Annotated[
    int | None, Query(ge=0, le=MAX_ID, description="Same as Last-Event-ID; use it for the first connection.")
]
_EVENTS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Server-sent events `run`, `epoch`, `reset`, `deleted` and `queue`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


class _EventStream(StreamingResponse):
    """Closes its generator when the response ends, for any reason, and not only on garbage collection."""

    def __init__(self, events: AsyncGenerator[bytes]) -> None:
        super().__init__(
            events,
            media_type="text/event-stream",
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._events):
            await super().__call__(scope, receive, send)


def known_run(run_id: RunIdPath, database: DatabaseOf) -> int:
    """The id of an existing or deleted run; the stream of a deleted run says so."""
    with database.read() as session:
        if session.get(Deletion, run_id) is None:
            run_rows.get(session, run_id)
    return run_id


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
    """Events of one run and of pauses of the queue, from the start or a given change."""
    return await _stream(request, last_event_id if last_event_id is not None else since, run_id)


@router.get("/events", response_class=StreamingResponse, responses=_EVENTS, tags=["events"])
async def stream_all(
    request: Request, last_event_id: LastEventId = None, since: Since = None
) -> StreamingResponse:
    """Events of all runs, from now or from a given change."""
    return await _stream(request, last_event_id if last_event_id is not None else since, None)


async def _stream(request: Request, seen: int | None, run_id: int | None) -> StreamingResponse:
    hub: EventHub = request.app.state.events
    first = await hub.beginning(run_id)  # raises before anything is sent if the database can't be read
    seen = first if seen is None else seen
    return _EventStream(hub.stream(seen, run_id))
