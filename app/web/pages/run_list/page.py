"""The page of all runs: search, filters, groups and pages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel import Session
from starlette.datastructures import QueryParams

from app import formats
from app.runs import studies
from app.runs.listing import groups, matches, sparklines, views, writing
from app.runs.listing.errors import QueryError
from app.runs.listing.fields import GROUP_ORDERS, GROUPABLE, SORTABLE, label_of
from app.runs.listing.grammar import ARCHIVED, SEARCH
from app.runs.listing.query import DEFAULT_LIMIT, NO_FILTERS, PLACE, RunQuery, is_of_groups
from app.schemas.grid import GridError
from app.schemas.lists import RunGroup, RunGroups, ViewOut
from app.schemas.runs import RunPage
from app.schemas.status import STATUSES
from app.storage.database import Database, clock, newest_change
from app.web.api import DatabaseOf
from app.web.html import changed, page, redirect
from app.web.negotiation import HtmlRoute
from app.web.pages import typed_numbers
from app.web.pages.new_run import first_visit
from app.web.pages.run_list import builder, filters, known, table
from app.web.pages.run_list.builder import BUILDER, Building
from app.web.pages.run_list.filters import Chip

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)

DEFAULT_SORT: Final = "-activity"
"""Running runs first, then queued ones, then the newest."""

LIMITS: Final = (25, 50, 100, 200, 500)
MOST_UNFOLDED: Final = 10
"""Maximum number of groups whose runs the page shows."""

_STUDIES: Final = 100
"""Maximum number of studies to add runs to that the page offers, newest first."""

_NEWEST: Final = RunQuery(archived="all", limit=1)
_OWN_FIELDS: Final = (SEARCH, "status", ARCHIVED, "sort", "limit", "group", *BUILDER, *PLACE)
"""Parameters with their own field in the form of the page; others are hidden in it."""

_NOT_IN_CSV: Final = tuple(name for name in NO_FILTERS if name != "sort")
"""Parameters of the page that do not change the CSV of its runs."""


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """A group on the page, with the first of its runs if it is unfolded."""

    key: str
    group: RunGroup
    labels: Sequence[str]
    address: str
    """The address of the page with all runs of the group."""

    fold: str
    """The address of the page that shows or hides the runs of the group."""

    found: RunPage | None
    is_best: bool = False
    """Whether no group has a higher mean test accuracy."""


@dataclass(frozen=True, slots=True)
class ViewForm:
    """What was typed into a form of the saved views, and what is wrong with it."""

    name: str = ""
    error: str = ""
    of: int = 0
    """The view to rename; 0 for a new one."""

    overwrites: bool = False
    """Whether the query of the view was rejected, not its name."""

    taken: int = 0
    """The other view that has the name, which can be overwritten; 0 if there is none."""


@router.get("/runs")
def list_runs(request: Request, database: DatabaseOf) -> Response:
    """The list of runs; while there are no runs, the first visit."""
    asked = request.query_params
    term, building = builder.build(asked)
    canonical = _canonical(asked, term)
    if not building.error and canonical != filters.address(asked.multi_items()):
        return redirect(canonical)
    return show(request, database, asked, building=building)


def _canonical(asked: QueryParams, term: str) -> str:
    """The address without fields of the builder, with its filter, and with parameters written in one way."""
    texts = dict(asked.multi_items())
    if fields := list(dict.fromkeys(filter(None, ",".join(asked.getlist("group")).split(",")))):
        texts["group"] = ",".join(fields)
    if term:
        texts[SEARCH] = f"{texts.get(SEARCH, '').strip()} {term}".strip()
        texts = {name: text for name, text in texts.items() if name not in PLACE}
    if not texts.get("group") and is_of_groups(texts.get("sort", "")):
        del texts["sort"]
    archived, rest = filters.archived_typed(texts.get(SEARCH, ""))
    if archived:
        texts |= {SEARCH: rest, ARCHIVED: "" if archived == "false" else archived}
        texts = {name: text for name, text in texts.items() if name not in PLACE}
    status, rest = filters.status_typed(texts.get(SEARCH, ""))
    if status:
        texts |= {SEARCH: rest, "status": status}
        texts = {name: text for name, text in texts.items() if name not in PLACE}
    try:
        if depths := _depths(texts.get("depth", "")):
            texts["depth"] = depths
    except GridError:
        pass
    pairs = [(name, text) for name, text in texts.items() if name != "unfold"]
    return filters.address([*pairs, *(("unfold", text) for text in asked.getlist("unfold") if not term)])


def _depths(typed: str) -> str | None:
    """The depths of a filter in the syntax of queries; None if it is empty or has a range or a comparison.

    Raises:
        GridError: the text is invalid or ambiguous.
    """
    if not typed.strip(" ,;") or any(sign in typed for sign in "<>*.!"):
        return None
    return ",".join(map(str, typed_numbers.parse("depth", typed)))


def show(
    request: Request,
    database: Database,
    asked: QueryParams,
    *,
    building: Building | None = None,
    view_form: ViewForm | None = None,
) -> Response:
    """The page of the list with these parameters; malformed ones that select no runs are left out."""
    params = QueryParams([(name, text) for name, text in asked.multi_items() if name not in BUILDER and text])
    wrong_depth = _problem_of_depths(params.get("depth", ""))
    with database.read() as session:
        offered = studies.newest(session, _STUDIES)
    read = filters.read(params, {"depth": wrong_depth} if wrong_depth else {}, dict(offered))
    if read.ignored:
        return _without(params, [name for name, _ in read.ignored], read.ignored[0])
    query = read.query if "sort" in params else replace(read.query, sort=DEFAULT_SORT)
    with database.read() as session:
        change, now = newest_change(session), clock(session)
        try:
            found = matches.list_runs(session, query) if not query.group else None
            grouped = groups.list_groups(session, query, read.understood) if query.group else None
        except QueryError as error:
            return _without(params, [error.parameter], (error.parameter, str(error)))
        newest = matches.list_runs(session, _NEWEST).runs
        if not newest:
            return first_visit(request, session)
        shown = _unfolded(session, params, query, grouped) if grouped else []
        saved = views.list_views(session).views
        runs = [
            *(found.runs if found else []),
            *(run for each in shown if each.found for run in each.found.runs),
        ]
        columns = table.of_request(request, sparklines.of_runs(session, runs), params)
    return page(
        request,
        "runs/runs.html",
        status=422 if view_form and view_form.error else 200,
        now=now,
        change=change,
        newest_run=newest[0].id,
        params=params,
        found=found or grouped,
        run_table=columns,
        studies=offered,
        grouped=shown if grouped else None,
        group_labels={name: label_of(name) for name in query.group},
        sortable_groups=SORTABLE,
        csv=changed(QueryParams([pair for pair in _of_runs(read.understood) if pair[0] not in _NOT_IN_CSV])),
        filter=writing.filter_of(read.understood),
        filtered=bool(read.chips),
        known=known.of_runs(runs),
        **_filter_form(params, read, query, building or Building()),
        **_display_form(query),
        **_views(saved, params, read, view_form or ViewForm()),
    )


def _filter_form(
    params: QueryParams, read: filters.Filters, query: RunQuery, building: Building
) -> dict[str, Any]:
    """The search, the filter builder and the active filters."""
    return {
        "problems": read.problems,
        "chips": read.chips,
        "displayed": _displayed(params, query),
        "building": building,
        "fields": builder.OPTIONS_BY_SUBJECT,
        "operators": builder.OPERATORS,
        "hints": builder.HINTS,
        "typed_names": known.names(),
        "statuses": STATUSES,
        "no_filters": NO_FILTERS,
        "hidden": [(name, text) for name, text in params.multi_items() if name not in _OWN_FIELDS],
    }


def _display_form(query: RunQuery) -> dict[str, Any]:
    """The order, the groups and the page size."""
    return {
        "sorts": _sorts(are_groups=bool(query.group)),
        "sort": query.sort,
        "group": query.group,
        "groupable": [(name, label_of(name)) for name in GROUPABLE],
        "limits": sorted({*LIMITS, query.limit}),
        "limit": query.limit,
        "default_limit": DEFAULT_LIMIT,
    }


def _views(
    saved: Sequence[ViewOut], params: QueryParams, read: filters.Filters, form: ViewForm
) -> dict[str, Any]:
    """The saved views, and the open one."""
    query = views.saved(changed(QueryParams([*read.understood])))
    return {
        "views": saved,
        "view": _view(saved, params, query),
        "view_query": query,
        "view_form": form,
    }


def _problem_of_depths(typed: str) -> str:
    try:
        _depths(typed)
    except GridError as error:
        return formats.sentence(error)
    return ""


def _without(params: QueryParams, names: Sequence[str], first: tuple[str, str]) -> Response:
    """Redirect to the page without malformed parameters, and say what was wrong with the first."""
    left = "/runs" + changed(params, **dict.fromkeys(names))
    return redirect(left.removesuffix("?"), f"Ignored “{first[0]}”: {first[1]}.")


def _best(grouped: RunGroups) -> float | None:
    """The highest mean test accuracy; None if other pages have groups, or fewer than two have a mean."""
    means = [group.test_accuracy.mean for group in grouped.groups if group.test_accuracy]
    is_whole = not (grouped.next_cursor or grouped.previous_cursor)
    return max(means) if is_whole and len(means) > 1 else None


def _unfolded(session: Session, params: QueryParams, query: RunQuery, grouped: RunGroups) -> list[ShownGroup]:
    unfolded = params.getlist("unfold")[:MOST_UNFOLDED]
    best = _best(grouped)
    in_words = {
        name: table.in_words(name, {group.key[name] for group in grouped.groups}) for name in query.group
    }
    shown = []
    for group in grouped.groups:
        own = _id(group)
        found = None
        if own in unfolded:
            runs = RunQuery.parse(QueryParams(group.filter).multi_items(), strict=False)
            found = matches.list_runs(session, replace(runs, sort=query.of_runs.sort, limit=query.limit))
        kept = [pair for pair in _of_runs(params.multi_items()) if pair[0] in ("sort", "limit", "columns")]
        selecting = [*QueryParams(group.filter).multi_items(), *kept]
        others = [pair for pair in params.multi_items() if pair != ("unfold", own)]
        shown.append(
            ShownGroup(
                key=own,
                group=group,
                labels=[in_words[name][value] for name, value in group.key.items()],
                address=filters.address([pair for pair in selecting if pair != (ARCHIVED, "false")]),
                fold=filters.address(others if found else [*others, ("unfold", own)]),
                found=found,
                is_best=group.test_accuracy is not None and group.test_accuracy.mean == best,
            )
        )
    return shown


def _id(group: RunGroup) -> str:
    """A text that identifies a group in addresses: `depth=3`."""
    return ";".join(f"{name}={_label(value)}" for name, value in group.key.items())


def _label(value: object) -> str:
    if value is None:
        return formats.NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return repr(value)
    return str(value)


def _of_runs(parameters: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """These parameters without an order that only groups have."""
    return [(name, text) for name, text in parameters if name != "sort" or not is_of_groups(text)]


def _sorts(*, are_groups: bool) -> list[tuple[str, str]]:
    """Every order of runs or groups with its label."""
    found = [(DEFAULT_SORT, "Running first"), ("activity", "Running last")]
    for name, label in GROUP_ORDERS.items() if are_groups else ():
        found += [(name, f"{label} ↑"), (f"-{name}", f"{label} ↓")]
    for name in SORTABLE:
        if name != "activity":
            found += [(name, f"{label_of(name)} ↑"), (f"-{name}", f"{label_of(name)} ↓")]
    return found


def _displayed(params: QueryParams, query: RunQuery) -> list[Chip]:
    """A chip for the order, the groups and the page size, where they are not the usual ones."""
    found = []
    if params.get("sort") and query.sort != DEFAULT_SORT:
        found.append(("sort", f"Sorted by {dict(_sorts(are_groups=bool(query.group)))[query.sort]}"))
    if query.group:
        found.append(("group", f"Grouped by {' and '.join(label_of(name).lower() for name in query.group)}"))
    if params.get("limit") and query.limit != DEFAULT_LIMIT:
        found.append(("limit", f"{query.limit} per page"))
    return [Chip(words, filters.without(params, name)) for name, words in found]


def _view(saved: Sequence[ViewOut], params: QueryParams, query: str) -> ViewOut | None:
    """The view that is open, or the one that saves this very query."""
    by_id = next((view for view in saved if str(view.id) == params.get("view", "")), None)
    return by_id or next((view for view in saved if view.query == query), None)
