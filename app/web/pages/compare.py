"""The compare page."""

from dataclasses import replace

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.datastructures import QueryParams

from app.compare.charted import of_comparison
from app.compare.comparison import compare
from app.compare.inference.judgement import MARGIN
from app.compare.selection import Selection, grouping, nothing_found
from app.compare.view import Axes, view
from app.formats import plural
from app.runs import studies
from app.runs.listing.values import whole_numbers
from app.runs.retrain import Again, Replaced, train_again
from app.storage.database import clock, newest_change
from app.storage.tables import Study
from app.web.api import DatabaseOf, SettingsOf
from app.web.creation import CreationOf
from app.web.html import changed, embedded, page, redirect
from app.web.negotiation import HtmlRoute
from app.web.pages import forms
from app.web.pages.run_list import table
from app.web.pages.shared import Posted
from app.web.pages.studies.summaries import SummariesOf

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)


@router.get("/compare")
def compare_runs(
    request: Request, database: DatabaseOf, settings: SettingsOf, summaries: SummariesOf
) -> Response:
    """Compare the selected runs or study; without a selection, list the studies."""
    asked = request.query_params
    if "and" in asked:  # the second field of the form
        by = ",".join(filter(None, (asked.get("by"), asked["and"])))
        return redirect("/compare" + changed(asked, **{"and": None, "by": by or None}))
    chosen = Selection.parse(asked.multi_items(), strict=False)
    if "margin" in asked and chosen.margin == MARGIN:  # addresses leave the default out
        return redirect("/compare" + changed(asked, margin=None))
    with database.read() as session:
        change = newest_change(session)
        if not chosen.ids and chosen.study_id is None:
            listed = summaries.of(session, studies.list_studies(session).studies)
            return page(request, "compare/choose.html", now=clock(session), change=change, summaries=listed)
        study = None if chosen.study_id is None else session.get(Study, chosen.study_id)
        comparison = compare(session, chosen, settings)
        if comparison is None:
            raise HTTPException(404, nothing_found(session, chosen))
        now = clock(session)
    return page(
        request,
        "compare/compare.html",
        now=now,
        **view(comparison, asked.get("baseline"), every_row=asked.get("rows") == "all"),
        study=study,
        run_table=table.of_request(request),
        change=change,
        selection=_query(chosen),
        axes=Axes.of(comparison),
        charted=embedded(of_comparison(comparison)),
        planned_by=list(grouping(replace(chosen, by=()), comparison.runs)),
        margin=_points(chosen.margin),
        offered=forms.fields_of(comparison.offer.body) if comparison.offer else {},
        live=True,
    )


@router.post("/compare/again")
def train_missing(request: Request, creation: CreationOf, data: Posted) -> Response:
    """Queue runs again that lack data of newer versions; the new runs replace the old ones in the study."""
    texts = forms.texts_of(data)
    selection = QueryParams(texts.get("selection", "").removeprefix("?"))
    chosen = Selection.parse(selection.multi_items(), strict=False)
    again = Again(run_ids=whole_numbers("ids", texts.get("ids", "")), study_id=chosen.study_id)
    made = creation.once(
        again, request.url.path, lambda session: (0, train_again(session, again, limit=creation.limit))
    )
    replaced = Replaced.model_validate_json(made.json).by
    ids = [replaced.get(run_id, run_id) for run_id in chosen.ids]
    notice = f"Queued {plural(len(replaced), 'run')} again. Seeds and weights stay the same."
    return redirect("/compare" + _query(replace(chosen, ids=ids)), notice)


def _query(chosen: Selection) -> str:
    return changed(
        QueryParams(),
        runs=",".join(map(str, chosen.ids)) or None,
        study=None if chosen.study_id is None else str(chosen.study_id),
        by=",".join(chosen.by) or None,
        margin=None if chosen.margin == MARGIN else _points(chosen.margin),
    )


def _points(margin: float) -> str:
    """A margin in percentage points, as addresses and the form contain it."""
    return f"{margin * 100:.10g}"
