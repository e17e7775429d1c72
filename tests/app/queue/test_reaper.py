"""Who is silent and who could not be heard, on a clock that stands still until it is moved."""

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from app.queue import registry
from app.queue.reaper import Reaper, anything_to_reap
from app.settings import Settings
from app.storage.database import Database
from app.storage.outage import OUTAGES
from tests.app.queue.steps import cancel, reap
from tests.app.states import add_worker, claimed, queue_run, row
from tests.reliability.clock import START, Clock

BACKENDS = ("sqlite", "postgresql")
LEASE = 30.0
BEAT = 5.0


@pytest.fixture
def clock(database: Database) -> Clock:
    return Clock(database)


@pytest.fixture
def reaper(database: Database, clock: Clock) -> Reaper:
    """One that has looked often enough to judge."""
    reaper = Reaper(database, LEASE)
    pass_time(reaper, clock, LEASE)
    return reaper


def pass_time(reaper: Reaper, clock: Clock, seconds: float) -> list[int]:
    """Let the reaper look as often as it does; the runs that it has lost meanwhile."""
    lost = reaper.reap()
    for _ in range(int(seconds / BEAT)):
        clock.now += BEAT
        lost += reaper.reap()
    return lost


def hold(database: Database) -> int:
    """A run that a live worker trains."""
    run_id = queue_run(database)
    add_worker(database, lease_seconds=LEASE)
    claimed(database, lease_seconds=LEASE)
    return run_id


def beat(database: Database) -> None:
    with database.write() as session:
        assert registry.heartbeat(session, "w", LEASE)


def test_a_worker_without_heartbeats_loses_its_run_after_its_lease(
    database: Database, clock: Clock, reaper: Reaper
) -> None:
    run_id = hold(database)
    assert pass_time(reaper, clock, LEASE) == []
    assert pass_time(reaper, clock, BEAT) == [run_id]
    assert (row(database, run_id).status, row(database, run_id).worker_losses) == ("queued", 1)
    with database.read() as session:
        assert registry.list_workers(session) == []


def test_after_an_outage_workers_have_one_lease_to_send_a_heartbeat(
    database: Database, clock: Clock, reaper: Reaper
) -> None:
    hold(database)
    pass_time(reaper, clock, BEAT)
    clock.now += 2 * LEASE
    assert pass_time(reaper, clock, BEAT) == []
    beat(database)
    assert pass_time(reaper, clock, LEASE) == []


def test_a_worker_without_heartbeats_after_an_outage_is_lost_after_one_lease(
    database: Database, clock: Clock, reaper: Reaper
) -> None:
    run_id = hold(database)
    clock.now += 2 * LEASE
    assert pass_time(reaper, clock, LEASE) == [run_id]


def test_a_reaper_that_could_not_write_waits_another_lease(
    database: Database, clock: Clock, reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_no_room(_: Session) -> list[int]:
        raise OperationalError("UPDATE run", None, Exception("database or disk is full"))

    hold(database)
    assert pass_time(reaper, clock, LEASE) == []
    clock.now += BEAT
    with monkeypatch.context() as full:
        full.setattr("app.queue.reaper.reap", find_no_room)
        with pytest.raises(OUTAGES):
            reaper.reap()
    assert pass_time(reaper, clock, BEAT) == []
    beat(database)
    assert pass_time(reaper, clock, LEASE) == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_reaper_that_missed_a_turn_reclaims_in_the_next(settings: Settings, database: Database) -> None:
    busy = Database(settings.url, busy_seconds=0)
    clocks = [Clock(each) for each in (database, busy)]
    reaper = Reaper(busy, LEASE, first_seconds=0)
    run_id = hold(database)
    for moment in (0, 10, 20, LEASE):
        for each in clocks:
            each.now = START + moment
        assert reaper.reap() == []
        with database.write() as session:
            session.connection()  # takes the lock
            with pytest.raises(OUTAGES):
                reaper.reap()
    assert pass_time(reaper, clocks[1], BEAT) == [run_id]
    busy.close()


def test_a_new_reaper_waits_for_the_given_time(database: Database, clock: Clock) -> None:
    run_id = hold(database)
    clock.now += 2 * LEASE
    reaper = Reaper(database, LEASE, first_seconds=2 * BEAT)
    assert pass_time(reaper, clock, BEAT) == []
    assert pass_time(reaper, clock, BEAT) == [run_id]


def test_a_run_with_an_expired_lease_is_reaped(database: Database) -> None:
    held, expired = queue_run(database), queue_run(database)
    claimed(database)
    claimed(database, "silent", lease_seconds=-1)
    add_worker(database)
    add_worker(database, "silent", lease_seconds=-1)
    with database.read() as session:
        assert anything_to_reap(session)
    assert reap(database) == [expired]
    assert (row(database, held).status, row(database, expired).status) == ("running", "queued")
    assert (row(database, expired).crashes, row(database, expired).worker_losses) == (0, 1)
    with database.read() as session:
        assert not anything_to_reap(session)
        assert [worker.id for worker in registry.list_workers(session)] == ["w"]


def test_a_run_with_a_cancel_request_is_cancelled_when_its_worker_is_lost(database: Database) -> None:
    run_id = queue_run(database)
    claimed(database, lease_seconds=-1)
    cancel(database, run_id)
    reap(database)
    assert row(database, run_id).status == "cancelled"


def test_a_clock_set_back_delays_reclaims_by_one_lease(
    database: Database, clock: Clock, reaper: Reaper
) -> None:
    clock.now -= 1000 * LEASE
    pass_time(reaper, clock, LEASE)
    run_id = hold(database)
    assert pass_time(reaper, clock, LEASE) == []
    assert pass_time(reaper, clock, BEAT) == [run_id]
