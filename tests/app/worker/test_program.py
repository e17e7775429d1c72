"""How a worker's process waits for its database."""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.settings import Settings
from app.storage import migrations
from app.storage.database import Database
from app.worker import program
from app.worker.engine import EngineMissing
from app.worker.slot_process import LocalEngine
from tests.waiting import eventually


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    """A database without tables."""
    with closing(Database(Settings(data_dir=tmp_path).url)) as database:
        database.create()
        yield database


def test_a_worker_waits_until_the_web_process_has_prepared_the_database(
    empty: Database, caplog: pytest.LogCaptureFixture
) -> None:
    stopping = threading.Event()
    answers: list[bool] = []
    with caplog.at_level(logging.INFO):
        waiting = threading.Thread(target=lambda: answers.append(program.wait_for_schema(empty, stopping)))
        waiting.start()
        eventually(lambda: "waiting for the web process to prepare the database" in caplog.text)
        migrations.upgrade(empty)
        waiting.join()
    assert answers == [True]
    assert caplog.text.count("waiting for") == 1


def test_a_worker_told_to_end_stops_waiting_for_the_database(empty: Database) -> None:
    stopping = threading.Event()
    stopping.set()
    assert not program.wait_for_schema(empty, stopping)


def test_the_settings_name_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path)
    assert isinstance(program.engine_of(settings), LocalEngine)
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    for module in ("ray_engine", "ray_slot"):
        monkeypatch.delitem(sys.modules, f"app.worker.cluster.{module}", raising=False)
    with pytest.raises(
        EngineMissing, match=r"needs the extra of the same name: pip install 'depthboard\[ray"
    ):
        program.engine_of(settings.model_copy(update={"engine": "ray"}))
