"""The pages of studies."""

from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from sqlmodel import Session
from starlette.datastructures import QueryParams

from app.compare.charted import of_groups
from app.compare.comparison import compare
from app.compare.groups import grouped, marks_of_runs, members, parted
from app.compare.selection import Selection
from app.compare.view import Headline
from app.runs import advice, reading, studies
from app.runs.listing import matches, sparklines
from app.runs.listing.errors import QueryError
from app.runs.listing.writing import filter_of
from app.runs.studies import axes
from app.runs.studies.listing import PAGE, StudyQuery
from app.schemas.status import ENDED
from app.schemas.studies import StudyOut
from app.settings import Settings
from app.storage.database import clock, newest_change
from app.web.api import DatabaseOf, SettingsOf, StudyIdPath
from app.web.html import changed, embedded, page, redirect, render
from app.web.negotiation import HtmlRoute
from app.web.pages import forms
from app.web.pages.run_list import filters, table
from app.web.pages.studies.summaries import SummariesOf

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)


@router.get("/studies")
def list_studies(request: Request, database: DatabaseOf, summaries: SummariesOf) -> Response:
    """The list of studies."""
    asked = request.query_params
    with database.read() as session:
        change = newest_change(session)
        try:
            query = StudyQuery.parse(asked.multi_items(), strict=False, limit=PAGE)
        except QueryError as error:
            without = changed(asked, **{error.parameter: None})
            return redirect("/studies" + without, f"Ignored “{error.parameter}”: {error}.")
        found = studies.list_studies(session, query)
        return page(
            request,
            "studies/studies.html",
            now=clock(session),
            change=change,
            found=found,
            summaries=summaries.of(session, found.studies),
            params=asked,
            tags=studies.tags_in_use(session),
            filtered=bool(query.text or query.tags or query.archived == "true"),
            archived=0 if query.archived != "false" else studies.count_archived(session),
        )


@router.get("/studies/{study_id}/headline")
def show_headline(database: DatabaseOf, summaries: SummariesOf, study_id: StudyIdPath) -> Response:
    """The headline of a study in the list, which computes it."""
    with database.read() as session:
        headline = summaries.headline(session, study_id)
    return HTMLResponse(
        render("studies/_headline.html", study_id=study_id, headline=headline, is_current=True)
    )


@router.get("/studies/{study_id}")
def show_study(
    request: Request, database: DatabaseOf, settings: SettingsOf, study_id: StudyIdPath
) -> Response:
    """One study: progress, headline, runs and curves."""
    with database.read() as session:
        return study_page(request, session, settings, study_id)


def study_page(  # noqa: PLR0917
    request: Request,
    session: Session,
    settings: Settings,
    study_id: int,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """The page of a study; after a rejected form, with what was typed and the messages by field."""
    change = newest_change(session)
    study = studies.get_study(session, study_id)
    typed_filter = request.query_params.get("q", "")
    asked = QueryParams({"study": str(study_id), "archived": "all", "q": typed_filter})
    filtered = filters.read(asked, {})
    query = replace(filtered.query, sort="id", cursor=request.query_params.get("cursor") or None)
    try:
        found = matches.list_runs(session, query)
    except QueryError as error:
        return redirect(f"/studies/{study_id}", f"Ignored “{error.parameter}”: {error}.")
    runs = reading.find_runs(session, study.runs)
    by = parted(runs)
    everyone = grouped(runs, by)
    shown = members(everyone)
    planned = compare(session, Selection([], study_id), settings)
    return page(
        request,
        "studies/study.html",
        status=status,
        headers=headers,
        now=clock(session),
        study=study,
        change=change,
        found=found,
        filter=typed_filter,
        matching=filter_of(filtered.understood),
        problems=filtered.problems,
        run_table=table.of_request(request, sparklines.of_runs(session, found.runs)),
        runs=runs,
        bare=advice.without_epochs(runs),
        charted=embedded(of_groups(everyone, shown)),
        by=by,
        members=shown,
        marks_of_runs=marks_of_runs(shown),
        headline=Headline.of(planned) if planned else None,
        ended=sum(study.counts[status] for status in ENDED),
        texts=_stored(study) | dict(typed or {}),
        errors=errors or {},
        editing=request.query_params.get("edit", ""),
        varies=axes.in_words(runs),
        shared=len(studies.shared(session, study_id)),
    )


def as_read(study: StudyOut) -> str:
    """What the form for the labels of a study is filled with, as a digest."""
    return forms.digest_of(study.name, study.description, *study.tags)


def _stored(study: StudyOut) -> dict[str, str]:
    """The texts of the forms of a study's page."""
    return {
        "name": study.name,
        "description": study.description,
        "tags": ", ".join(study.tags),
        "as_read": as_read(study),
        "seeds": "1",
        "runs": "",
    }
