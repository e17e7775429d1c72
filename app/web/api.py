"""Dependencies, parameters and responses shared by JSON routes."""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import IO, Annotated, Any, Final

from fastapi import Depends, Path, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from app.schemas.bodies import MAX_ID
from app.settings import Settings
from app.storage.database import Database
from app.web.events import EventHub
from app.web.problems import MEDIA_TYPE

_DESCRIBED: Final = {
    400: "The request could not be read.",
    403: "The request comes from a page of another site.",
    404: "Not found.",
    409: "The current state does not allow this.",
    410: "The resource created with this key was deleted.",
    413: "The body is larger than 1,000,000 bytes.",
    415: "The body is not JSON.",
    422: "A value is invalid; `errors` names the field and what was expected.",
    429: "The queue is full; `Retry-After` says in how many seconds to try again.",
    503: "The database is unavailable.",
}
_IN_PROGRESS: Final = (
    "The current state does not allow this, or a request with the same Idempotency-Key is in progress."
)


_IN_MEMORY: Final = 1 << 20
"""Bytes of a response that are kept in memory; a longer one goes to a temporary file."""

_PORTION: Final = 1 << 16
_LINES: Final = 100


def problems(*statuses: int, has_key: bool = False) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's description of the errors of a route; `has_key` says that it takes an Idempotency-Key."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    words = _DESCRIBED | ({409: _IN_PROGRESS} if has_key else {})
    return {status: {"description": words[status], "content": content} for status in statuses}


RunIdPath = Annotated[int, Path(ge=1, le=MAX_ID, description="The run's id.")]
StudyIdPath = Annotated[int, Path(ge=1, le=MAX_ID, description="The study's id.")]


def database(request: Request) -> Database:
    """The application's database."""
    found: Database = request.app.state.database
    return found


def settings(request: Request) -> Settings:
    """The application's settings."""
    found: Settings = request.app.state.settings
    return found


def stopping(request: Request) -> Callable[[], bool]:
    """A function that says whether the server is stopping, for work that can end early."""
    events: EventHub = request.app.state.events
    return lambda: events.closing


DatabaseOf = Annotated[Database, Depends(database)]
SettingsOf = Annotated[Settings, Depends(settings)]
StoppingOf = Annotated[Callable[[], bool], Depends(stopping)]


def attachment(content: str | bytes, media_type: str, filename: str) -> Response:
    """A response that browsers save as a file."""
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Response(content, headers=headers, media_type=media_type)


def spooled(lines: Iterable[str], media_type: str, filename: str) -> Response:
    """A long response that browsers save as a file.

    It is written completely before it is sent, so that a slow client does not hold a snapshot of the
    database, and to a temporary file if it is large.
    """
    digest, size = hashlib.sha256(), 0
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # closed when it has been sent
    for some in _joined(lines):
        size += file.write(some)
        digest.update(some)
    file.seek(0)
    headers = {
        "Content-Disposition": f'attachment; filename="{filename}"',
        "Content-Length": str(size),
        "ETag": f'"{digest.hexdigest()[:32]}"',
        "Cache-Control": "no-cache",
        "Vary": "Accept",
    }
    return _Spooled(file, headers=headers, media_type=media_type)


def _joined(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines in portions, because each write costs as much as a line."""
    some: list[str] = []
    for line in lines:
        some.append(line)
        if len(some) == _LINES:
            yield "".join(some).encode()
            some.clear()
    yield "".join(some).encode()


class _Spooled(StreamingResponse):
    """A file in portions, closed afterward, also if the client wants no body or leaves."""

    def __init__(self, file: IO[bytes], headers: dict[str, str], media_type: str) -> None:
        super().__init__(iter(partial(file.read, _PORTION), b""), headers=headers, media_type=media_type)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def answer(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A model as a JSON response."""
    return Response(model.model_dump_json(), status, headers, "application/json")
