"""Every step of the queue that writes of a run, tried with a claim that is over."""

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
"""Everything that a worker writes of a run it holds."""


@dataclass
class Stale:
    """How many claims were over, and how often a step still wrote with one of them."""

    claims: int = 0
    attempted: int = 0
    written: int = 0


def write_too_late(database: Database, *, rounds: int) -> Stale:
    """So many times, let a claim run out, have another worker take over, and try each step with the first."""
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
    """Every row of every table but the counter, which a refused write may raise."""
    tables = [table for table in SQLModel.metadata.sorted_tables if table.name != "counter"]
    with database.read() as session:
        return [row for table in tables for row in session.execute(select(table))]
