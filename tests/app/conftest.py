"""A database and a served application for the backend's tests."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import select
from sqlmodel import SQLModel

from app.settings import Settings
from app.storage.database import Database
from tests.app.in_process import InProcess
from tests.dashboard import ROOT, clean_environment
from tests.forked import Forks
from tests.web_server import application, give_back, started

hypothesis_settings.register_profile(
    "repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("repeatable")

Run = Callable[..., subprocess.CompletedProcess[str]]
"""Runs `depthboard` with these arguments to its end."""


@dataclass(frozen=True)
class Served:
    """A running application, a client that talks to it, and the database behind it."""

    client: httpx.Client
    database: Database
    app: FastAPI
    transport: httpx.BaseTransport | None = None
    """The transport of requests; None for HTTP."""

    @property
    def url(self) -> str:
        """The URL of the application."""
        return str(self.client.base_url)

    def another_client(self, **headers: str) -> httpx.Client:
        """A client with its own cookies that always sends these headers."""
        return httpx.Client(transport=self.transport, base_url=self.url, headers=headers, timeout=60)


@contextmanager
def serving(settings: Settings) -> Iterator[Served]:
    """The real application, served over HTTP by a thread of this process."""
    with ExitStack() as stack, started(settings) as running:
        database = Database(settings.url)
        stack.callback(database.close)  # after the server has stopped
        with httpx.Client(base_url=running.url, timeout=60) as client:
            yield Served(client, database, running.app)


@contextmanager
def answering(settings: Settings) -> Iterator[Served]:
    """The application without a socket: for tests of all but event streams, HTTP and background tasks."""
    app = application(settings)
    database = Database(settings.url)
    try:
        with start_blocking_portal() as portal:
            transport = InProcess(app, portal)
            with httpx.Client(transport=transport, base_url="http://127.0.0.1:8000") as client:
                yield Served(client, database, app, transport)
    finally:
        database.close()
        app.state.database.close()
        give_back(app, settings)


@pytest.fixture
def server(settings: Settings) -> Iterator[Served]:
    """The application over HTTP with an empty database."""
    with serving(settings) as served:
        yield served


@pytest.fixture
def site(settings: Settings) -> Iterator[Served]:
    """The application without a socket, with an empty database."""
    with answering(settings) as served:
        yield served


@pytest.fixture
def client(site: Served) -> httpx.Client:
    """A client of the application without a socket, with an empty database."""
    return site.client


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Served]:
    """The application over HTTP with one queued run, shared by a module's tests, which change nothing."""
    with _with_a_run(serving, tmp_path_factory, migrated) as served:
        yield served


@pytest.fixture(scope="session")
def still(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Served]:
    """The application without a socket, with one queued run, shared by all tests that change nothing."""
    with _with_a_run(answering, tmp_path_factory, migrated) as served:
        yield served


@contextmanager
def _with_a_run(
    start: Callable[[Settings], AbstractContextManager[Served]],
    tmp_path_factory: pytest.TempPathFactory,
    migrated: Path,
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("standing")
    shutil.copy(migrated, folder)
    with start(Settings(data_dir=folder)) as served:
        assert served.client.post("/runs", json={"depth": 1}).status_code == 201
        yield served


@pytest.fixture
def unchanged(still: Served) -> Iterator[httpx.Client]:
    """A client of the shared application; the test fails if it changes the database."""
    before = contents(still.database)
    yield still.client
    assert contents(still.database) == before


def contents(database: Database) -> list[object]:
    """Every row of every table."""
    with database.read() as session:
        return [row for table in SQLModel.metadata.sorted_tables for row in session.execute(select(table))]


@pytest.fixture
def run(forks: Forks) -> Run:
    """Runs `depthboard` to its end, as a fork."""

    def run_command(*words: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
        return forks.run(
            "app.cli", *words, cwd=cwd, environment=clean_environment(COLUMNS="120", **environment)
        )

    return run_command
