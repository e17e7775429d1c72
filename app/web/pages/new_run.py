"""The form for new runs, and the first visit."""

from contextlib import suppress
from dataclasses import replace
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlmodel import Session

from app import formats
from app.compare.planning import can_show
from app.compare.reference import PUBLISHED
from app.queue import admission, run_rows
from app.queue.admission import QueueFull
from app.runs import reading, studies, usual
from app.schemas.answers import RunDetail, StudyPreview
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.storage.database import Database
from app.web import api
from app.web.api import DatabaseOf
from app.web.creation import Creation, CreationOf
from app.web.html import page, redirect
from app.web.negotiation import HtmlRoute
from app.web.pages import forms, snippets
from app.web.pages.forms import RunForm
from app.web.pages.shared import Available, Posted

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)

_GIVEN: Final = {*HYPERPARAMETERS, "name", "tags", "note", "priority"}
"""Fields of the form that its address can fill."""

DEPTH_STUDY: Final = {"depth": "1-5", "seed": "0-2", "epochs": "20", "name": "Depth study", "reuse": "on"}
REFERENCE_STUDY: Final = {
    "depth": "1-5",
    "seed": "0",
    "epochs": "200",
    "name": "Published experiment, reproduced",
    "reuse": "on",
}


def first_visit(request: Request, session: Session) -> Response:
    """The page shown instead of the list while there are no runs."""
    depth_form, reference_form = forms.read(DEPTH_STUDY), forms.read(REFERENCE_STUDY)
    return page(
        request,
        "new_run/first_visit.html",
        published=PUBLISHED,
        depth_study=DEPTH_STUDY,
        depth_preview=_preview(session, depth_form),
        reference_study=REFERENCE_STUDY,
        reference_preview=_preview(session, reference_form),
    )


def _preview(session: Session, form: RunForm) -> StudyPreview | None:
    if form.request is None:
        return None
    skips = form.request.reuse and form.size > 1  # a single run is always trained
    return studies.preview(session, form.request.model_copy(update={"reuse": skips}), form.available.sizes)


@router.get("/runs/new")
def new_run(request: Request, database: DatabaseOf, available: Available) -> Response:
    """The form for new runs; `?from={id}` fills it with that run's values, `?depth=1-5&...` with these."""
    source = None
    wanted = request.query_params.get("from", "")
    run_id = forms.number_in(wanted)
    if run_id is not None:
        with database.read() as session, suppress(run_rows.RunNotFound):
            source = reading.get_run(session, run_id)
    if wanted and source is None:
        raise HTTPException(404, f"There is no run {wanted[:20]} to clone.")
    given = {name: text for name, text in request.query_params.items() if name in _GIVEN}
    form = forms.clone(source, available) if source else forms.blank(available, given)
    return _form_page(request, database, form, source=source)


@router.post("/studies/preview")
def preview_study(request: Request, database: DatabaseOf, available: Available, data: Posted) -> Response:
    """Validate the form and show its preview; nothing is created."""
    return _form_page(request, database, forms.read(forms.texts_of(data), available))


def _form_page(
    request: Request,
    database: Database,
    form: RunForm,
    *,
    source: RunDetail | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    with database.read() as session:
        preview = _preview(session, form)
        shown = (
            can_show(session, form.request, api.settings(request)) if form.request and form.size > 1 else ""
        )
    server = str(request.base_url).rstrip("/")
    return page(
        request,
        "new_run/new_run.html",
        status=status,
        headers=headers,
        form=form,
        preview=preview,
        can_show=shown,
        unusual=usual.warnings(form.request.configs, form.available) if form.request else [],
        snippets=snippets.of_request(form.request, server) if form.request else None,
        networks=form.networks,
        source=source,
    )


@router.post("/runs")
def create_runs(
    request: Request, database: DatabaseOf, creation: CreationOf, available: Available, data: Posted
) -> Response:
    """Queue the runs of the form: one run, or a study if any field has several values."""
    form = forms.read(forms.texts_of(data), available)
    return _launch(request, database, creation, form, always_study=False)


@router.post("/studies")
def create_study(
    request: Request, database: DatabaseOf, creation: CreationOf, available: Available, data: Posted
) -> Response:
    """Queue the runs of the form as a study."""
    form = forms.read(forms.texts_of(data), available)
    return _launch(request, database, creation, form, always_study=True)


class Launched(BaseModel):
    """The URL of the new run or study, stored with the form's key; the run itself is not stored."""

    path: str


def _launch(
    request: Request, database: Database, creation: Creation, form: RunForm, *, always_study: bool
) -> Response:
    wanted = form.request
    if wanted is None:
        return _form_page(request, database, form, status=422)

    def create(session: Session) -> tuple[int, Launched]:
        if form.size > 1 or always_study:
            made = studies.create_study(session, wanted, limit=creation.limit).id
            return made, Launched(path=f"/studies/{made}")
        made = admission.enqueue(session, wanted.configs, wanted, limit=creation.limit)[0].id or 0
        return made, Launched(path=f"/runs/{made}")

    try:
        made = creation.once(wanted, f"form {request.url.path}", create)
    except QueueFull as error:
        full = replace(form, errors={"form": formats.sentence(error)})
        return _form_page(request, database, full, status=429, headers=error.headers)
    return redirect(Launched.model_validate_json(made.json).path)
