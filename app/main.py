"""The web application: its parts put together, and served."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from types import FrameType
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException as StarletteHTTPException

from app import __version__, api, assets, html, migrations, pages, run_queue
from app.address import Address
from app.answers import FieldError, Problem
from app.db import Database
from app.events import EventHub
from app.idempotency import KeyReused
from app.negotiation import ConditionalGet, wants_page
from app.problems import field_errors, invalid, problem, summary
from app.run_list import QueryError
from app.security import HEADERS, BodyLimit, KnownHosts, SameOrigin, SecurityHeaders
from app.settings import Settings
from app.studies import StudyNotFound, StudyTooLarge

log = logging.getLogger(__name__)

REAP_SECONDS: Final = 5.0
MAX_BODY_BYTES: Final = 1_000_000

_STATUS_OF: Final[dict[type[Exception], int]] = {
    run_queue.RunNotFound: 404,
    StudyNotFound: 404,
    run_queue.WrongState: 409,
    StudyTooLarge: 409,
    KeyReused: 422,
}


def create_app(settings: Settings) -> FastAPI:
    """The application on the database of these settings, whose schema is brought up to date."""
    database = Database(settings.url)
    migrations.upgrade(database)
    app = FastAPI(
        title="Depthboard",
        summary="Launch, watch and compare training runs.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.database = database
    app.state.events = EventHub(database)
    app.include_router(assets.router)
    app.include_router(pages.router)
    app.include_router(api.router)
    app.add_middleware(ConditionalGet)
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES)
    app.add_middleware(SameOrigin)
    app.add_middleware(KnownHosts, patterns=settings.hosts)
    app.add_middleware(SecurityHeaders)
    _describe_problems(app)
    _answer_errors(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    reaping = asyncio.create_task(_reap_forever(app.state.database))
    yield
    app.state.events.close()
    reaping.cancel()
    with suppress(asyncio.CancelledError):
        await reaping
    app.state.database.close()


async def _reap_forever(database: Database) -> None:
    """Requeue the runs of workers that went silent, so that none waits for another worker to notice."""
    while True:
        await asyncio.sleep(REAP_SECONDS)
        try:
            await run_in_threadpool(_reap, database)
        except SQLAlchemyError:
            log.exception("could not look for silent workers; trying again")


def _reap(database: Database) -> None:
    with database.read() as session:
        late = run_queue.anything_to_reap(session)
    if late:
        with database.write() as session:
            run_queue.reap(session)


def _answer_errors(app: FastAPI) -> None:
    """Every error as a page to browsers and as a problem to programs."""

    def of_status(status: int) -> Callable[[Request, Any], Awaitable[Response]]:
        async def handle(request: Request, error: Exception) -> Response:
            return _error(request, status, f"{str(error)[:1].upper()}{str(error)[1:]}.")

        return handle

    for kind, status in _STATUS_OF.items():
        app.add_exception_handler(kind, of_status(status))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        if wants_page(request.scope):
            return html.error_page(request, 422, summary(field_errors(error.errors())))
        return invalid(error)

    @app.exception_handler(QueryError)
    async def _malformed(request: Request, error: QueryError) -> Response:
        errors = [FieldError(loc=[error.parameter], msg=str(error))]
        if wants_page(request.scope):
            return html.error_page(request, 422, summary(errors))
        return problem(422, summary(errors), errors)

    @app.exception_handler(StarletteHTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        return _error(request, error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        # this answer passes by the middleware
        return _error(request, 500, "The server failed at this request; its log says why.", HEADERS)


def _error(request: Request, status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    if wants_page(request.scope):
        return html.error_page(request, status, detail, headers)
    return problem(status, detail, headers=headers)


def _describe_problems(app: FastAPI) -> None:
    """Add the shape of errors to the OpenAPI description, which the routes refer to."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        schema = described()
        models = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(models.pop("$defs"), Problem=models)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]


class Server(uvicorn.Server):
    """A server whose open event streams end at the signal, instead of delaying the shutdown."""

    def __init__(self, config: uvicorn.Config, events: EventHub) -> None:
        super().__init__(config)
        self._events = events

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Close the streams, then shut down."""
        self._events.close()
        super().handle_exit(sig, frame)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        AddressError: the address can't be listened on.
    """
    listener = Address(settings.host, settings.port).listen()
    app = create_app(settings)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2, server_header=False)
    with listener:
        Server(config, app.state.events).run(sockets=[listener])
