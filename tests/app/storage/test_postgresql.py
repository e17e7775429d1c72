"""Connections to PostgreSQL: readers can't write, and idle writers don't block others."""

import pytest
from sqlalchemy.exc import InternalError
from sqlmodel import col, update

from app.queue import registry
from app.settings import Settings
from app.storage.database import Database
from app.storage.outage import OUTAGES
from app.storage.tables import Run
from tests.app.states import add_worker, claimed, queue_run, row


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


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_heartbeats_do_not_wait_for_writers_nor_for_runs_that_these_hold(
    settings: Settings, database: Database
) -> None:
    free, held = queue_run(database), queue_run(database)
    add_worker(database, "w")
    for _ in (free, held):
        claimed(database, "w")
    before = row(database, held).lease_expires
    impatient = Database(settings.url, busy_seconds=0.2)
    with database.write() as session:
        session.execute(update(Run).where(col(Run.id) == held).values(note="changed"))
        with impatient.write(turn=False) as other:
            assert registry.heartbeat(other, "w", 1000)
        with pytest.raises(OUTAGES), impatient.write() as other:
            other.connection()
    assert (row(database, free).lease_expires or 0) > (before or 0)
    assert row(database, held).lease_expires == before
    assert row(database, held).note == "changed"
    impatient.close()
