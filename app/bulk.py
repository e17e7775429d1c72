"""One action on many runs at once."""

from sqlmodel import Session

from app import run_queue
from app.answers import BulkOut, BulkSkip
from app.requests import MAX_TAGS, BulkAction


def apply(session: Session, ids: list[int], action: BulkAction, tag: str | None) -> BulkOut:
    """Do it to each run; leave alone, with the reason, what is unknown or in another state."""
    done: list[int] = []
    skipped: list[BulkSkip] = []
    for run_id in dict.fromkeys(ids):
        try:
            _apply(session, run_id, action, tag)
        except (run_queue.RunNotFound, run_queue.WrongState) as error:
            skipped.append(BulkSkip(id=run_id, reason=str(error)))
        else:
            done.append(run_id)
    return BulkOut(done=done, skipped=skipped)


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
