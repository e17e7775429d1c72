"""What a webhook is told."""

import json
from typing import Any

from sqlmodel import select

from app.queue import admission
from app.settings import Settings
from app.storage.database import Database
from app.storage.tables import Notice
from app.web.webhook.messages import Message, compose
from tests.app.states import ROOM, failed_run, finished_run, queue_run, row, study_of

LINKS = Settings(public_url="https://lab.example.org/depth/")


def composed(database: Database, settings: Settings = LINKS, **fields: Any) -> Message | None:
    """The message of a stored notice, or of one with these fields."""
    with database.read() as session:
        notice = (
            Notice(id=1, created_at=1.5e9, due_at=1.5e9, **fields)
            if fields
            else session.exec(select(Notice)).one()
        )
        return compose(session, settings, notice)


def test_a_failed_run_is_told_with_its_reason_and_a_link(database: Database) -> None:
    run_id = failed_run(database, "the loss is <NaN>", depth=3)
    name = row(database, run_id).name
    message = composed(database)
    assert message
    told = json.loads(message.as_json)
    assert told.pop("id").startswith("notice-1-")
    assert told.pop("time").endswith("Z")
    assert told == {
        "event": "run_failed",
        "text": f"Run “{name}” failed: the loss is <NaN>",
        "url": f"https://lab.example.org/depth/runs/{run_id}",
        "run": {
            "id": run_id,
            "name": name,
            "study_id": None,
            "reason": "the loss is <NaN>",
            "epochs_done": 0,
            "epochs": 3,
        },
    }
    link = f"<https://lab.example.org/depth/runs/{run_id}|{name}>"
    assert json.loads(message.as_slack) == {"text": f"Run {link} failed: the loss is &lt;NaN&gt;"}


def test_a_retry_does_not_take_the_reason_from_the_message(database: Database) -> None:
    run_id = failed_run(database, "it broke")
    with database.write() as session:
        admission.retry(session, run_id, limit=ROOM)
    message = composed(database)
    assert message
    assert message.happened == "failed: it broke"


def test_an_ended_study_is_told_with_counts_and_headline(database: Database) -> None:
    runs = [finished_run(database, 0.9 + 0.01 * depth, depth=depth) for depth in (1, 2)]
    study = study_of(database, [*runs, failed_run(database)])
    message = composed(database, Settings(port=9000), kind="study_ended", subject=study)
    assert message
    told = json.loads(message.as_json)
    assert told["url"] == f"http://127.0.0.1:9000/studies/{study}"
    assert told["study"]["counts"] == {"queued": 0, "running": 0, "finished": 2, "failed": 1, "cancelled": 0}
    headline = told["study"]["headline"]
    assert headline.endswith(".")
    assert told["text"] == f"Study “Depths” ended: 2 finished and 1 failed. {headline}"


def test_a_study_without_results_has_no_headline(database: Database) -> None:
    study = study_of(database, [failed_run(database)])
    message = composed(database, kind="study_ended", subject=study)
    assert message
    assert (message.happened, message.details["headline"]) == ("ended: 1 failed.", None)


def test_nothing_is_told_of_what_was_deleted_or_trains_again(database: Database) -> None:
    study = study_of(database, [queue_run(database)])
    for kind, subject in (("study_ended", study), ("study_ended", 99), ("run_failed", 99)):
        assert composed(database, kind=kind, subject=subject) is None
