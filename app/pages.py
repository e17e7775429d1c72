"""The pages: each route reads, renders a template, and after a form sends the browser on."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response
from pydantic import ValidationError
from sqlmodel import Session
from starlette.datastructures import FormData

from app import (
    artifacts,
    bulk,
    datasets,
    formats,
    forms,
    queue_limit,
    run_list,
    run_queue,
    runs,
    snippets,
    studies,
)
from app.answers import RunDetail, RunOut, StudyOut, StudyPreview
from app.api import DatabaseOf, RunIdPath, SettingsOf, StudyIdPath, settings
from app.db import Database, newest_change
from app.forms import RunForm
from app.grid import GridError
from app.groups import BY_DEPTH, grouped, members
from app.html import changed, local, page, redirect
from app.negotiation import HtmlRoute
from app.queue_limit import QueueFull
from app.reference import PUBLISHED
from app.requests import BulkAction, BulkRequest, MoreRuns, RunPatch
from app.settings import Settings
from trainer.config import TrainConfig

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)

DEPTH_STUDY: Final = {"depth": "1-5", "seed": "0-2", "epochs": "20", "name": "Depth study", "reuse": "on"}
REFERENCE_STUDY: Final = {
    "depth": "1-5",
    "seed": "0",
    "epochs": "200",
    "name": "The reference, repeated",
    "reuse": "on",
}
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
"""Hyperparameters that a run's page has lines of its own for."""
_REASONS: Final = 3
"""How many of the runs left alone a notice names."""
_SHOWN_WAITING: Final = 100
"""How many waiting runs the queue shows; the list of runs has them all."""
_NEWEST: Final = run_list.RunQuery(archived="all", limit=1)


async def _form(request: Request) -> FormData:
    return await request.form()


def _datasets(settings: SettingsOf) -> list[str]:
    return datasets.names(settings.data_dir)


Posted = Annotated[FormData, Depends(_form)]
Available = Annotated[list[str], Depends(_datasets)]


@router.get("/runs")
def list_runs(request: Request, database: DatabaseOf) -> Response:
    """The table of runs; while there is none at all, the first visit."""
    parameters = request.query_params
    with database.read() as session:
        change = newest_change(session)
        try:
            query = run_list.RunQuery.parse(parameters.multi_items(), strict=False)
            found = run_list.list_runs(session, query)
        except run_list.QueryError as error:
            without = changed(parameters, **{error.parameter: None})
            return redirect("/runs" + without, f"Left out “{error.parameter}”: {error}.")
        newest = run_list.list_runs(session, _NEWEST).runs
        if not newest:
            return _first_visit(request, session)
    shaping = ("sort", "limit", "cursor", "archived")
    filtered = any(value for name, value in parameters.items() if name not in shaping)
    return page(request, "runs.html", found=found, change=change, newest_run=newest[0].id, filtered=filtered)


def _first_visit(request: Request, session: Session) -> Response:
    depth_form, reference_form = forms.read(DEPTH_STUDY), forms.read(REFERENCE_STUDY)
    return page(
        request,
        "first_visit.html",
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
    return studies.preview(session, form.request.model_copy(update={"reuse": skips}))


@router.get("/runs/new")
def new_run(request: Request, database: DatabaseOf, available: Available) -> Response:
    """The form that launches runs; `?from={id}` fills it like that run."""
    source = None
    wanted = request.query_params.get("from", "")
    run_id = forms.whole(wanted)
    if run_id is not None:
        with database.read() as session:
            source = runs.get_run(session, run_id)
    if wanted and source is None:
        raise HTTPException(404, f"There is no run {wanted[:20]} to clone.")
    form = forms.clone(source, available) if source else forms.blank(available)
    return _form_page(request, database, form, source=source)


@router.post("/studies/preview")
def preview_study(request: Request, database: DatabaseOf, available: Available, data: Posted) -> Response:
    """The form again, with what it would start and what is wrong with it; nothing is created."""
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
    server = str(request.base_url).rstrip("/")
    return page(
        request,
        "new_run.html",
        status=status,
        headers=headers,
        form=form,
        preview=preview,
        snippets=snippets.of_request(form.request, server) if form.request else None,
        networks=form.networks,
        source=source,
    )


@router.post("/runs")
def create_runs(
    request: Request, database: DatabaseOf, settings: SettingsOf, available: Available, data: Posted
) -> Response:
    """Start what the form says: one run, or a study if any field holds several values."""
    form = forms.read(forms.texts_of(data), available)
    return _launch(request, database, settings, form, always_study=False)


@router.post("/studies")
def create_study(
    request: Request, database: DatabaseOf, settings: SettingsOf, available: Available, data: Posted
) -> Response:
    """Start what the form says as a study."""
    form = forms.read(forms.texts_of(data), available)
    return _launch(request, database, settings, form, always_study=True)


def _launch(
    request: Request, database: Database, settings: Settings, form: RunForm, *, always_study: bool
) -> Response:
    if form.request is None:
        return _form_page(request, database, form, status=422)
    try:
        with database.write() as session:
            if form.size > 1 or always_study:
                path = f"/studies/{studies.create_study(session, form.request).id}"
            else:
                path = f"/runs/{run_queue.enqueue(session, form.request.configs, form.request)[0].id}"
            queue_limit.check(session, settings.queue_limit)
    except QueueFull as error:
        full = replace(form, errors={"form": formats.sentence(error)})
        return _form_page(request, database, full, status=429, headers=error.headers)
    return redirect(path)


@router.post("/runs/bulk")
def change_runs(database: DatabaseOf, settings: SettingsOf, data: Posted) -> Response:
    """Do one thing to the ticked runs and return to where they were ticked."""
    texts = forms.texts_of(data)
    back = local(texts.get("next", ""), "/runs")
    ids = [number for item in texts.get("ids", "").split(", ") if (number := forms.whole(item)) is not None]
    action = texts.get("action", "")
    if action == "compare" and ids:
        return redirect(f"/compare?runs={','.join(map(str, ids))}")
    try:
        body = BulkRequest.model_validate({"ids": ids, "action": action})
    except ValidationError:
        return redirect(back, "Nothing was done: tick at least one run.")
    outcome = bulk.apply(database, settings, body.ids, body.action, body.tag)
    notice = f"{_DONE[body.action]}: {formats.plural(len(outcome.done), 'run')}."
    if outcome.skipped:
        left = "; ".join(skip.reason for skip in outcome.skipped[:_REASONS])
        notice += f" Left alone: {formats.plural(len(outcome.skipped), 'run')} ({left})."
    return redirect(back, notice)


@router.get("/runs/{run_id}")
def show_run(request: Request, database: DatabaseOf, run_id: RunIdPath) -> Response:
    """One run: how far, how well, on what, and what can be done with it."""
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
        patch = RunPatch.model_validate(changes | {"version": forms.whole(texts.get("version", ""))})
        with database.write() as session:
            run_queue.edit(session, run_id, patch.model_dump(include=set(changes)), patch.version)
    except ValidationError as error:
        return _run_page(request, database, run_id, texts, forms.messages(error.errors()))
    except run_queue.WrongState:
        stale = "Someone changed this run meanwhile. Below is what you typed; save again to keep yours."
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
        change = newest_change(session)
        run = _get_run(session, run_id)
    stored = {"name": run.name, "tags": ", ".join(run.tags), "note": run.note, "version": str(run.version)}
    return page(
        request,
        "run.html",
        status=422 if errors else 200,
        run=run,
        change=change,
        texts=stored | dict(typed or {}),
        errors=errors or {},
        further=_further(run),
        model_bytes=_model_bytes(request, run),
    )


def _further(run: RunOut) -> list[tuple[str, str]]:
    """Label and value of the less-used hyperparameters that are not the reference's."""
    return [
        (field.title or name, _shown(getattr(run, name)))
        for name, field in TrainConfig.model_fields.items()
        if name not in _ALWAYS_SHOWN and getattr(run, name) != field.default
    ]


def _shown(value: object) -> str:
    return formats.decimal(value) if isinstance(value, float) else str(value)


def _model_bytes(request: Request, run: RunDetail) -> int | None:
    """How large the file of a finished run's weights is, None if there is none."""
    model = artifacts.of_run(settings(request).artifacts, run.id).model(run.attempt)
    return model.stat().st_size if run.status == "finished" and model.is_file() else None


def _get_run(session: Session, run_id: int) -> RunDetail:
    run = runs.get_run(session, run_id)
    if run is None:
        raise run_queue.RunNotFound(run_id)
    return run


@router.get("/runs/{run_id}/epochs")
def list_epochs(request: Request, database: DatabaseOf, run_id: RunIdPath) -> Response:
    """Every epoch of a run as a table."""
    with database.read() as session:
        run = _get_run(session, run_id)
        columns = runs.epoch_columns(session, run_id).model_dump()
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return page(request, "epochs.html", run=run, rows=rows)


@router.post("/runs/{run_id}/cancel")
def cancel_run(database: DatabaseOf, run_id: RunIdPath, data: Posted) -> Response:
    """Cancel a run and return to the page where the button stood."""
    return _act(database, run_id, data, run_queue.cancel)


@router.post("/runs/{run_id}/retry")
def retry_run(database: DatabaseOf, settings: SettingsOf, run_id: RunIdPath, data: Posted) -> Response:
    """Queue a failed or cancelled run again."""

    def retry(session: Session, run_id: int) -> None:
        run_queue.retry(session, run_id)
        queue_limit.check(session, settings.queue_limit)

    return _act(database, run_id, data, retry)


def _act(
    database: Database, run_id: int, data: FormData, action: Callable[[Session, int], object]
) -> Response:
    back = local(forms.texts_of(data).get("next", ""), f"/runs/{run_id}")
    try:
        with database.write() as session:
            action(session, run_id)
    except run_queue.WrongState as error:  # it ended while the button was on its way: the page shows how
        return redirect(back, formats.sentence(error))
    return redirect(back)


@router.get("/studies")
def list_studies(request: Request, database: DatabaseOf) -> Response:
    """Every study, newest first."""
    with database.read() as session:
        return page(request, "studies.html", studies=studies.list_studies(session))


@router.get("/studies/{study_id}")
def show_study(request: Request, database: DatabaseOf, study_id: StudyIdPath) -> Response:
    """One study: its progress, its runs and their curves."""
    with database.read() as session:
        return _study_page(request, session, study_id)


def _study_page(
    request: Request,
    session: Session,
    study_id: int,
    *,
    seeds: str = "1",
    problem: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    change = newest_change(session)
    study = _get_study(session, study_id)
    query = run_list.RunQuery(studies=[study_id], archived="all", sort="id", limit=run_list.MAX_LIMIT)
    found = run_list.list_runs(session, query)
    return page(
        request,
        "study.html",
        status=status,
        headers=headers,
        study=study,
        change=change,
        found=found,
        members=members(grouped(found.runs, BY_DEPTH)),
        seeds=seeds,
        problem=problem,
    )


def _get_study(session: Session, study_id: int) -> StudyOut:
    study = studies.get_study(session, study_id)
    if study is None:
        raise studies.StudyNotFound(study_id)
    return study


@router.post("/studies/{study_id}/cancel")
def cancel_study(database: DatabaseOf, study_id: StudyIdPath) -> Response:
    """Cancel what has not ended."""
    with database.write() as session:
        studies.cancel_study(session, study_id)
    return redirect(f"/studies/{study_id}", "What had not ended is cancelled.")


@router.post("/studies/{study_id}/runs")
def add_seeds(
    request: Request, database: DatabaseOf, settings: SettingsOf, study_id: StudyIdPath, data: Posted
) -> Response:
    """Queue more seeds for every configuration of a study, or for those with certain values."""
    texts = forms.texts_of(data)
    text = texts.get("seeds", "").strip()
    number = forms.whole(text) or 0
    status, headers = 422, None
    try:
        more = MoreRuns.model_validate({"seeds": number, "only": forms.filled(texts)})
        with database.write() as session:
            studies.add_seeds(session, study_id, more.seeds, more.wanted)
            queue_limit.check(session, settings.queue_limit)
    except ValidationError as error:
        wrong = forms.messages(error.errors())
        if "seeds" in wrong:
            wrong = {"seeds": "A whole number from 1 to 100 is expected."}
        problem = " ".join(wrong.values())
    except (GridError, studies.StudyTooLarge, studies.NothingMatches) as error:
        problem = formats.sentence(error)
    except QueueFull as error:
        problem, status, headers = formats.sentence(error), 429, error.headers
    else:
        return redirect(f"/studies/{study_id}", f"{formats.plural(number, 'seed')} added.")
    with database.read() as session:
        return _study_page(
            request, session, study_id, seeds=text, problem=problem, status=status, headers=headers
        )


@router.get("/queue")
def show_queue(request: Request, database: DatabaseOf) -> Response:
    """What runs and what waits."""
    with database.read() as session:
        change = newest_change(session)
        return page(request, "queue.html", queue=runs.queue(session), shown=_SHOWN_WAITING, change=change)


@router.get("/docs")
def show_docs(request: Request) -> Response:
    """The interface for programs, from its own description."""
    return page(request, "docs.html")
