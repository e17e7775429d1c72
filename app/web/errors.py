"""Responses to errors: a page for browsers, a problem for programs."""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect

from app.compare.comparison import NotComparable
from app.formats import sentence
from app.queue import run_rows
from app.queue.admission import QueueFull
from app.queue.idempotency import KeyInFlight, KeyOutlived, KeyReused
from app.runs.datasets import UnknownDataset
from app.runs.listing.errors import QueryError
from app.runs.studies import NothingMatches, StudyNotFound, StudyTooLarge
from app.schemas.bodies import FieldError
from app.storage.integrity import Integrity
from app.storage.open_files import Misplaced
from app.storage.outage import CURE, is_outage, unwritable
from app.storage.saved_queries import NameTaken, QueryNotFound, TooManySaved
from app.web import html
from app.web.negotiation import wants_page
from app.web.problems import field_errors, invalid, problem, summary
from app.web.security import HEADERS

log = logging.getLogger(__name__)

_SHOWN_PATH: Final = 200
"""Maximum number of characters of a path in a message."""

_STATUS_OF: Final[dict[type[Exception], int]] = {
    run_rows.RunNotFound: 404,
    StudyNotFound: 404,
    NotComparable: 409,
    run_rows.WrongState: 409,
    StudyTooLarge: 409,
    NothingMatches: 422,
    KeyReused: 422,
    KeyInFlight: 409,
    KeyOutlived: 410,
    QueueFull: 429,
    QueryNotFound: 404,
    NameTaken: 409,
    TooManySaved: 409,
}


def install(app: FastAPI) -> None:
    """Register the handlers of all errors."""
    for kind, status in _STATUS_OF.items():
        app.add_exception_handler(kind, _of_status(status))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(QueryError, _malformed)
    app.add_exception_handler(UnknownDataset, _no_dataset)
    app.add_exception_handler(StarletteHTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(DBAPIError, _no_database)
    app.add_exception_handler(Exception, _unexpected)


def _of_status(status: int) -> Callable[[Request, Any], Awaitable[Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        seconds = getattr(error, "retry_after", None)
        headers = {"Retry-After": str(seconds)} if seconds else None
        return _error(request, status, sentence(error), headers)

    return handle


async def _invalid(request: Request, error: Any) -> Response:  # noqa: ANN401  # Starlette types the handlers so
    if wants_page(request.scope):
        return html.error_page(request, 422, summary(field_errors(error.errors())))
    return invalid(error)


async def _malformed(request: Request, error: Any) -> Response:  # noqa: ANN401
    return _wrong(request, error.parameter, error)


async def _no_dataset(request: Request, error: Any) -> Response:  # noqa: ANN401
    return _wrong(request, "dataset", error)


def _wrong(request: Request, field: str, error: Exception) -> Response:
    errors = [FieldError(loc=[field], msg=str(error))]
    if wants_page(request.scope):
        return html.error_page(request, 422, summary(errors))
    return problem(422, summary(errors), errors)


async def _http(request: Request, error: Any) -> Response:  # noqa: ANN401
    detail = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:  # from the router
        detail = f"No page or route at {request.url.path[:_SHOWN_PATH]}."
    return _error(request, error.status_code, detail, dict(error.headers or {}))


async def _gone(request: Request, _: object) -> Response:
    """The client disconnected before it had sent its whole request, so no client reads this response."""
    return _error(request, 400, "The connection ended before the request was complete.")


async def _no_database(request: Request, error: Any) -> Response:  # noqa: ANN401
    if not is_outage(error):
        raise error
    integrity: Integrity = request.app.state.integrity
    if why := integrity.met(error):
        return _error(request, 503, f"The database is damaged: {why}. {CURE}.")
    return _error(request, 503, _what_to_do(request.method, error), {"Retry-After": "2"})


def _what_to_do(method: str, error: DBAPIError) -> str:
    if isinstance(error, Misplaced):
        lost = " This change is lost unless the original file is restored." if error.committed else ""
        return f"{sentence(error.orig)}{lost}"
    if why := unwritable(error):
        return f"The database can't be written: {why}. Nothing was changed. Fix the cause and try again."
    if method in ("GET", "HEAD"):
        return "The database is not responding. Try again in a moment."
    if error.connection_invalidated:
        return (
            "The connection to the database was lost. The change may or may not have been saved; check "
            "before you retry. A request with an Idempotency-Key can be repeated safely."
        )
    return "The database is busy; nothing was changed. Try again in a moment."


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    # this response bypasses the middleware, and the server closes the connection after it
    headers = {**HEADERS, "Connection": "close"}
    return _error(request, 500, "Internal server error; see the server's log.", headers)


def _error(request: Request, status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    if wants_page(request.scope):
        return html.error_page(request, status, detail, headers)
    return problem(status, detail, headers=headers)
