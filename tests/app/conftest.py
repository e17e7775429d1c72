"""A database and a served application for the backend's tests."""

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from app import migrations
from app.db import Database
from app.main import Server, create_app
from app.settings import Settings
from tests.waiting import eventually

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
    app = create_app(settings)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="critical", timeout_graceful_shutdown=2, server_header=False
    )
    running = Server(config, app.state.events)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        eventually(lambda: running.started)
        port = running.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield Served(client, database, settings, app)
    finally:
        running.handle_exit(signal.SIGTERM, None)
        thread.join()


@pytest.fixture
def client(server: Served) -> httpx.Client:
    """A client of the served application."""
    return server.client
