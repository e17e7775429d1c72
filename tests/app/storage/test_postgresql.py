"""Connections to PostgreSQL: readers can't write, and idle writers don't block others."""

import pytest
from sqlalchemy.exc import InternalError
from sqlmodel import update

from app.settings import Settings
from app.storage.database import Database
from app.storage.outage import OUTAGES
from app.storage.tables import Run
from tests.app.states import queue_run, row


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_reader_on_postgresql_writes_nothing(database: Database) -> None:
    queue_run(database)
    with pytest.raises(InternalError, match="read-only"), database.read() as session:
        session.execute(update(Run).values(note="changed"))


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_an_idle_writer_loses_its_lock_and_gets_an_error(settings: Settings, database: Database) -> None:
    """As when its process was stopped or its machine cut off in the middle of a write."""
    run_id = queue_run(database)
    silent = Database(settings.url, idle_seconds=0.5)
    with pytest.raises(OUTAGES), silent.write() as session:  # noqa: PT012  # it fails at the next statement
        session.connection()  # takes the lock
        with database.write() as other:
            other.execute(update(Run).values(note="done"))
        session.execute(update(Run).values(note="half done"))
    assert row(database, run_id).note == "done"
    with silent.write() as session:
        session.execute(update(Run).values(note="back"))
    assert row(database, run_id).note == "back"
    silent.close()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_connection_to_postgresql_notices_a_dead_peer(database: Database) -> None:
    for engine in database.engines:
        with engine.connect() as connection:
            info = connection.connection.driver_connection.info  # type: ignore[union-attr]
            parameters = info.get_parameters()
        assert parameters["tcp_user_timeout"] == "15000"
        assert {parameters[f"keepalives_{name}"] for name in ("idle", "interval", "count")} == {
            "10",
            "5",
            "3",
        }
