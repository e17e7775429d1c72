"""Where backups are taken and restored."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.storage.database import Database
from tests.app.commands.installations import Place


@pytest.fixture
def new(tmp_path: Path) -> Iterator[Place]:
    """An installation to restore backups into: SQLite without tables."""
    database = Database(f"sqlite:///{tmp_path / 'new' / 'depthboard.sqlite3'}")
    yield Place(database, str(tmp_path / "new" / "artifacts"))
    database.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.backup"
