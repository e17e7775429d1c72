"""Charts of runs and comparisons as SVG."""

from typing import Final, Literal, get_args

from fastapi import APIRouter, HTTPException, Request, Response

from app.compare.comparison import compare
from app.compare.groups import grouped, members
from app.compare.selection import Selection, grouping, nothing_found
from app.queue import names
from app.runs import epoch_columns, reading
from app.runs.listing.errors import QueryError
from app.storage.database import Database
from app.web.api import DatabaseOf, RunIdPath, SettingsOf
from app.web.drawings import charts
from app.web.drawings.charts import Metric
from app.web.drawings.svg import Drawing
from app.web.strict_json import JsonRoute

router = APIRouter(route_class=JsonRoute, include_in_schema=False)

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-cache",
}
"""A drawing contains its style sheet; it loads nothing."""


@router.get("/runs/{run_id}/loss.svg")
def draw_loss(database: DatabaseOf, run_id: RunIdPath) -> Response:
    """Train and test loss of a run by epoch."""
    return _run(database, run_id, "loss")


@router.get("/runs/{run_id}/accuracy.svg")
def draw_accuracy(database: DatabaseOf, run_id: RunIdPath) -> Response:
    """Train and test accuracy of a run by epoch."""
    return _run(database, run_id, "accuracy")


def _run(database: Database, run_id: int, what: Literal["loss", "accuracy"]) -> Response:
    with database.read() as session:
        run = reading.get_run(session, run_id)
        columns = epoch_columns.of_run(session, run_id)
    return _answer(charts.of_run(run, columns, what))


@router.get("/compare/curves.svg")
def draw_curves(request: Request, database: DatabaseOf) -> Response:
    """A curve per run; `metric` is a column of its epochs."""
    asked = request.query_params.multi_items()
    metric = _metric(request.query_params.get("metric") or "train_loss")
    chosen = Selection.parse([each for each in asked if each[0] != "metric"], strict=True)
    with database.read() as session:
        runs = reading.find_runs(session, chosen.run_ids(session))
        if not runs:
            raise HTTPException(404, nothing_found(session, chosen))
        curves = epoch_columns.curves(session, [run.id for run in runs], metric)
    groups = members(grouped(runs, grouping(chosen, runs)))
    return _answer(charts.of_groups(groups, names.told_apart(runs), curves, metric))


@router.get("/compare/accuracy.svg")
def draw_accuracies(request: Request, database: DatabaseOf, settings: SettingsOf) -> Response:
    """Final accuracy by group: a dot per run, means and intervals."""
    chosen = Selection.parse(request.query_params.multi_items(), strict=True)
    with database.read() as session:
        found = compare(session, chosen, settings)
        if found is None:
            raise HTTPException(404, nothing_found(session, chosen))
    return _answer(charts.of_findings(found, {run.id: run for run in found.runs}))


def _metric(text: str) -> Metric:
    for metric in get_args(Metric):
        if metric == text:
            return metric  # type: ignore[no-any-return]
    raise QueryError("metric", f"must be one of {', '.join(get_args(Metric))}")


def _answer(drawing: Drawing) -> Response:
    return Response(drawing.render(), headers=_HEADERS, media_type="image/svg+xml")
