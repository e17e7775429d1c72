"""Backups that are taken: while the dashboard runs, and where that is not possible."""

import threading
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlmodel import select

from app.commands.archive import BackupError
from app.commands.backup import save
from app.commands.restore import restore
from app.queue import actions, endings
from app.settings import Settings
from app.storage import artifacts
from app.storage.artifacts import Checkpoint
from app.storage.database import Database
from app.storage.tables import Run
from tests.app.commands.installations import Place
from tests.app.states import claimed, finished_run, queue_run, record, row
from tests.waiting import eventually
from trainer.files import durable

BACKENDS = ("sqlite", "postgresql")


def test_a_file_that_is_there_is_not_overwritten(database: Database, settings: Settings, file: Path) -> None:
    file.write_text("of value")
    with pytest.raises(BackupError, match="already exists; specify a new file"):
        save(database, settings.artifacts, file)
    assert file.read_text() == "of value"


def test_a_backup_to_an_unwritable_path_is_refused(database: Database, settings: Settings) -> None:
    with pytest.raises(BackupError, match="could not be written: No such file or directory"):
        save(database, settings.artifacts, Path("/nonesuch/some.backup"))


def test_a_backup_of_a_database_without_tables_is_refused(new: Place, file: Path) -> None:
    with pytest.raises(BackupError, match="start this version once"):
        save(new.database, new.location, file)
    assert not file.exists()


class Trainings(threading.Thread):
    """Trains run after run as slots do: an epoch, its record, its checkpoint, away with older ones."""

    def __init__(self, database: Database, location: str) -> None:
        super().__init__()
        self._database = database
        self._location = location
        self.epochs = 0
        self.stopping = threading.Event()

    def reached(self, epochs: int) -> bool:
        """Whether it has trained so much in all."""
        return self.epochs >= epochs

    def run(self) -> None:
        """Go on until stopped."""
        while not self.stopping.is_set():
            run_id = queue_run(self._database, epochs=100)
            files = artifacts.of_run(self._location, run_id)
            claim = claimed(self._database)
            for epoch in range(1, 11):
                record(self._database, claim, epoch)
                mark = Checkpoint(1, epoch)
                durable.write(files.path_of(mark), b"state %d" % epoch)
                files.remove_older(mark)
                self.epochs += 1
            with self._database.write() as session:
                endings.lose(session, claim, "it died")
                actions.cancel(session, run_id)


def test_every_run_of_a_backup_has_a_checkpoint_that_its_records_cover(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    for _ in range(5):
        durable.write(
            artifacts.of_run(settings.artifacts, finished_run(database)).model(1), b"weights" * 9999
        )
    trainings = Trainings(database, settings.artifacts)
    trainings.start()
    try:
        for number in range(4):
            eventually(partial(trainings.reached, trainings.epochs + 3))
            save(database, settings.artifacts, tmp_path / f"{number}.backup")
    finally:
        trainings.stopping.set()
        trainings.join()
    for number in range(4):
        place = tmp_path / f"place {number}"
        restored = Database(f"sqlite:///{place / 'depthboard.sqlite3'}")
        restore(tmp_path / f"{number}.backup", restored, str(place / "artifacts"))
        with restored.read() as session:
            runs = session.exec(select(Run).where(Run.status != "finished", Run.epochs_done > 1)).all()
        assert runs
        for run in runs:
            files = artifacts.of_run(str(place / "artifacts"), run.id or 0)
            assert files.usable(run.epochs_done) == files.usable(100) != []
        restored.close()


def test_a_checkpoint_replaced_during_a_backup_matches_the_tables(
    database: Database, settings: Settings, file: Path, new: Place
) -> None:
    run_id = queue_run(database, epochs=9)
    claim = claimed(database)
    files = artifacts.of_run(settings.artifacts, run_id)

    def train(epoch: int) -> None:
        record(database, claim, epoch)
        durable.write(files.path_of(Checkpoint(1, epoch)), b"state %d" % epoch)
        files.remove_older(Checkpoint(1, epoch))

    train(1)

    @event.listens_for(database.engines[1], "before_cursor_execute")
    def _go_on(*arguments: object) -> None:
        if "FROM epoch" in str(arguments[2]) and row(database, run_id).epochs_done == 1:
            train(2)

    save(database, settings.artifacts, file)
    assert row(database, run_id).epochs_done == 2
    restore(file, new.database, new.location)
    assert row(new.database, run_id).epochs_done == 1
    restored = artifacts.of_run(new.location, run_id)
    assert restored.usable(100) == [Checkpoint(1, 1)]
    assert restored.path_of(Checkpoint(1, 1)).read_bytes() == b"state 1"
