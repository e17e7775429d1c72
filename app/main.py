"""Builds and serves the web application."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from socket import socket
from types import FrameType
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Message

from app import __version__
from app.histogram import Histogram
from app.queue.idempotency import Keys
from app.schemas.bodies import Problem
from app.settings import Settings
from app.storage import migrations
from app.storage.database import Database
from app.storage.integrity import Integrity
from app.web import assets, connections, errors, housekeeping, html
from app.web.api import problems
from app.web.events import EventHub
from app.web.methods import Methods
from app.web.monitoring.storage_use import StorageUse
from app.web.monitoring.timing import Timing
from app.web.negotiation import ConditionalGet, FormsOfScripts
from app.web.pages import compare as compare_page
from app.web.pages import help as help_page
from app.web.pages import new_run
from app.web.pages import presets as preset_forms
from app.web.pages import queue as queue_page
from app.web.pages import runs as run_pages
from app.web.pages import system as system_page
from app.web.pages.run_list import actions as run_actions
from app.web.pages.run_list import page as run_list_page
from app.web.pages.run_list import views as view_pages
from app.web.pages.run_list.undo import Undos
from app.web.pages.studies import actions as study_actions
from app.web.pages.studies import page as study_pages
from app.web.pages.studies.summaries import Summaries
from app.web.routes import compare as compare_routes
from app.web.routes import drawings, images
from app.web.routes import events as event_routes
from app.web.routes import metrics as metric_routes
from app.web.routes import presets as preset_routes
from app.web.routes import queue as queue_routes
from app.web.routes import runs as run_routes
from app.web.routes import studies as study_routes
from app.web.routes import system as system_routes
from app.web.routes import views as view_routes
from app.web.security import BodyLimit, KnownHosts, SameOrigin, SecurityHeaders

PAGES: Final = (
    new_run,
    preset_forms,
    run_list_page,
    run_actions,
    view_pages,
    run_pages,
    study_pages,
    study_actions,
    compare_page,
    queue_page,
    system_page,
    help_page,
)
"""The order matters: `/runs/new` and `/studies/preview` precede the pages of one run and one study."""
ROUTES: Final = (
    run_routes,
    view_routes,
    event_routes,
    study_routes,
    queue_routes,
    system_routes,
    metric_routes,
    compare_routes,
    images,
    drawings,
    preset_routes,
)
MAX_BODY_BYTES: Final = 1_000_000


def create_app(settings: Settings) -> FastAPI:
    """Returns the application on the database of these settings; upgrades the database's schema."""
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
    app.state.integrity = Integrity(database, settings.data_dir)
    app.state.events = EventHub(database, app.state.integrity)
    app.state.keys = Keys(database)
    app.state.requests = Histogram()
    app.state.storage = StorageUse(database, settings)
    app.state.summaries = Summaries(settings)
    app.state.undos = Undos()
    for room in (assets, *PAGES, *ROUTES):
        app.include_router(room.router)
    app.add_middleware(ConditionalGet)
    app.add_middleware(FormsOfScripts)
    app.add_middleware(Methods, routes=app)
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES)
    app.add_middleware(SameOrigin)
    app.add_middleware(KnownHosts, patterns=settings.hosts)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Timing)
    _describe_problems(app)
    errors.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    async with housekeeping.kept(state.database, state.settings, state.integrity):
        yield
        state.events.close()
        await state.events.closed()
    state.database.close()


def _describe_problems(app: FastAPI) -> None:
    """Add the errors of every route, and their schema, to the OpenAPI description."""
    described = app.openapi
    of_reads, of_changes = (
        {str(status): about for status, about in problems(*statuses).items()}
        for statuses in ((503,), (403, 413, 503))
    )

    def openapi() -> dict[str, Any]:
        schema = described()
        models = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(models.pop("$defs"), Problem=models)
        for operations in schema["paths"].values():
            for method, operation in operations.items():
                operation["responses"] |= of_reads if method == "get" else of_changes
        return schema

    app.openapi = openapi  # type: ignore[method-assign]


_TURNS: Final = 5
"""Turns of the event loop in which an accepted socket becomes a connection; it needs three."""


class Server(uvicorn.Server):
    """A server that closes open event streams at the signal, so that they don't delay the shutdown."""

    def __init__(self, config: uvicorn.Config, events: EventHub) -> None:
        super().__init__(config)
        self._events = events

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen; the kernel queues more connections than the event loop accepts at a time."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(connections.BACKLOG)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Stop accepting, let what was accepted become a connection, then shut down all connections.

        asyncio never closes a socket that it has accepted when its server closes before the connection is
        made: its client would wait for a response for as long as the process lives.
        """
        loop = asyncio.get_running_loop()
        for listener in sockets or ():
            loop.remove_reader(listener)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Close the streams, then shut down."""
        self._events.close()
        super().handle_exit(sig, frame)


_FIRST_PAGES: Final = ("/runs", "/runs/new", "/queue", "/studies")


async def warm_up(app: FastAPI, settings: Settings) -> None:
    """Answer a few pages before the first request, so that their templates and statements are compiled."""
    html.load_templates()
    host = next((host for host in settings.hosts if "*" not in host), "localhost").encode()
    for path in _FIRST_PAGES:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", host), (b"accept", b"text/html")],
            "client": None,
            "server": None,
        }
        with contextlib.suppress(SQLAlchemyError):  # requests meet the same error, and report it
            await app(scope, _nothing, _ignored)


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _ignored(_: Message) -> None:
    pass


def serve(settings: Settings, listener: socket, deaths: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT; the supervisor reports dead workers on the descriptor `deaths`."""
    app = create_app(settings)
    if deaths is not None:
        housekeeping.hear_of_deaths(app.state.database, deaths)
    asyncio.run(warm_up(app, settings))
    gc.collect()  # what only the imports needed
    gc.freeze()  # objects loaded so far stay; scanning them repeatedly would delay responses
    with listener:
        Server(connections.configuration(app, log_level="warning"), app.state.events).run(sockets=[listener])
