"""The page of one run, and actions on runs."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError
from sqlmodel import Session
from starlette.datastructures import FormData

from app import formats
from app.queue import actions, admission, run_rows
from app.runs import advice, bulk, epoch_columns, reading
from app.runs.guessing import ONE_CLASS, Chance
from app.runs.listing.errors import QueryError
from app.schemas.answers import RunDetail, RunOut
from app.schemas.requests import BulkAction, BulkRequest, RunPatch
from app.storage import artifacts
from app.storage.database import Database, clock, newest_change
from app.web.api import DatabaseOf, RunIdPath, SettingsOf, StoppingOf, settings
from app.web.html import local, page, redirect
from app.web.negotiation import HtmlRoute
from app.web.pages import forms
from app.web.pages.shared import Posted
from trainer.config import TrainConfig

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)

_DONE: Final[dict[BulkAction, str]] = {
    "cancel": "Cancelled",
    "retry": "Queued again",
    "archive": "Archived",
    "restore": "Restored",
    "delete": "Deleted",
    "tag": "Tagged",
    "untag": "Untagged",
}
_ALWAYS_SHOWN: Final = ("depth", "epochs", "lr", "batch_size", "seed", "device", "dataset")
"""Hyperparameters with their own lines on a run's page."""
_REASONS: Final = 3
"""Maximum number of skipped runs that a notice explains."""


@router.post("/runs/bulk")
def change_runs(database: DatabaseOf, settings: SettingsOf, stopping: StoppingOf, data: Posted) -> Response:
    """Apply one action to the selected runs and return to their page."""
    texts = forms.texts_of(data)
    back = local(texts.get("next", ""), "/runs")
    ids = [
        number
        for item in texts.get("ids", "").split(",")
        if (number := forms.number_in(item.strip())) is not None
    ]
    action = texts.get("action", "")
    if action == "compare" and ids:
        return redirect(f"/compare?runs={','.join(map(str, ids))}")
    selection = {"filter": texts["filter"]} if texts.get("filter") and not ids else {"ids": ids}
    tag = {"tag": texts.get("tag", "").strip()} if action in ("tag", "untag") else {}
    try:
        body = BulkRequest.model_validate(selection | {"action": action} | tag)
        outcome = bulk.apply(database, settings, body, stopping)
    except ValidationError as error:
        wrong = "" if selection.get("ids") == [] else " ".join(forms.messages(error.errors()).values())
        return redirect(back, wrong or "No run was selected. Select at least one run.")
    except QueryError as error:
        return redirect(back, f"Nothing was changed. The filter is invalid: {error}.")
    notice = f"{_DONE[body.action]}: {formats.plural(len(outcome.done), 'run')}."
    if outcome.skipped:
        left = "; ".join(skip.reason for skip in outcome.skipped[:_REASONS])
        notice += f" Skipped: {formats.plural(len(outcome.skipped), 'run')} ({left})."
    if outcome.remaining:
        rest = formats.plural(len(outcome.remaining), "run")
        notice += f" Not processed: {rest} ({outcome.stopped}). Select them again to continue."
    return redirect(back, notice)


@router.get("/runs/{run_id}")
def show_run(request: Request, database: DatabaseOf, run_id: RunIdPath) -> Response:
    """One run: progress, results, environment and actions."""
    return _run_page(request, database, run_id)


@router.post("/runs/{run_id}")
def change_run(request: Request, database: DatabaseOf, run_id: RunIdPath, data: Posted) -> Response:
    """Save a run's name, tags and note."""
    texts = forms.texts_of(data)
    changes = {
        "name": texts.get("name", "").strip() or None,
        "tags": forms.split_tags(texts.get("tags", "")),
        "note": texts.get("note", "").replace("\r\n", "\n"),
    }
    try:
        patch = RunPatch.model_validate(changes | {"version": forms.number_in(texts.get("version", ""))})
        with database.write() as session:
            actions.edit(session, run_id, patch.model_dump(include=set(changes)), patch.version)
    except ValidationError as error:
        return _run_page(request, database, run_id, texts, forms.messages(error.errors()))
    except run_rows.WrongState:
        with database.read() as session:
            stored = reading.get_run(session, run_id)
        if (patch.name, patch.tags, patch.note) == (stored.name, stored.tags, stored.note):
            return redirect(f"/runs/{run_id}", "Saved.")  # a repeat after a lost response
        stale = "Someone else changed this run. Your input is below; save again to overwrite their change."
        return _run_page(request, database, run_id, texts | {"version": ""}, {"form": stale})
    return redirect(f"/runs/{run_id}", "Saved.")


def _run_page(
    request: Request,
    database: Database,
    run_id: int,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    with database.read() as session:
        change, now = newest_change(session), clock(session)
        run = reading.get_run(session, run_id)
    stored = {"name": run.name, "tags": ", ".join(run.tags), "note": run.note, "version": str(run.version)}
    return page(
        request,
        "run/run.html",
        status=422 if errors else 200,
        now=now,
        run=run,
        advice=advice.of(run),
        guess=_guess(run),
        change=change,
        texts=stored | dict(typed or {}),
        errors=errors or {},
        further=_further(run),
        model_bytes=_model_bytes(request, run),
    )


def _guess(run: RunDetail) -> str:
    """The judgment of a test accuracy that may be guessing, with advice; otherwise empty."""
    chance = Chance.of(run.dataset, run.environment)
    if chance is None or run.test_accuracy is None or not run.guessing:
        return ""
    words = chance.sentence(run.test_accuracy)
    so_far = "So far " if run.status == "running" and run.guessing != ONE_CLASS else ""
    tip = "" if run.guessing == ONE_CLASS else f" {advice.against_guessing(run)}"
    return f"{so_far + words if so_far else formats.sentence(words)}{tip}"


def _further(run: RunOut) -> list[tuple[str, str]]:
    """Label and value of the other hyperparameters that differ from their defaults."""
    return [
        (field.title or name, formats.written(getattr(run, name)))
        for name, field in TrainConfig.model_fields.items()
        if name not in _ALWAYS_SHOWN and getattr(run, name) != field.default
    ]


def _model_bytes(request: Request, run: RunDetail) -> int | None:
    """Size of a finished run's weights in bytes; None if there are none."""
    model = artifacts.of_run(settings(request).artifacts, run.id).model(run.attempt)
    return model.stat().st_size if run.status == "finished" and model.is_file() else None


@router.get("/runs/{run_id}/epochs")
def list_epochs(request: Request, database: DatabaseOf, run_id: RunIdPath) -> Response:
    """Every epoch of a run as a table."""
    with database.read() as session:
        run = reading.get_run(session, run_id)
        columns = epoch_columns.of_run(session, run_id).model_dump()
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return page(request, "run/epochs.html", run=run, rows=rows)


@router.post("/runs/{run_id}/cancel")
def cancel_run(database: DatabaseOf, run_id: RunIdPath, data: Posted) -> Response:
    """Cancel a run and return to the page of the button."""
    return _act(database, run_id, data, actions.cancel)


@router.post("/runs/{run_id}/retry")
def retry_run(database: DatabaseOf, settings: SettingsOf, run_id: RunIdPath, data: Posted) -> Response:
    """Queue a failed or cancelled run again."""
    return _act(database, run_id, data, partial(admission.retry, limit=settings.queue_limit))


def _act(
    database: Database, run_id: int, data: FormData, action: Callable[[Session, int], object]
) -> Response:
    back = local(forms.texts_of(data).get("next", ""), f"/runs/{run_id}")
    try:
        with database.write() as session:
            action(session, run_id)
    except run_rows.WrongState as error:  # the run ended before the request arrived; the page shows how
        return redirect(back, formats.sentence(error))
    return redirect(back)
