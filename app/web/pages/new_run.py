"""The form for new runs, and the first visit."""

from contextlib import suppress
from dataclasses import replace

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlmodel import Session

from app import formats
from app.compare.planning import can_show
from app.compare.reference import PUBLISHED
from app.queue import admission, run_rows
from app.queue.admission import QueueFull
from app.runs import prospects, reading, studies, usual
from app.schemas.presets import DEPTH_STUDY, fields_in
from app.schemas.presets import PUBLISHED as PUBLISHED_STUDY
from app.schemas.runs import RunDetail
from app.schemas.studies import StudyPreview
from app.storage.database import Database
from app.web import api
from app.web.api import DatabaseOf
from app.web.creation import Creation, CreationOf
from app.web.html import page, redirect
from app.web.negotiation import HtmlRoute
from app.web.pages import forms, snippets
from app.web.pages.forms import RunForm
from app.web.pages.shared import Available, Posted
from app.web.routes.presets import presets

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)


def first_visit(request: Request, session: Session) -> Response:
    """The page shown instead of the list while there are no runs."""
    depth_form, reference_form = forms.read(DEPTH_STUDY), forms.read(PUBLISHED_STUDY)
    return page(
        request,
        "new_run/first_visit.html",
        published=PUBLISHED,
        depth_study=DEPTH_STUDY,
        depth_preview=_preview(session, depth_form),
        reference_study=PUBLISHED_STUDY,
        reference_preview=_preview(session, reference_form),
    )


def _preview(session: Session, form: RunForm) -> StudyPreview | None:
    if form.request is None:
        return None
    skips = form.request.reuse and form.size > 1  # a single run is always trained
    return studies.preview(session, form.request.model_copy(update={"reuse": skips}), form.available.sizes)


@router.get("/runs/new")
def new_run(request: Request, database: DatabaseOf, available: Available) -> Response:
    """The form for new runs, filled from a run (`from`), a preset, and fields in the query string.

    `study={id}` names the study whose results led to the new runs.
    """
    asked = request.query_params
    texts = forms.in_query(asked)
    missing = ""
    with database.read() as session:
        if wanted := asked.get("preset", ""):
            preset = next((each for each in presets(session) if each.key == wanted), None)
            missing = "" if preset else f"There is no preset {wanted[:20]}."
            texts = {**(fields_in(preset.query) if preset else {}), **texts, "preset": wanted}
        if wanted := asked.get("study", ""):
            if studies.find_study(session, forms.number_in(wanted) or 0) is None:
                raise HTTPException(404, f"There is no study {wanted[:20]} to copy.")
            texts |= {"follows": wanted}
        source = _source(session, asked.get("from", ""))
    form = forms.clone(source, available, texts) if source else forms.blank(available, texts)
    if missing:
        form = replace(form, errors={**form.errors, "form": missing})
    return form_page(request, database, form, source=source)


def _wait(session: Session, form: RunForm) -> str:
    if form.request is None:
        return ""
    return prospects.wait(session, form.request.axes["device"], form.request.priority)


def _source(session: Session, wanted: str) -> RunDetail | None:
    """The run to clone, if one was asked for."""
    if not wanted:
        return None
    run_id = forms.number_in(wanted)
    if run_id is not None:
        with suppress(run_rows.RunNotFound):
            return reading.get_run(session, run_id)
    raise HTTPException(404, f"There is no run {wanted[:20]} to clone.")


@router.post("/studies/preview")
def preview_study(request: Request, database: DatabaseOf, available: Available, data: Posted) -> Response:
    """Validate the form and show its preview; nothing is created."""
    return form_page(request, database, forms.read(forms.texts_of(data), available))


def form_page(
    request: Request,
    database: Database,
    form: RunForm,
    *,
    source: RunDetail | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """The form with its preview."""
    configs = form.request.configs if form.request else []
    with database.read() as session:
        known = presets(session)
        preview = _preview(session, form)
        shown = (
            can_show(session, form.request, api.settings(request)) if form.request and form.size > 1 else ""
        )
        evidence = prospects.evidence(session, configs)
        wait = _wait(session, form)
        follows = forms.number_in(form.texts.get("follows", ""))
        study = studies.find_study(session, follows) if follows is not None else None
    server = str(request.base_url).rstrip("/")
    return page(
        request,
        "new_run/new_run.html",
        status=status,
        headers=headers,
        form=form,
        preview=preview,
        can_show=shown,
        wait=wait,
        past=evidence.near(configs),
        unusual=usual.warnings(configs, form.available, evidence),
        snippets=snippets.of_request(form.request, server) if form.request else None,
        networks=form.networks,
        presets=known,
        opened=next((preset for preset in known if preset.key == form.texts.get("preset")), None),
        source=source,
        study=study,
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


def _to_confirm(form: RunForm) -> str:
    many = formats.plural(form.size, "combination")
    rest = formats.plural(form.size - form.left_out, "run")
    return f"{form.left_out:,} of {many} are invalid. Correct the values, or start the other {rest}."


class Launched(BaseModel):
    """The URL of the new run or study, stored with the form's key; the run itself is not stored."""

    path: str


def _launch(
    request: Request, database: Database, creation: Creation, form: RunForm, *, always_study: bool
) -> Response:
    wanted = form.request
    if wanted is not None and not form.is_confirmed:
        form = replace(form, errors={"form": _to_confirm(form)})
    if wanted is None or form.errors:
        return form_page(request, database, form, status=422)

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
        return form_page(request, database, full, status=429, headers=error.headers)
    return redirect(Launched.model_validate_json(made.json).path)
