"""Actions on the selected runs of a list, and the choice of its columns."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.datastructures import QueryParams

from app import formats
from app.compare.groups import axes
from app.queue import run_rows
from app.runs import bulk, reading, studies
from app.runs.listing.errors import QueryError
from app.schemas.runs import MAX_BULK, BulkAction, BulkOut, BulkRequest
from app.storage.database import Database
from app.web.api import DatabaseOf, SettingsOf, StoppingOf
from app.web.api import database as database_of
from app.web.html import Undo, changed, local, page, redirect
from app.web.negotiation import HtmlRoute
from app.web.pages import forms
from app.web.pages.run_list import table
from app.web.pages.run_list.undo import Undos
from app.web.pages.shared import Posted

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)

_DONE: Final[dict[BulkAction, str]] = {
    "cancel": "Cancelled",
    "retry": "Queued again",
    "archive": "Archived",
    "restore": "Restored",
    "delete": "Deleted",
    "tag": "Tagged",
    "untag": "Untagged",
}
DONE: Final = "X-Done"
"""The header of a response to a form whose action was done on all its runs, which the page then deselects."""

_REASONS: Final = 3
"""Maximum number of skipped runs that a notice explains."""
_SHOWN_DELETED: Final = 20
"""Maximum number of runs that the confirmation of a deletion names."""


@router.get("/runs/columns")
def choose_columns(request: Request) -> Response:
    """Show the chosen columns, and remember them in the browser."""
    texts = {name: ",".join(request.query_params.getlist(name)) for name in request.query_params}
    columns = table.chosen(texts)
    parts = urlsplit(local(texts.get("next", ""), "/runs"))
    query = changed(QueryParams(parts.query), columns=table.written(columns) or None)
    response = redirect((parts.path + query).rstrip("?"))
    response.set_cookie(table.COOKIE, table.remembered(columns), max_age=table.MEMORY_SECONDS, samesite="lax")
    return response


@router.post("/runs/bulk")
def change_runs(  # noqa: PLR0911
    request: Request, database: DatabaseOf, settings: SettingsOf, stopping: StoppingOf, data: Posted
) -> Response:
    """Apply one action to the selected runs, or undo one, and return to their page."""
    texts = forms.texts_of(data)
    back = local(texts.get("next", ""), "/runs")
    undos: Undos = request.app.state.undos
    if "undo" in texts:
        body = undos.of(texts["undo"])
        if body is None:
            return redirect(back, "This action can't be undone any more. Select the runs again.")
        return redirect(back, _outcome(bulk.apply(database, settings, body, stopping), "Undone"))
    try:
        ids = selected(database, texts)
    except QueryError as error:
        return redirect(back, f"Nothing was changed. The filter is invalid: {error}.")
    action = texts.get("action", "")
    if action == "compare" and ids:
        return redirect(f"/compare?runs={','.join(map(str, ids))}{_grouping(texts.get('by', ''))}")
    if action == "study" and ids:
        added, problem = _add_to_study(database, ids, texts.get("study", ""))
        return marked(redirect(back, added or problem), is_done=not problem)
    body, problem = _bulk_request(ids, action, texts)
    if body is None:
        return redirect(back, problem)
    if action == "delete" and not _is_confirmed(ids, texts):
        return _confirm_deletion(request, texts, ids, back)
    with database.read() as session:
        changing = bulk.changing(session, body)
    outcome = bulk.apply(database, settings, body, stopping)
    token = undos.keep(body, [run_id for run_id in outcome.done if run_id in changing])
    done = f"{_DONE[body.action]} “{body.tag}”" if body.tag else _DONE[body.action]
    is_done = bool(outcome.done) and not outcome.remaining
    undo = Undo("/runs/bulk", "undo", token) if token else None
    return marked(redirect(back, _outcome(outcome, done), undo), is_done=is_done)


def marked(response: Response, *, is_done: bool) -> Response:
    """The response to a form; if its action was done on all selected runs, the page deselects them."""
    if is_done:
        response.headers[DONE] = "true"
    return response


def _grouping(typed: str) -> str:
    """The grouping of a comparison as a parameter; empty if runs can't be compared by these fields."""
    try:
        by = ",".join(axes(typed))
    except QueryError:
        return ""
    return f"&by={by}" if by else ""


def selected(database: Database, texts: Mapping[str, str]) -> list[int]:
    """The ids of a form: those that it lists, or of all runs that match its filter.

    Raises:
        QueryError: the filter is invalid.
    """
    if texts.get("filter") and not texts.get("ids"):
        return bulk.matching(database, texts["filter"])
    found = (forms.number_in(item.strip()) for item in texts.get("ids", "").split(","))
    return list(dict.fromkeys(number for number in found if number is not None))


def _add_to_study(database: Database, ids: Sequence[int], typed: str) -> tuple[str, str]:
    """Add runs to a study; returns what was done, or an empty text and why nothing was."""
    study_id = forms.number_in(typed)
    if study_id is None:
        return "", "Nothing was changed. Choose a study."
    try:
        with database.write() as session:
            fresh = len(studies.missing(session, study_id, ids))
            name = studies.add_runs(session, study_id, ids).name
    except (studies.StudyNotFound, studies.StudyTooLarge, run_rows.RunNotFound, run_rows.WrongState) as error:
        return "", f"Nothing was changed: {error}."
    if not fresh:
        return f"No run was added: study {study_id}, {name}, has the selected runs already.", ""
    return f"{formats.plural(fresh, 'run')} added to study {study_id}, {name}.", ""


def _bulk_request(
    ids: Sequence[int], action: str, texts: Mapping[str, str]
) -> tuple[BulkRequest | None, str]:
    """The request of a form, or None and what is wrong."""
    fields: dict[str, object] = {"ids": list(ids[:MAX_BULK]), "action": action}
    if action in ("tag", "untag"):
        fields["tag"] = texts.get("tag", "").strip()
        if ids and not fields["tag"]:
            return None, "Enter a tag."
    try:
        body = BulkRequest.model_validate(fields)
    except ValidationError as error:
        if not ids:
            return None, "No run was selected. Select at least one run."
        wrong = forms.messages(error.errors())
        return None, f"Tag: {wrong['tag']}" if "tag" in wrong else " ".join(wrong.values())
    return body.model_copy(update={"ids": list(ids)}), ""


def _outcome(outcome: BulkOut, done: str) -> str:
    """What a bulk action has done, in words."""
    notice = f"{done}: {formats.plural(len(outcome.done), 'run')}."
    if outcome.skipped:
        left = "; ".join(skip.reason for skip in outcome.skipped[:_REASONS])
        notice += f" Skipped: {formats.plural(len(outcome.skipped), 'run')} ({left})."
    if outcome.remaining:
        rest = formats.plural(len(outcome.remaining), "run")
        notice += f" Not processed: {rest} ({outcome.stopped}). Select them again to continue."
    return notice


def _is_confirmed(ids: Sequence[int], texts: Mapping[str, str]) -> bool:
    """Whether a deletion is confirmed by the number of runs or the word *delete*.

    A form for one run without the field `confirm` has asked in its own way.
    """
    if len(ids) == 1 and "confirm" not in texts:
        return True
    return texts.get("confirm", "").strip().lower() in (str(len(ids)), "delete")


def _confirm_deletion(request: Request, texts: Mapping[str, str], ids: Sequence[int], back: str) -> Response:
    """A page that asks for a confirmation; several runs need their number or the word *delete*."""
    with database_of(request).read() as session:
        shown = reading.find_runs(session, ids[:_SHOWN_DELETED])
        unarchived = bulk.count_unarchived(session, ids)
    asked = f"The selection has {formats.plural(len(ids), 'run')}: type {len(ids)} or delete to confirm."
    wrong = asked if texts.get("confirm") else ""
    return page(
        request,
        "runs/delete.html",
        status=422 if wrong else 200,
        texts=texts,
        ids=",".join(map(str, ids)),
        count=len(ids),
        unarchived=unarchived,
        runs=shown,
        back=back,
        wrong=wrong,
    )
