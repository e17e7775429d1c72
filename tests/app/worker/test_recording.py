"""Reports of a slot as steps of the queue."""

import pytest
from sqlalchemy.exc import IntegrityError

from app.queue.claims import Claim
from app.storage.database import Database
from app.worker import recording
from app.worker.messages import EpochDone, Failed, Finished, FromSlot, Ready, Started, Stepping, Stopped
from app.worker.recording import Refused
from tests.app.states import RESULTS, claimed, measured, queue_run, row


def write(database: Database, claim: Claim, report: FromSlot, *, draining: bool = False) -> bool:
    with database.write() as session:
        return recording.write(session, claim, report, draining=draining)


def test_a_training_is_recorded_from_start_to_end(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    reports: tuple[FromSlot, ...] = (
        Started("cpu", {"torch": "2"}, 0),
        *(EpochDone(measured(epoch)) for epoch in (1, 2, 3)),
        Finished(RESULTS, "stopped early"),
    )
    for report in reports:
        assert write(database, claim, report)
    run = row(database, run_id)
    assert (run.status, run.reason, run.epochs_done, run.device_used) == (
        "finished",
        "stopped early",
        3,
        "cpu",
    )
    assert {name: getattr(run, name) for name in RESULTS} == RESULTS


@pytest.mark.parametrize(("draining", "status"), [(False, "cancelled"), (True, "queued")])
def test_a_stopped_run_is_requeued_only_if_its_worker_drains(
    database: Database, status: str, *, draining: bool
) -> None:
    run_id = queue_run(database)
    assert write(database, claimed(database), Stopped(), draining=draining)
    assert row(database, run_id).status == status


def test_an_error_with_invalid_characters_is_recorded(database: Database) -> None:
    run_id = queue_run(database)
    assert write(database, claimed(database), Failed("no \ud800", "Traceback \ud800"))
    run = row(database, run_id)
    assert run.status == "failed"
    assert (run.reason or "").startswith("no ")
    assert (run.traceback or "").startswith("Traceback ")
    (run.reason or "").encode()


def test_progress_reports_do_not_change_the_run(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    before = row(database, run_id).model_dump()
    signs: tuple[FromSlot, ...] = (Ready([], {}), Stepping(0.5))
    for report in signs:
        assert write(database, claim, report)
    assert row(database, run_id).model_dump() == before


def test_an_invalid_claim_writes_nothing(database: Database) -> None:
    run_id = queue_run(database)
    claim = claimed(database)
    assert write(database, claim, Stopped(), draining=True)
    reports: tuple[FromSlot, ...] = (
        Started("cpu", {}, 0),
        EpochDone(measured(1)),
        Finished(RESULTS, None),
        Failed("x", None),
    )
    for report in reports:
        assert not write(database, claim, report)
    assert (row(database, run_id).status, row(database, run_id).epochs_done) == ("queued", 0)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (IntegrityError("INSERT", None, Exception("NOT NULL failed\nmore")), "NOT NULL failed"),
        (ValueError("epoch 3 came,\x1b[31m but"), r"epoch 3 came,\x1b[31m but"),
        (ValueError(), "ValueError"),
    ],
)
def test_a_rejected_report_is_described_in_one_printable_line(error: Exception, why: str) -> None:
    assert str(Refused(EpochDone(measured(1)), error)) == (
        f"a report of its process (EpochDone) could not be recorded: {why}; see the worker's log"
    )
