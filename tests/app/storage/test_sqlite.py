"""What SQLite alone needs."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import text

from app.storage.database import Database

AT_ONCE = 6


@pytest.mark.parametrize("number", range(10))
def test_a_new_file_may_be_opened_by_many_at_once(tmp_path: Path, number: int) -> None:
    """Each tries to switch the journal; chance decides how they meet, so that they do so several times."""
    databases = [Database(f"sqlite:///{tmp_path / str(number)}") for _ in range(AT_ONCE)]
    together = Barrier(AT_ONCE)

    def opened(database: Database) -> int:
        together.wait()
        database.create()
        with database.write() as session:
            session.execute(text("CREATE TABLE IF NOT EXISTS some (thing)"))
            synchronous: int = session.execute(text("PRAGMA synchronous")).scalar_one()
        return synchronous

    with ThreadPoolExecutor(AT_ONCE) as threads:
        assert list(threads.map(opened, databases)) == [2] * AT_ONCE  # FULL
    for database in databases:
        database.close()
