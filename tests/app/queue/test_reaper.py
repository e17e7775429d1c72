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


def test_a_worker_that_went_silent_loses_its_run_after_its_lease(
    database: Database, clock: Clock, reaper: Reaper
) -> None:
    run_id = hold(database)
    assert pass_time(reaper, clock, LEASE) == []
    assert pass_time(reaper, clock, BEAT) == [run_id]
    assert (row(database, run_id).status, row(database, run_id).worker_losses) == ("queued", 1)
    with database.read() as session:
        assert registry.list_workers(session) == []


def test_after_a_time_without_the_database_live_workers_get_a_lease_to_beat(
    database: Database, clock: Clock, reaper: Reaper
) -> None:
    hold(database)
    pass_time(reaper, clock, BEAT)
    clock.now += 2 * LEASE
    assert pass_time(reaper, clock, BEAT) == []
    beat(database)
    assert pass_time(reaper, clock, LEASE) == []


def test_who_stays_silent_after_an_outage_is_lost_after_one_lease(
    database: Database, clock: Clock, reaper: Reaper
) -> None:
    run_id = hold(database)
    clock.now += 2 * LEASE
    assert pass_time(reaper, clock, LEASE) == [run_id]


def test_who_could_not_write_its_judgement_may_not_be_the_only_one(
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
def test_a_turn_that_could_not_be_had_does_not_matter_where_others_could(
    settings: Settings, database: Database
) -> None:
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


def test_a_reaper_that_has_just_started_waits_as_long_as_it_is_told_to(
    database: Database, clock: Clock
) -> None:
    run_id = hold(database)
    clock.now += 2 * LEASE
    reaper = Reaper(database, LEASE, first_seconds=2 * BEAT)
    assert pass_time(reaper, clock, BEAT) == []
    assert pass_time(reaper, clock, BEAT) == [run_id]


def test_a_run_whose_lease_is_over_is_reaped(database: Database) -> None:
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


def test_a_run_to_be_cancelled_whose_worker_went_silent_is_cancelled(database: Database) -> None:
    run_id = queue_run(database)
    claimed(database, lease_seconds=-1)
    cancel(database, run_id)
    reap(database)
    assert row(database, run_id).status == "cancelled"


def test_a_clock_that_is_set_back_delays_the_judgement_by_one_lease(
    database: Database, clock: Clock, reaper: Reaper
) -> None:
    clock.now -= 1000 * LEASE
    pass_time(reaper, clock, LEASE)
    run_id = hold(database)
    assert pass_time(reaper, clock, LEASE) == []
    assert pass_time(reaper, clock, BEAT) == [run_id]
