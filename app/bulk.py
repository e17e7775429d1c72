"""One action on many runs at once."""

from collections.abc import Sequence
from typing import Final

from sqlmodel import Session

from app import artifacts, run_queue
from app.answers import BulkOut, BulkSkip
from app.db import Database
from app.queue_limit import QueueFull, count_waiting
from app.requests import MAX_TAGS, BulkAction
from app.settings import Settings

CHUNK: Final = 100
"""Runs per transaction: others who write wait for one chunk at most, not for ten thousand runs."""


def apply(
    database: Database, settings: Settings, ids: Sequence[int], action: BulkAction, tag: str | None
) -> BulkOut:
    """Do it to each run; leave alone, with the reason, what is unknown, in another state or finds no room."""
    outcome = BulkOut(done=[], skipped=[])
    wanted = list(dict.fromkeys(ids))
    for start in range(0, len(wanted), CHUNK):
        with database.write() as session:
            room = settings.queue_limit - count_waiting(session)
            for run_id in wanted[start : start + CHUNK]:
                try:
                    if action == "retry" and room <= 0:
                        raise QueueFull(settings.queue_limit - room + 1, settings.queue_limit)  # noqa: TRY301
                    _apply(session, run_id, action, tag)
                except (run_queue.RunNotFound, run_queue.WrongState, QueueFull) as error:
                    outcome.skipped.append(BulkSkip(id=run_id, reason=str(error)))
                else:
                    outcome.done.append(run_id)
                    room -= 1
    if action == "delete":
        for run_id in outcome.done:
            artifacts.of_run(settings.artifacts, run_id).remove()
    return outcome


def _apply(session: Session, run_id: int, action: BulkAction, tag: str | None) -> None:
    match action:
        case "cancel":
            run_queue.cancel(session, run_id)
        case "retry":
            run_queue.retry(session, run_id)
        case "delete":
            run_queue.remove(session, run_id)
        case "archive" | "restore":
            run_queue.edit(session, run_id, {"archived": action == "archive"})
        case "tag" | "untag":
            tags = [each for each in run_queue.get(session, run_id).tags if each != tag]
            if action == "tag" and len(tags) == MAX_TAGS:
                raise run_queue.WrongState(f"run {run_id} has {MAX_TAGS} tags already; no run may have more")
            run_queue.edit(session, run_id, {"tags": [*tags, tag] if action == "tag" else tags})
