"""A database and a served application for the backend's tests."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import select
from sqlmodel import SQLModel

from app.settings import Settings
from app.storage.database import Database
from tests.web_server import WebServer

hypothesis_settings.register_profile(
    "repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("repeatable")


@dataclass(frozen=True)
class Served:
    """The application on a port of its own, a client that talks to it, and the database behind it."""

    client: httpx.Client
    database: Database
    app: FastAPI

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self.client.base_url)


@contextmanager
def serving(settings: Settings) -> Iterator[Served]:
    """The real application, served over HTTP by a thread of this process."""
    running = WebServer(settings)
    running.start()
    database = Database(settings.url)
    try:
        with httpx.Client(base_url=running.url, timeout=60) as client:
            yield Served(client, database, running.app)
    finally:
        running.stop()
        database.close()


@pytest.fixture
def server(settings: Settings) -> Iterator[Served]:
    """The application with an empty database."""
    with serving(settings) as served:
        yield served


@pytest.fixture
def client(server: Served) -> httpx.Client:
    """A client of the application with an empty database."""
    return server.client


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Served]:
    """The application with one queued run, shared by the tests of a module that change nothing."""
    folder = tmp_path_factory.mktemp("standing")
    shutil.copy(migrated, folder)
    with serving(Settings(data_dir=folder)) as served:
        assert served.client.post("/runs", json={"depth": 1}).status_code == 201
        yield served


@pytest.fixture
def unchanged(standing: Served) -> Iterator[httpx.Client]:
    """A client of the shared application; the test fails if the database is another at its end."""
    before = contents(standing.database)
    yield standing.client
    assert contents(standing.database) == before


def contents(database: Database) -> list[object]:
    """Every row of every table."""
    with database.read() as session:
        return [row for table in SQLModel.metadata.sorted_tables for row in session.execute(select(table))]
