"""The page Compare: what depth bought, among chosen runs or in a study."""

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.datastructures import QueryParams

from app import compare, forms, studies
from app.api import DatabaseOf
from app.compare_view import title, view
from app.db import newest_change
from app.groups import BY_DEPTH
from app.html import changed, page
from app.negotiation import HtmlRoute

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)


@router.get("/compare")
def compare_runs(request: Request, database: DatabaseOf) -> Response:
    """What depth bought, among chosen runs or in a study; without a choice, the studies to choose from."""
    chosen = compare.Selection.parse(request.query_params.multi_items(), strict=False)
    with database.read() as session:
        change = newest_change(session)
        if not chosen.ids and chosen.study_id is None:
            return page(request, "compare_choose.html", studies=studies.list_studies(session))
        study = None if chosen.study_id is None else studies.get_study(session, chosen.study_id)
        comparison = compare.compare(session, chosen.run_ids(session), chosen.by, chosen.study_id)
        if comparison is None:
            raise HTTPException(404, compare.nothing_found(session, chosen))
    selection = changed(
        QueryParams(),
        runs=",".join(map(str, chosen.ids)) or None,
        study=None if chosen.study_id is None else str(chosen.study_id),
        by=None if chosen.by == BY_DEPTH else ",".join(chosen.by),
    )
    return page(
        request,
        "compare.html",
        **(view(comparison, request.query_params.get("baseline")) | {"title": title(chosen.by)}),
        study=study,
        change=change,
        selection=selection,
        by=chosen.by,
        offered=forms.fields_of(comparison.offer.body) if comparison.offer else {},
        live=True,
    )
