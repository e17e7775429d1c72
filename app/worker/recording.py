"""Applies a slot's reports to the queue."""

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from app.formats import as_utf8
from app.queue import claims, endings
from app.queue.claims import Claim
from app.worker.messages import EpochDone, Failed, Finished, FromSlot, Ready, Started, Stepping, Stopped


class Refused(Exception):
    """The database rejects a report's contents; the message is for the user who queued the run."""

    def __init__(self, report: FromSlot, error: Exception) -> None:
        first_line, *_ = str(error.orig if isinstance(error, DBAPIError) else error).splitlines() or [""]
        why = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in first_line)
        super().__init__(
            f"a report of its process ({type(report).__name__}) could not be recorded: "
            f"{why or type(error).__name__}; see the worker's log"
        )


def write(session: Session, claim: Claim, report: FromSlot, *, draining: bool) -> bool:
    """Record a report; returns False, and writes nothing, if the claim is lost.

    A stopped run returns to the queue if its worker drains; otherwise it was cancelled.
    """
    match report:
        case Started():
            return claims.report_start(session, claim, report.device, report.environment, report.epoch)
        case EpochDone():
            return claims.record_epoch(session, claim, report.record)
        case Finished():
            return endings.finish(session, claim, report.results, report.reason)
        case Failed():
            traceback = report.traceback and as_utf8(report.traceback)
            return endings.fail(session, claim, as_utf8(report.reason), traceback)
        case Stopped():
            end = endings.release if draining else endings.confirm_cancel
            return end(session, claim)
        case Ready() | Stepping():
            return True
