"""Every step of the queue that writes to a run, tried with an expired claim."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, SQLModel

from app.queue import claims, endings, reaper
from app.queue.claims import Claim
from app.storage.database import Database
from tests.app.states import RESULTS, claimed, measured, queue_run, record

STEPS: dict[str, Callable[[Session, Claim], bool]] = {
    "report_start": lambda session, claim: claims.report_start(session, claim, "cpu", {}, 0),
    "record_epoch": lambda session, claim: claims.record_epoch(session, claim, measured(3)),
    "finish": lambda session, claim: endings.finish(session, claim, RESULTS),
    "fail": lambda session, claim: endings.fail(session, claim, "too late"),
    "confirm_cancel": endings.confirm_cancel,
    "release": endings.release,
    "lose": lambda session, claim: endings.lose(session, claim, "too late"),
}
"""All writes of a worker to a run that it has claimed."""


@dataclass
class Stale:
    """Numbers of expired claims, of attempted steps, and of steps that still wrote."""

    claims: int = 0
    attempted: int = 0
    written: int = 0


def write_too_late(database: Database, *, rounds: int) -> Stale:
    """Let a claim expire and another worker take over, and try all steps with it, `rounds` times."""
    stale = Stale()
    for number in range(rounds):
        run_id = queue_run(database, seed=number)
        claim = claimed(database, "first", lease_seconds=-1)
        record(database, claim, 1, 2)
        with database.write() as session:
            assert reaper.reap(session) == [run_id]
        successor = claimed(database, "second") if number % 2 else None  # else it still waits for one
        for name, step in STEPS.items():
            before = _everything(database)
            with database.write() as session:
                accepted = step(session, claim)
            stale.attempted += 1
            stale.written += accepted or _everything(database) != before
            assert not accepted, f"{name} was accepted from a stale worker"
        stale.claims += 1
        successor = successor or claimed(database, "second")
        with database.write() as session:
            assert endings.fail(session, successor, "the next one, please")
    return stale


def _everything(database: Database) -> list[Any]:
    """All rows of all tables except the counter, which a rejected write may increase."""
    tables = [table for table in SQLModel.metadata.sorted_tables if table.name != "counter"]
    with database.read() as session:
        return [row for table in tables for row in session.execute(select(table))]
