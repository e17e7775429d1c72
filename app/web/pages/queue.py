"""The page of the queue, and the forms on it."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.datastructures import FormData

from app import formats
from app.queue import actions, moves, pause, registry, run_rows
from app.queue.moves import Outcome
from app.runs import queue
from app.schemas.monitoring import WorkerOut
from app.schemas.queue import MoveRequest, TrainingRun
from app.schemas.runs import RunPatch
from app.storage.database import clock, newest_change
from app.web.api import DatabaseOf
from app.web.html import local, page, redirect
from app.web.negotiation import HtmlRoute
from app.web.pages import forms
from app.web.pages.shared import Posted

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)

_SHOWN: Final = 100
"""Maximum number of queued runs on a page."""

_PRIORITY: Final = "expected a whole number from -1000 to 1000"


@router.get("/queue")
def show_queue(request: Request, database: DatabaseOf) -> Response:
    """Running runs in their workers' slots, and a page of queued runs."""
    skipped = max(0, (forms.number_in(request.query_params.get("from", "")) or 1) - 1)
    with database.read() as session:
        change, now = newest_change(session), clock(session)
        found = queue.read(session, skipped=skipped, most=_SHOWN)
        workers = registry.list_workers(session)
    if skipped and not found.queued:  # the queue has become shorter
        return redirect("/queue")
    return page(
        request,
        "queue.html",
        now=now,
        queue=found,
        workers=_with_runs(workers, found.running),
        slots=sum(worker.slots for worker in workers),
        skipped=skipped,
        shown=_SHOWN,
        change=change,
    )


def _with_runs(
    workers: Sequence[WorkerOut], running: Sequence[TrainingRun]
) -> list[tuple[WorkerOut | None, list[TrainingRun]]]:
    """Live workers, each with its runs; then the runs of workers whose leases have ended."""
    grouped: list[tuple[WorkerOut | None, list[TrainingRun]]] = [
        (worker, [run for run in running if run.worker_id == worker.id]) for worker in workers
    ]
    alive = {worker.id for worker in workers}
    lost = [run for run in running if run.worker_id not in alive]
    return [*grouped, (None, lost)] if lost else grouped


@router.post("/queue/pause")
def pause_queue(database: DatabaseOf, data: Posted) -> Response:
    """Pause the queue and return to the page of the button."""
    with database.write() as session:
        pause.begin(session)
    return redirect(_back(data))


@router.post("/queue/resume")
def resume_queue(database: DatabaseOf, data: Posted) -> Response:
    """Resume the queue and return to the page of the button."""
    with database.write() as session:
        pause.end(session)
    return redirect(_back(data))


@router.post("/queue/move")
def move_runs(database: DatabaseOf, data: Posted) -> Response:
    """Move the selected runs and say where they are now."""
    texts = forms.texts_of(data)
    ids = [number for item in texts.get("ids", "").split(", ") if (number := forms.number_in(item))]
    to = texts.get("to", "")
    if not ids:
        return redirect(_back(data), "No run was selected. Select at least one run.")
    try:
        body = MoveRequest.model_validate({"ids": ids, "to": forms.number_in(to) or to})
    except ValidationError:
        return redirect(_back(data), f"“{to}” is not a place in the queue. Nothing was moved.")
    with database.write() as session:
        outcome = moves.move(session, body.wanted, body.to)
    return redirect(_back(data), _said(outcome))


def _said(outcome: Outcome) -> str:
    """Where the moved runs are now, which priorities have changed, and why runs were skipped."""
    sentences = [formats.sentence(str(why)) for why in outcome.refusals.values()]
    moved = outcome.moved
    if not moved:
        return " ".join(sentences)
    places = formats.whole(moved[0].place)
    if len(moved) > 1:
        places += f" to {formats.whole(moved[-1].place)}"
    runs = f"Run {moved[0].id} is" if len(moved) == 1 else f"{formats.plural(len(moved), 'run')} are"
    sentences.insert(0, f"{runs} now {places} of {formats.whole(outcome.queued)}.")
    changed = [run for run in moved if run.priority != run.priority_before]
    if len(changed) == len(moved) == 1:
        before, after = formats.whole(changed[0].priority_before), formats.whole(changed[0].priority)
        sentences.insert(1, f"Its priority changed from {before} to {after}.")
    elif changed:
        sentences.insert(1, f"The priority of {formats.plural(len(changed), 'run')} changed to fit.")
    return " ".join(sentences)


@router.post("/queue/priority")
def change_priority(database: DatabaseOf, data: Posted) -> Response:
    """Change the priority of one run."""
    texts = forms.texts_of(data)
    run_id = forms.number_in(texts.get("id", ""))
    typed = texts.get("priority", "").strip().replace("\N{MINUS SIGN}", "-")
    try:
        patch = RunPatch.model_validate_strings({"priority": typed}, strict=False)
    except ValidationError:
        return redirect(_back(data), f"Priority “{typed}” was not saved: {_PRIORITY}.")
    with database.write() as session:
        run = run_rows.get(session, run_id or 0)
        if run.priority != patch.priority:
            actions.edit(session, run_id or 0, {"priority": patch.priority})
    return redirect(_back(data))


def _back(data: FormData) -> str:
    return local(forms.texts_of(data).get("next", ""), "/queue")
