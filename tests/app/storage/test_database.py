"""The database: safe settings, writers side by side, one clock and one counter."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import select, update

from app.runs.listing.matches import list_runs
from app.runs.listing.query import RunQuery
from app.settings import Settings
from app.storage.database import Database, clock, newest_change, next_change
from app.storage.sqlite import COMPILED_STATEMENTS
from app.storage.tables import Run
from tests.app.states import CPU, queue_run, row, take

BACKENDS = ("sqlite", "postgresql")


def test_commits_reach_the_disk_and_readers_do_not_wait_for_writers(database: Database) -> None:
    for open_session in (database.read, database.write):
        with open_session() as session:
            if not database.is_sqlite:
                for setting, value in (
                    ("synchronous_commit", "on"),
                    ("lock_timeout", "10s"),
                    ("idle_in_transaction_session_timeout", "5s"),
                    ("statement_timeout", "1min"),
                ):
                    shown = session.execute(text(f"SHOW {setting}")).scalar_one()
                    assert shown == value or open_session == database.read
                continue
            synchronous = session.execute(text("PRAGMA synchronous")).scalar_one()
            assert synchronous == 2  # FULL
            assert session.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
            assert session.execute(text("PRAGMA busy_timeout")).scalar_one() >= 10_000
            version = session.execute(text("SELECT sqlite_version()")).scalar_one()
            mode = session.execute(text("PRAGMA journal_mode")).scalar_one()
            safe = tuple(map(int, version.split("."))) >= (3, 51, 3)
            assert mode == ("wal" if safe else "truncate")


def test_a_writer_that_waits_too_long_gets_an_error(settings: Settings, database: Database) -> None:
    run_id = queue_run(database)
    impatient = Database(settings.url, busy_seconds=0.01)
    with database.write() as first:
        first.connection()  # takes the lock
        with pytest.raises(OperationalError), impatient.write() as second:
            second.execute(update(Run).values(note="second"))
    with impatient.write() as second:
        second.execute(update(Run).values(note="second"))
    assert row(database, run_id).note == "second"
    impatient.close()


def test_an_exception_rolls_the_whole_write_back(database: Database) -> None:
    run_id = queue_run(database)
    with pytest.raises(RuntimeError), database.write() as session:  # noqa: PT012  # both are needed
        session.execute(update(Run).values(note="changed"))
        next_change(session)
        raise RuntimeError
    assert row(database, run_id).note == ""
    assert row(database, run_id).change == 1
    with database.read() as session:
        assert newest_change(session) == 1


def test_a_reader_sees_one_snapshot(database: Database) -> None:
    run_id = queue_run(database)
    with database.read() as session:
        assert session.exec(select(Run.note)).one() == ""
        with database.write() as other:
            other.execute(update(Run).values(note="changed"))
        assert session.exec(select(Run.note)).one() == ""
    assert row(database, run_id).note == "changed"


def test_writers_at_the_same_time_wait_for_each_other(database: Database) -> None:
    """Read-then-write transactions of several connections never get "database is locked"."""
    run_id = queue_run(database)
    others = [Database(str(database.url)) for _ in range(3)]
    together = Barrier(4)

    def write(own: Database) -> None:
        together.wait()
        for _ in range(20):
            with own.write() as session:
                count = session.exec(select(Run.priority)).one()
                session.execute(update(Run).values(priority=count + 1, change=next_change(session)))

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(write, own) for own in (database, *others)]:
            done.result()
    for other in others:
        other.close()
    assert row(database, run_id).priority == 80
    assert row(database, run_id).change == 81


def test_claims_at_the_same_time_take_each_run_once(database: Database) -> None:
    expected = [queue_run(database) for _ in range(30)]
    together = Barrier(3)

    def work(worker_id: str) -> list[int]:
        own = Database(str(database.url))
        together.wait()
        taken = []
        while claim := take(own, worker_id, CPU):
            taken.append(claim.run_id)
        own.close()
        return taken

    with ThreadPoolExecutor(3) as threads:
        taken = [run_id for each in threads.map(work, ["w1", "w2", "w3"]) for run_id in each]
    assert sorted(taken) == expected


def test_change_numbers_increase_without_gaps_and_in_blocks(database: Database) -> None:
    with database.write() as session:
        assert [next_change(session), next_change(session, 3), next_change(session)] == [1, 2, 5]
    with database.read() as session:
        assert newest_change(session) == 5


def test_the_clock_of_the_database_has_milliseconds(database: Database) -> None:
    with database.read() as session:
        before, moment, after = time.time(), clock(session), time.time()
    assert before - 0.01 <= moment <= after + 0.01
    assert moment == round(moment, 3)


def test_the_memory_for_different_queries_is_limited(database: Database) -> None:
    """Clients may combine filters as they like, and each combination is a statement of its own."""
    fields = ("id", "depth", "epochs", "seed", "width", "batch_size", "version", "priority")
    _, reader = database.engines
    reader.update_execution_options(compiled_cache=reader._compiled_cache)  # noqa: SLF001  # not that of all tests
    with database.read() as session:
        for number in range(2 ** len(fields)):
            chosen = [(name, "1") for place, name in enumerate(fields) if number >> place & 1]
            list_runs(session, RunQuery.parse([*chosen, ("limit", "1")], strict=True))
    kept = reader._compiled_cache  # noqa: SLF001
    assert kept
    assert len(kept) <= 2 * COMPILED_STATEMENTS


def test_the_pulse_changes_only_with_commits_of_others(database: Database) -> None:
    with database.pulse() as pulse:
        told = [pulse(), pulse()]
        for _ in range(3):
            queue_run(database)
            told += [pulse(), pulse()]
        with database.read() as session:
            assert newest_change(session) > 0
        told.append(pulse())
    before, quiet, *_, last = told
    assert before == quiet
    assert last == told[-2]
    assert len(set(told)) == 4
