"""The web application: its parts put together, and served."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import FrameType
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import SQLAlchemyError

from app import __version__, api, assets, errors, migrations, pages, run_queue
from app.address import Address
from app.answers import Problem
from app.db import Database
from app.events import EventHub
from app.idempotency import Keys
from app.negotiation import ConditionalGet
from app.security import BodyLimit, KnownHosts, SameOrigin, SecurityHeaders
from app.settings import Settings

log = logging.getLogger(__name__)

REAP_SECONDS: Final = 5.0
MAX_BODY_BYTES: Final = 1_000_000


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
    app.state.keys = Keys(database)
    app.include_router(assets.router)
    app.include_router(pages.router)
    app.include_router(api.router)
    app.add_middleware(ConditionalGet)
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES)
    app.add_middleware(SameOrigin)
    app.add_middleware(KnownHosts, patterns=settings.hosts)
    app.add_middleware(SecurityHeaders)
    _describe_problems(app)
    errors.install(app)
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
