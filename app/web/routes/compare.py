"""JSON, CSV and report of a comparison."""

import time
from collections.abc import Iterable
from typing import Any, Final

import orjson
from fastapi import APIRouter, HTTPException, Request, Response
from sqlmodel import Session
from starlette.datastructures import QueryParams

from app.compare.comparison import compare
from app.compare.selection import SELECTED, Selection, nothing_found
from app.runs import epoch_columns, export, reading
from app.runs.reading import timestamp
from app.schemas.compare.comparison import Comparison, Findings
from app.settings import Settings
from app.storage.database import Database
from app.web import report
from app.web.api import DatabaseOf, SettingsOf, attachment, problems, spooled
from app.web.html import changed
from app.web.strict_json import JsonRoute

router = APIRouter(route_class=JsonRoute, responses=problems(422), tags=["compare"])

SELECTION: Final[dict[str, Any]] = {
    "parameters": [
        {"name": "runs", "in": "query", "schema": {"type": "string"}, "description": "Run ids, like 1,2,3."},
        {"name": "study", "in": "query", "schema": {"type": "integer"}, "description": "A study's id."},
        {
            "name": "by",
            "in": "query",
            "schema": {"type": "string"},
            "description": "Fields that define the groups, like depth,lr. Without it, the runs of a "
            "study are grouped by what they vary in; other runs by depth, or if they share one, by what they "
            "vary in.",
        },
        {
            "name": "margin",
            "in": "query",
            "schema": {"type": "number", "default": 0.25, "minimum": 0.01, "maximum": 10},
            "description": "Differences of test accuracy up to this many percentage points do not matter.",
        },
    ]
}


@router.get("/compare", response_model=Comparison, responses=problems(404), openapi_extra=SELECTION)
def compare_runs(request: Request, database: DatabaseOf, settings: SettingsOf) -> Response:
    """Compare runs: groups, curves, published results and a verdict."""
    return Response(_as_json(request, database, settings), media_type="application/json")


@router.get("/compare.json", response_model=Comparison, responses=problems(404), openapi_extra=SELECTION)
def compare_json(request: Request, database: DatabaseOf, settings: SettingsOf) -> Response:
    """The comparison as a JSON file."""
    content = orjson.dumps(orjson.loads(_as_json(request, database, settings)), option=orjson.OPT_INDENT_2)
    return attachment(content, "application/json", "compare.json")


@router.get("/compare/curves", include_in_schema=False)
def compare_curves(request: Request, database: DatabaseOf) -> Response:
    """Every epoch of these runs as `{"curves": {id: columns}}`; pages read it once and then follow events."""
    chosen = Selection.parse(request.query_params.multi_items(), strict=True)
    with database.read() as session:
        curves = epoch_columns.curves_json(session, chosen.run_ids(session))
    return Response(
        orjson.dumps({"curves": curves}, option=orjson.OPT_NON_STR_KEYS), media_type="application/json"
    )


@router.get(
    "/compare.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}, **problems(404)},
    openapi_extra=SELECTION,
)
def compare_csv(request: Request, database: DatabaseOf) -> Response:
    """Every epoch of every compared run, one per line, with the run's name, times and hyperparameters."""
    chosen = Selection.parse(request.query_params.multi_items(), strict=True)
    with database.read() as session:
        found = reading.find_runs(session, chosen.run_ids(session))
        if not found:
            raise HTTPException(404, nothing_found(session, chosen))
        curves = ((run, epoch_columns.of_run(session, run.id)) for run in found)
        lines = export.epochs(curves, max(run.depth for run in found))
        return spooled(lines, "text/csv", "compare.csv")


@router.get(
    "/compare/groups.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}, **problems(404)},
    openapi_extra=SELECTION,
)
def compare_groups(request: Request, database: DatabaseOf, settings: SettingsOf) -> Response:
    """The table of groups as CSV: a line per group, one number per cell."""
    with database.read() as session:
        found = _findings(request.query_params.multi_items(), session, settings)
    return spooled(export.groups(found), "text/csv", "groups.csv")


@router.get(
    "/compare/report.html",
    response_class=Response,
    responses={200: {"content": {"text/html": {}}}, **problems(404)},
    openapi_extra={
        "parameters": [
            *SELECTION["parameters"],
            {
                "name": "baseline",
                "in": "query",
                "schema": {"type": "string"},
                "description": "The group that others are compared with, like `2 layers`. Other choices of "
                "the page, such as epoch and metric, apply too.",
            },
        ]
    },
)
def compare_report(request: Request, database: DatabaseOf, settings: SettingsOf) -> Response:
    """The report: verdict, charts and tables in one file that works offline."""
    asked = request.query_params.multi_items()
    chosen = [(name, text) for name, text in asked if name in SELECTED]
    shown = {name: text for name, text in asked if text and name not in SELECTED}
    with database.read() as session:
        compared = _findings(chosen, session, settings)
        columns = epoch_columns.of_runs(session, [run.id for run in compared.runs])
    html = report.render(
        compared,
        columns,
        made_at=timestamp(time.time()),
        baseline=shown.get("baseline"),
        opens_as=changed(QueryParams(), **shown) if shown else "",
    )
    return attachment(html, "text/html", "depthboard-report.html")


def _as_json(request: Request, database: Database, settings: Settings) -> bytes:
    with database.read() as session:
        found = _findings(request.query_params.multi_items(), session, settings)
        curves = epoch_columns.curves_json(session, [run.id for run in found.runs])
    return orjson.dumps(found.model_dump() | {"curves": curves}, option=orjson.OPT_NON_STR_KEYS)


def _findings(asked: Iterable[tuple[str, str]], session: Session, settings: Settings) -> Findings:
    """The comparison that these parameters select."""
    chosen = Selection.parse(asked, strict=True)
    found = compare(session, chosen, settings)
    if found is None:
        raise HTTPException(404, nothing_found(session, chosen))
    return found
