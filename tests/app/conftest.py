"""A database and a served application for the backend's tests."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from app import migrations
from app.db import Database
from app.settings import Settings
from tests.web_server import WebServer

hypothesis_settings.register_profile(
    "repeatable", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the newest schema and nothing else, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "depthboard.sqlite3"
    database = Database(f"sqlite:///{path}")
    migrations.upgrade(database)
    database.close()
    return path


@pytest.fixture
def settings(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an installation of its own, whatever the environment says."""
    for name in os.environ:
        if name.startswith("DEPTHBOARD_"):
            monkeypatch.delenv(name)
    shutil.copy(migrated, tmp_path)
    return Settings(data_dir=tmp_path)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """An empty database with the newest schema."""
    database = Database(settings.url)
    yield database
    database.close()


@dataclass(frozen=True)
class Served:
    """The application on a port of its own, a client that talks to it, and the database behind it."""

    client: httpx.Client
    database: Database
    settings: Settings
    app: object

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self.client.base_url)


@pytest.fixture
def server(settings: Settings, database: Database) -> Iterator[Served]:
    """The real application, served over HTTP by a thread of this process."""
    running = WebServer(settings)
    running.start()
    try:
        with httpx.Client(base_url=running.url, timeout=30) as client:
            yield Served(client, database, settings, running.app)
    finally:
        running.stop()


@pytest.fixture
def client(server: Served) -> httpx.Client:
    """A client of the served application."""
    return server.client
