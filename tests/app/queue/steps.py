"""The steps of the queue, each in a separate transaction."""

from sqlmodel import select

from app.queue import actions, admission, claims, endings, reaper, registry
from app.queue.claims import Claim
from app.storage.database import Database
from app.storage.tables import Epoch, Run
from tests.app.states import RESULTS, ROOM, row


def cancel(database: Database, run_id: int) -> Run:
    with database.write() as session:
        return actions.cancel(session, run_id)


def retry(database: Database, run_id: int) -> Run:
    with database.write() as session:
        return admission.retry(session, run_id, limit=ROOM)


def lose(database: Database, claim: Claim, why: str = "its process was killed by SIGKILL") -> bool:
    with database.write() as session:
        return endings.lose(session, claim, why)


def release(database: Database, claim: Claim) -> bool:
    with database.write() as session:
        return endings.release(session, claim)


def finish(database: Database, claim: Claim) -> bool:
    with database.write() as session:
        return endings.finish(session, claim, RESULTS)


def start(database: Database, claim: Claim, epoch: int) -> None:
    with database.write() as session:
        assert claims.report_start(session, claim, "cpu", {}, epoch)


def retire(database: Database, worker_id: str) -> list[int]:
    with database.write() as session:
        return registry.retire(session, worker_id, "its worker died")


def reap(database: Database) -> list[int]:
    with database.write() as session:
        return reaper.reap(session)


def epochs_of(database: Database, run_id: int) -> list[tuple[int, int]]:
    """The attempt and number of every recorded epoch of a run."""
    with database.read() as session:
        query = select(Epoch.attempt, Epoch.epoch).where(Epoch.run_id == run_id).order_by("epoch")
        return [(attempt, epoch) for attempt, epoch in session.exec(query)]


def lease_of(database: Database, run_id: int) -> float:
    expires = row(database, run_id).lease_expires
    assert expires is not None
    return expires
