"""A database that another process upgrades."""

import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text

from app import interpreter
from app.commands import upgrade
from app.settings import ENVIRONMENT, Settings
from app.storage import migrations
from app.storage.database import Database
from app.storage.migrations import SchemaError


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of an installation without a database."""
    monkeypatch.setenv(f"{ENVIRONMENT}DATA_DIR", str(tmp_path))
    monkeypatch.delenv(f"{ENVIRONMENT}DATABASE_URL", raising=False)
    return Settings()


def version(settings: Settings) -> str | None:
    database = Database(settings.url)
    with database.engine.connect() as connection:
        found = migrations.version(connection)
    database.close()
    return found


@pytest.mark.slow
def test_a_missing_database_is_created_with_the_newest_schema(settings: Settings) -> None:
    with upgrade.apart(settings):
        pass
    assert version(settings) == migrations.HEAD


@pytest.mark.slow
def test_an_older_schema_is_upgraded(settings: Settings) -> None:
    database = Database(settings.url)
    migrations.upgrade(database, "0005")
    database.close()
    with upgrade.apart(settings):
        pass
    assert version(settings) == migrations.HEAD


def test_the_newest_schema_needs_no_process(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    migrations.upgrade(Database(settings.url))
    monkeypatch.setattr(subprocess, "Popen", None)
    with upgrade.apart(settings):
        pass


def test_a_newer_schema_is_refused_before_the_block(settings: Settings) -> None:
    database = Database(settings.url)
    migrations.upgrade(database)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError, match="9999"), upgrade.apart(settings):
        pytest.fail("the block was entered")


@pytest.mark.slow
def test_a_failure_is_left_to_the_upgrade_that_follows(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "command", lambda *_: ["false"])
    with upgrade.apart(settings):
        pass
    assert not settings.own_database.exists()


def test_a_process_whose_parent_has_died_changes_nothing(settings: Settings) -> None:
    upgrade.main(parent=1)
    assert not settings.own_database.exists()
