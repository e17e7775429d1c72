"""What the server sees to by itself: leftover files, and a look at the database after an unclean stop."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, insert, text, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel, col, select

from app.main import create_app
from app.queue import admission, idempotency
from app.schemas.bodies import Labels
from app.settings import Settings
from app.storage.database import Database
from app.storage.tables import Run
from app.web import housekeeping
from tests.app.conftest import serving
from tests.app.listening import listening
from tests.app.states import claimed, figures, finished_run, queue_run, row, study_of
from tests.dashboard import ROOT, clean_environment
from tests.reliability.server import Server
from tests.waiting import eventually


def check_of(settings: Settings) -> str:
    """What a server that is started says of its database, once it knows, and leaves cleanly."""
    with serving(settings) as server:

        def known() -> str | None:
            found: str = server.client.get("/health").json()["database"]
            return found if found != "checking" else None

        return eventually(known) or ""


def start_and_die(settings: Settings) -> None:
    """Leave what a server leaves that is killed."""
    app = create_app(settings)
    app.state.integrity.begin()
    app.state.database.close()


def test_the_database_is_not_checked_after_a_clean_stop(settings: Settings) -> None:
    assert check_of(settings) == "unchecked"
    assert check_of(settings) == "unchecked"


def test_the_database_is_checked_once_after_an_unclean_shutdown(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    start_and_die(settings)
    with caplog.at_level(logging.INFO):
        assert check_of(settings) == "sound"
    assert "the integrity check passed: checked in" in caplog.text
    assert check_of(settings) == "unchecked"


def test_the_system_page_shows_the_result_of_the_check(settings: Settings) -> None:
    start_and_die(settings)
    with serving(settings) as server:
        eventually(lambda: server.client.get("/health").json()["database"] == "sound")
        text = server.client.get("/workers", headers={"Accept": "text/html"}).text
    assert "integrity check passed after an unclean shutdown" in text


def damage(path: Path) -> None:
    """Overwrite the last pages of a database."""
    content = bytearray(path.read_bytes())
    content[-3 * 4096 :] = b"\xa5" * (3 * 4096)
    path.write_bytes(content)


def test_a_damaged_database_is_reported_and_checked_again(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Database(settings.url)) as database:
        for _ in range(200):
            queue_run(database, Labels(note="some text that fills pages " * 10))
    start_and_die(settings)
    damage(settings.data_dir / "depthboard.sqlite3")
    with serving(settings) as server:
        eventually(lambda: server.client.get("/health").json()["database"] == "damaged")
        text = server.client.get("/workers", headers={"Accept": "text/html"}).text
    assert "The database file is damaged" in text
    assert "depthboard restore" in text
    assert "the database file is damaged" in caplog.text
    assert (settings.data_dir / "serving").exists()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_postgresql_looks_after_itself(settings: Settings) -> None:
    start_and_die(settings)
    assert check_of(settings) == "unchecked"


def test_the_runs_of_a_worker_whose_supervisor_saw_it_die_are_queued_at_once(settings: Settings) -> None:
    """No lease is over, and no other worker is there."""
    words = ["serve", "--port", "0", "--data-dir", str(settings.data_dir), "--parent", str(os.getpid())]
    with closing(Database(settings.url)) as database:
        run_id = queue_run(database)
        claimed(database, "dead")
        server = subprocess.Popen(
            [sys.executable, "-m", "app.cli", *words],
            stdin=subprocess.PIPE,
            cwd=ROOT,
            env=clean_environment(),
        )
        assert server.stdin
        try:
            server.stdin.write(b"nobody\ndead\n")
            server.stdin.flush()
            eventually(lambda: row(database, run_id).status == "queued")
        finally:
            server.terminate()
            server.wait(60)
            server.stdin.close()
        assert (row(database, run_id).crashes, row(database, run_id).worker_losses) == (0, 1)


def test_the_server_reclaims_runs_of_a_lost_worker_without_other_workers(
    settings: Settings, database: Database
) -> None:
    run_id = queue_run(database)
    with serving(settings.model_copy(update={"lease_seconds": 1.0})):
        claimed(database, "silent", lease_seconds=1)
        eventually(lambda: row(database, run_id).status == "queued")
    assert (row(database, run_id).crashes, row(database, run_id).worker_losses) == (0, 1)


def test_a_request_that_finds_damage_reports_it_on_all_pages(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Database(settings.url)) as database:
        for _ in range(200):
            queue_run(database, Labels(note="some text that fills pages " * 10))
    damage(settings.data_dir / "depthboard.sqlite3")
    with serving(settings) as server:
        assert server.client.get("/health").json()["database"] == "unchecked"
        for _ in range(3):
            answer = server.client.get("/runs.csv")
            assert answer.status_code == 503
            assert answer.json()["detail"].startswith(
                "The database is damaged: database disk image is malformed."
            )
            assert "depthboard restore FILE --data-dir NEW" in answer.json()["detail"]
        page = server.client.get("/runs?sort=note&limit=500", headers={"Accept": "text/html"})
        health = server.client.get("/health")
        system = server.client.get("/workers", headers={"Accept": "text/html"}).text
    assert page.status_code == 503
    assert "depthboard restore" in page.text
    assert health.status_code == 200
    assert health.json()["database"] == "damaged"
    assert health.json()["detail"] == "database disk image is malformed"
    assert "The database file is damaged" in system
    assert caplog.text.count("\n") == caplog.text.count("the database file is damaged") == 1


def test_a_missing_table_is_damage_and_a_server_error_is_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database(settings.url)) as database, database.write() as session:
        session.execute(text("DROP TABLE worker"))
    with serving(settings) as server:
        health = server.client.get("/health")
        assert (health.status_code, health.json()["database"]) == (200, "damaged")
        assert health.json()["detail"] == "no such table: worker"

        def wrong(*_: object, limit: int) -> None:  # noqa: ARG001
            raise IntegrityError("INSERT", None, Exception("NOT NULL constraint failed"))

        monkeypatch.setattr(admission, "enqueue", wrong)
        assert server.client.post("/runs", json={"depth": 1}).status_code == 500


def test_the_deletion_of_a_study_survives_a_kill(settings: Settings) -> None:
    """The server dies after some of the runs are deleted; the next one deletes the others."""
    with closing(Database(settings.url)) as database:
        kept = finished_run(database)
        runs = [finished_run(database, seed=seed) for seed in range(1, 101)]
        study = study_of(database, runs)
        with database.write() as session:
            more = [
                {"run_id": run_id, "attempt": 1, "change": 0, **figures(epoch)}
                for run_id in runs
                for epoch in range(4, 204)
            ]
            session.connection().execute(insert(SQLModel.metadata.tables["epoch"]), more)
            session.execute(update(Run).where(col(Run.id).in_(runs)).values(epochs_done=203))

        def count() -> int:
            with database.read() as session:
                return session.exec(select(func.count()).select_from(Run)).one()

        server = Server(settings)
        server.start()
        asking = threading.Thread(target=ask_to_delete, args=(server.url, study))
        asking.start()
        eventually(lambda: count() <= len(runs))
        server.kill()
        asking.join()
        assert 1 < count() <= len(runs)
        server.start()
        try:
            eventually(lambda: count() == 1)
        finally:
            server.stop()
        assert row(database, kept).status == "finished"


def ask_to_delete(url: str, study: int) -> None:
    """Ask for the deletion of a study with its runs; the server dies before it answers."""
    with pytest.raises(httpx.TransportError):
        httpx.delete(f"{url}/studies/{study}?runs=delete", timeout=60)


# The end


class Held:
    """Work of the server that is under way when it is told to stop, and ends a moment later."""

    def __init__(self, work: Callable[..., object]) -> None:
        self._work = work
        self._go = threading.Event()
        self.began = threading.Event()
        self.order: list[str] = []

    def __call__(self, *arguments: object) -> object:
        """Do the work, once it may."""
        self.began.set()
        self._go.wait()
        done = self._work(*arguments)
        self.order.append("done")
        return done

    def closing(self, close: Callable[[Database], None]) -> Callable[[Database], None]:
        """Close it, and note when."""

        def noted(database: Database) -> None:
            self.order.append("closed")
            close(database)

        return noted

    def release_soon(self) -> None:
        threading.Timer(0.2, self._go.set).start()


def test_a_stopping_server_waits_for_its_background_task_before_closing_the_database(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    chore = Held(idempotency.forget_old)
    monkeypatch.setattr(housekeeping, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(idempotency, "forget_old", chore)
    monkeypatch.setattr(Database, "close", chore.closing(Database.close))
    with serving(settings):
        chore.began.wait()
        chore.release_soon()
    assert chore.order[:2] == ["done", "closed"]


def test_a_stopping_server_waits_for_the_event_hub_before_closing_the_database(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(settings) as server, listening(server.client):
        look = Held(server.app.state.events._look)  # noqa: SLF001  # to hold it back where it reads
        monkeypatch.setattr(server.app.state.events, "_look", look)
        monkeypatch.setattr(Database, "close", look.closing(Database.close))
        queue_run(server.database)
        look.began.wait()
        look.release_soon()
    assert look.order[:2] == ["done", "closed"]
