"""Bulk actions of requests, in portions that let other writers in between."""

import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from threading import Thread
from typing import Final

from sqlalchemy import false, func
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from app.formats import plural
from app.queue import actions, admission, run_rows
from app.queue.run_rows import Refusals
from app.runs.listing import matches
from app.runs.listing.errors import QueryError
from app.runs.listing.query import RunQuery
from app.runs.listing.writing import pairs_of
from app.schemas.bodies import MAX_TAGS
from app.schemas.runs import BulkAction, BulkOut, BulkRequest, BulkSkip
from app.settings import Settings
from app.storage import artifacts
from app.storage.database import Database
from app.storage.outage import OUTAGES, unwritable
from app.storage.tables import Run

PORTION_SECONDS: Final = 0.02
"""Maximum time in a transaction before it commits. Other writers wait for one portion at most."""

REST_SECONDS: Final = 0.03
"""Minimum time without the write lock between portions; after a longer portion, as long as the portion took.

A writer in another process polls SQLite's lock at most 25 ms apart in its first tenth of a second. It could
miss a shorter pause.
"""

REMOVING_SECONDS: Final = 1.0
"""Maximum time that a response waits for the removal of the files of deleted runs."""

INVERSES: Final[dict[BulkAction, BulkAction]] = {
    "archive": "restore",
    "restore": "archive",
    "tag": "untag",
    "untag": "tag",
}
"""The action that undoes another, where nothing is lost."""

STEP_RUNS: Final = 25
STEP_EPOCHS: Final = 1_000
"""Maximum numbers of runs, and of their epochs, to change between two checks of the time."""


def apply(
    database: Database,
    settings: Settings,
    request: BulkRequest,
    stopping: Callable[[], bool],
) -> BulkOut:
    """Apply the action to each run; skip runs that are unknown, in the wrong state or beyond a limit.

    Each skipped run has a reason. If the database fails or the server is `stopping`, the unprocessed runs are
    in `remaining`.

    Raises:
        DBAPIError: the database failed before any run was processed.
        QueryError: the request's filter is invalid or empty.
        WrongState: the filter matches another number of runs than expected.
    """
    outcome = BulkOut(done=[], skipped=[], remaining=_selected(database, request), stopped=None)
    while outcome.remaining:
        try:
            with database.write() as session:
                began = time.monotonic()
                portion = _portion(session, settings, request, outcome.remaining)
        except OUTAGES as error:
            if not (outcome.done or outcome.skipped):
                raise
            outcome.stopped = _why(error)
            break
        outcome.done += portion.done
        outcome.skipped += portion.skipped
        outcome.remaining = portion.remaining
        if not outcome.remaining:
            break
        if stopping():
            outcome.stopped = "the server is stopping"
            break
        time.sleep(max(REST_SECONDS, time.monotonic() - began))
    if request.action == "delete":
        _remove_files(settings.artifacts, outcome.done)
    return outcome


def _selected(database: Database, request: BulkRequest) -> list[int]:
    """The ids of a request, or those of the runs that match its filter now."""
    if request.filter is None:
        return list(dict.fromkeys(request.ids))
    ids = matching(database, request.filter)
    if request.expected is not None and len(ids) != request.expected:
        raise run_rows.WrongState(
            f"the filter matches {plural(len(ids), 'run')}, not {request.expected:,}; nothing was changed"
        )
    return ids


def matching(database: Database, text: str) -> list[int]:
    """The runs that match a filter, a query string, now.

    Raises:
        QueryError: the filter is invalid or empty.
    """
    try:
        query = RunQuery.parse(pairs_of(text), strict=True)
    except QueryError as error:
        raise QueryError("filter", f"{error.parameter}: {error}") from None
    if not query.is_filtered:
        raise QueryError(
            "filter",
            "it has no filter; expected one such as status=failed, archived=false for all runs that are not "
            "archived, or archived=all for all runs",
        )
    with database.read() as session:
        return matches.matching_ids(session, query)


def changing(session: Session, request: BulkRequest) -> set[int]:
    """The runs that the action would change: archiving an archived run changes nothing.

    Considers only actions that can be undone: archive and restore, tag and untag. Others change all runs.
    """
    if request.action not in INVERSES:
        return set(request.ids)
    found = set()
    for start in range(0, len(request.ids), STEP_EPOCHS):
        some = request.ids[start : start + STEP_EPOCHS]
        rows = session.execute(select(Run.id, Run.archived, Run.tags).where(col(Run.id).in_(some)))
        for run_id, archived, tags in rows:
            has = archived if request.action in ("archive", "restore") else request.tag in tags
            if has == (request.action in ("restore", "untag")):
                found.add(run_id)
    return found


def count_unarchived(session: Session, ids: Sequence[int]) -> int:
    """The number of these runs that are not archived."""
    unarchived = select(func.count()).select_from(Run).where(col(Run.archived).is_(false()))
    steps = (ids[start : start + STEP_EPOCHS] for start in range(0, len(ids), STEP_EPOCHS))
    return sum(session.exec(unarchived.where(col(Run.id).in_(step))).one() for step in steps)


def _portion(session: Session, settings: Settings, request: BulkRequest, ids: Sequence[int]) -> BulkOut:
    """Apply the action to as many of these runs as the time allows; the others remain."""
    began = time.monotonic()
    portion = BulkOut(done=[], skipped=[], remaining=list(ids), stopped=None)
    while portion.remaining:
        some = portion.remaining[: _step(session, portion.remaining[:STEP_RUNS], request)]
        refusals = _apply(session, settings, request, some)
        portion.done += [run_id for run_id in some if run_id not in refusals]
        portion.skipped += [
            BulkSkip(id=run_id, reason=str(refusals[run_id])) for run_id in some if run_id in refusals
        ]
        portion.remaining = portion.remaining[len(some) :]
        if time.monotonic() - began >= PORTION_SECONDS:
            break
    return portion


def _step(session: Session, ids: Sequence[int], request: BulkRequest) -> int:
    """The number of runs in one step: at least one, and fewer than all if they have many epochs to delete."""
    if request.action != "delete":
        return len(ids)
    rows = session.execute(select(Run.id, Run.epochs_done).where(col(Run.id).in_(ids)))
    recorded: dict[int, int] = dict(rows.all())
    totals = accumulate(recorded.get(run_id, 0) for run_id in ids)
    return max(1, len([total for total in totals if total <= STEP_EPOCHS]))


def _apply(session: Session, settings: Settings, request: BulkRequest, ids: Sequence[int]) -> Refusals:
    match request.action:
        case "cancel":
            return actions.cancel_all(session, ids)
        case "retry":
            return admission.retry_all(session, ids, limit=settings.queue_limit)
        case "delete":
            return actions.remove_all(session, ids)
        case "archive" | "restore":
            return actions.edit_all(
                session, {run_id: {"archived": request.action == "archive"} for run_id in ids}
            )
        case "tag" | "untag":
            return _tag(session, ids, request.tag or "", add=request.action == "tag")


def _tag(session: Session, ids: Sequence[int], tag: str, *, add: bool) -> Refusals:
    rows = session.execute(select(Run.id, Run.tags).where(col(Run.id).in_(ids)))
    others = {run_id: [other for other in tags if other != tag] for run_id, tags in rows}
    full = {
        run_id: run_rows.WrongState(f"run {run_id} already has the maximum of {MAX_TAGS} tags")
        for run_id, tags in others.items()
        if add and len(tags) == MAX_TAGS
    }
    changes = {
        run_id: {"tags": [*others.get(run_id, []), *([tag] if add else [])]}
        for run_id in ids
        if run_id not in full
    }
    return full | actions.edit_all(session, changes)


def _remove_files(location: str, ids: Sequence[int]) -> None:
    """Remove the files of deleted runs; the response waits briefly, and `Aftercare` removes the rest."""

    def remove() -> None:
        for run_id in ids:
            artifacts.of_run(location, run_id).remove()

    removing = Thread(target=remove, name="remove files", daemon=True)
    removing.start()
    removing.join(REMOVING_SECONDS)


def _why(error: DBAPIError) -> str:
    return f"the database can't be written: {unwritable(error) or str(error.orig).strip()}"
