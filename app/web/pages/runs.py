"""The page of one run, and actions on runs."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError
from sqlmodel import Session
from starlette.datastructures import FormData

from app import formats
from app.queue import actions, admission, run_rows
from app.runs import advice, epoch_columns, predictions, reading, verification
from app.runs.guessing import ONE_CLASS, Chance
from app.runs.listing import matches
from app.runs.listing.errors import QueryError
from app.runs.listing.query import PARAMETERS, RunQuery
from app.schemas.bodies import Nothing
from app.schemas.predictions import RunPredictions
from app.schemas.runs import RunDetail, RunOut, RunPatch
from app.statistics import share_interval
from app.storage import artifacts
from app.storage.database import Database, clock, newest_change
from app.storage.tables import Run
from app.web.api import DatabaseOf, RunIdPath, SettingsOf, settings
from app.web.creation import CreationOf
from app.web.html import local, page, redirect
from app.web.negotiation import HtmlRoute
from app.web.pages import forms, model_code
from app.web.pages.shared import Posted
from trainer.config import TrainConfig

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)

_ALWAYS_SHOWN: Final = ("depth", "epochs", "lr", "batch_size", "seed", "device", "dataset")
"""Hyperparameters with their own lines on a run's page."""
_SHOWN_WRONG: Final = 24
"""How many wrongly classified images a run's page shows."""
_BY_ID: Final = RunQuery(archived="all", sort="id")


@router.get("/runs/{run_id}")
def show_run(request: Request, database: DatabaseOf, run_id: RunIdPath) -> Response:
    """One run: progress, results, test images, weights, log and actions."""
    return _run_page(request, database, run_id)


@router.post("/runs/{run_id}")
def change_run(request: Request, database: DatabaseOf, run_id: RunIdPath, data: Posted) -> Response:
    """Save the fields that the form has: name, tags, note; `add_tag` and `remove_tag` change single tags."""
    texts = forms.texts_of(data)
    back = local(texts.get("next", ""), f"/runs/{run_id}")
    try:
        with database.write() as session:
            run = run_rows.get(session, run_id)
            changes = _changes(run, texts)
            wanted = RunPatch.model_validate(changes).model_dump(include=set(changes))
            is_saved = all(getattr(run, name) == value for name, value in wanted.items())  # a repeat
            is_outdated = forms.is_outdated(texts, _as_read(run)) and not is_saved
            if not is_outdated:
                actions.edit(session, run_id, wanted)
    except ValidationError as error:
        wrong = forms.messages(error.errors())
        if "add_tag" in texts:
            wrong = {"add_tag": " ".join(wrong.values())}
        return _run_page(request, database, run_id, texts, wrong)
    if is_outdated:
        stale = "Someone else changed this run. Your input is below; save again to overwrite their change."
        return _run_page(request, database, run_id, texts | {"as_read": ""}, {"form": stale})
    return redirect(back, "Saved." if "note" in changes or "name" in changes else "")


def _as_read(run: Run | RunOut) -> str:
    return forms.digest_of(run.name, run.note)


def _changes(run: Run, texts: Mapping[str, str]) -> dict[str, Any]:
    """The fields that a form changes, with their new values."""
    changes: dict[str, Any] = {}
    if "name" in texts:
        changes["name"] = texts["name"].strip() or None
    if "note" in texts:
        changes["note"] = texts["note"].replace("\r\n", "\n")
    if "tags" in texts:
        changes["tags"] = forms.split_tags(texts["tags"])
    if "add_tag" in texts or "remove_tag" in texts:
        kept = [tag for tag in run.tags if tag != texts.get("remove_tag")]
        changes["tags"] = [*kept, *forms.split_tags(texts.get("add_tag", ""))]
    return changes


def _run_page(
    request: Request,
    database: Database,
    run_id: int,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    location = settings(request).artifacts
    with database.read() as session:
        change, now = newest_change(session), clock(session)
        run = reading.get_run(session, run_id, location)
        before, after = matches.neighbors(session, _list_of(request), run_id)
    stored = {"name": run.name, "note": run.note, "as_read": _as_read(run), "add_tag": ""}
    shown, why_not = _predictions(request, run)
    return page(
        request,
        "run/run.html",
        status=422 if errors else 200,
        now=now,
        run=run,
        advice=advice.of(run),
        guess=_guess(run),
        interval=_interval(run),
        change=change,
        texts=stored | dict(typed or {}),
        errors=errors or {},
        further=_further(run),
        model_bytes=_model_bytes(request, run),
        code=model_code.of_run(run, str(request.base_url).rstrip("/")),
        predicted=shown,
        heat=predictions.heat(shown.confusion) if shown else [],
        why_not_predicted=why_not,
        before=before,
        after=after,
    )


def _list_of(request: Request) -> RunQuery:
    """The list that the address names, as on the page of runs; without one, all runs in the order of ids."""
    named = [(name, text) for name, text in request.query_params.multi_items() if name in PARAMETERS]
    if named:
        try:
            return RunQuery.parse(named, strict=False)
        except QueryError:
            pass
    return _BY_ID


def _interval(run: RunDetail) -> tuple[float, float] | None:
    """The 95 % interval of a test accuracy over test images; None if their number is unknown."""
    images = int(run.environment.get("test_images", "0"))
    if run.test_accuracy is None or not images:
        return None
    return share_interval(round(run.test_accuracy * images), images)


def _predictions(request: Request, run: RunDetail) -> tuple[RunPredictions | None, str]:
    """The predictions of a finished run; without them, the reason."""
    if run.status != "finished":
        return None, ""
    try:
        return predictions.of_run(run, settings(request), _SHOWN_WRONG), ""
    except predictions.NoPredictions as error:
        return None, formats.sentence(error)


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
    """Label and value of the other hyperparameters."""
    return [
        (field.title or name, formats.written(getattr(run, name)))
        for name, field in TrainConfig.model_fields.items()
        if name not in _ALWAYS_SHOWN
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


@router.post("/runs/{run_id}/verify")
def verify_run(request: Request, creation: CreationOf, settings: SettingsOf, run_id: RunIdPath) -> Response:
    """Queue a finished run again with identical settings, and show the new run."""

    def create(session: Session) -> tuple[int, RunOut]:
        queued = verification.queue(session, run_id, settings, limit=creation.limit)
        return queued.id or 0, reading.as_answers(session, [queued])[0]

    try:
        made = creation.once(Nothing(), request.url.path, create)
    except run_rows.WrongState as error:
        return redirect(f"/runs/{run_id}", formats.sentence(error))
    return redirect(f"/runs/{made.id}")


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
