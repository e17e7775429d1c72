"""Actions on studies: labels, members, cancelling, duplicating and deleting."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError
from sqlmodel import Session, col

from app import formats
from app.queue.admission import QueueFull
from app.queue.run_rows import RunNotFound, WrongState
from app.runs import studies, study_deletion
from app.runs.listing.errors import QueryError
from app.runs.studies import axes, creation
from app.schemas import grid
from app.schemas.grid import GridError
from app.schemas.runs import BulkOut
from app.schemas.studies import MAX_GRID, MoreRuns, StudyOut, StudyPatch
from app.storage.database import Database
from app.storage.tables import Run
from app.web.api import DatabaseOf, SettingsOf, StoppingOf, StudyIdPath
from app.web.creation import CreationOf
from app.web.html import Undo, local, page, redirect
from app.web.negotiation import HtmlRoute
from app.web.pages import forms, typed_numbers
from app.web.pages.run_list.actions import marked, selected
from app.web.pages.shared import Posted
from app.web.pages.studies.page import as_read, study_page
from trainer.config import TrainConfig

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)

_SEEDS: Final = "expected a whole number from 1 to 100"
_IDS: Final = f"expected the ids of 1 to {MAX_GRID:,} runs, like 3, 5-8"
_CONFIRMED: Final = "delete"
"""The word that a person types before a study is deleted."""
_REASONS: Final = 3
"""Maximum number of kept runs that a notice explains."""


@router.post("/studies/{study_id}")
def change_study(
    request: Request, database: DatabaseOf, settings: SettingsOf, study_id: StudyIdPath, data: Posted
) -> Response:
    """Save the fields that the form has: name, description and tags, or whether it is archived."""
    texts = forms.texts_of(data)
    back = local(texts.get("next", ""), f"/studies/{study_id}")
    changes = _changes(texts)
    try:
        wanted = StudyPatch.model_validate(changes).model_dump(include=set(changes))
        with database.write() as session:
            stored = studies.get_study(session, study_id)
            is_saved = wanted.items() <= stored.model_dump().items()  # a repeat
            is_outdated = forms.is_outdated(texts, as_read(stored)) and not is_saved
            if not is_outdated:
                stored = studies.edit(session, study_id, wanted)
    except ValidationError as error:
        errors = forms.messages(error.errors())
    else:
        if not is_outdated:
            return redirect(back, _done(stored.name, wanted), _undo_of(study_id, wanted))
        texts |= {"as_read": ""}
        stale = "Someone else changed this study. Your input is below; save again to overwrite their change."
        errors = {"form": stale}
    with database.read() as session:
        return study_page(request, session, settings, study_id, texts, errors, status=422)


def _changes(texts: Mapping[str, str]) -> dict[str, object]:
    """The changes that a posted form asks for."""
    changes: dict[str, object] = {}
    if "name" in texts:
        changes["name"] = texts["name"].strip() or None
    if "description" in texts:
        changes["description"] = texts["description"].replace("\r\n", "\n")
    if "tags" in texts:
        changes["tags"] = forms.split_tags(texts["tags"])
    if "archived" in texts:
        changes["archived"] = texts["archived"] == "true"
    return changes


def _done(name: str, changes: Mapping[str, object]) -> str:
    if "archived" not in changes:
        return "Saved."
    if changes["archived"]:
        return f"Archived study “{name}”. The list of studies hides it."
    return f"Restored study “{name}”."


def _undo_of(study_id: int, changes: Mapping[str, object]) -> Undo | None:
    """The form that restores a study that was archived, or the reverse; None for other changes."""
    if "archived" not in changes:
        return None
    return Undo(f"/studies/{study_id}", "archived", "false" if changes["archived"] else "true")


@router.post("/studies/{study_id}/cancel")
def cancel_study(database: DatabaseOf, study_id: StudyIdPath) -> Response:
    """Cancel the remaining runs of a study."""
    with database.write() as session:
        study = studies.cancel_study(session, study_id)
    return redirect(f"/studies/{study_id}", f"Cancelled the remaining runs of study “{study.name}”.")


@router.post("/studies/{study_id}/runs")
def add_runs(  # noqa: PLR0917
    request: Request,
    database: DatabaseOf,
    settings: SettingsOf,
    making: CreationOf,
    study_id: StudyIdPath,
    data: Posted,
) -> Response:
    """Add runs to a study: existing ones, or new seeds for all or some of its configurations."""
    texts = forms.texts_of(data)
    field = "runs" if "runs" in texts else "seeds"
    status, headers = 422, None
    fresh = 0

    def add(session: Session) -> tuple[int, StudyOut]:
        nonlocal fresh
        fresh = len(studies.missing(session, study_id, more.runs or ()))
        return _add(session, study_id, more, making.limit)

    try:
        more = _existing(texts["runs"]) if field == "runs" else _new_seeds(texts)
        making.once(more, request.url.path, add)
    except ValidationError as error:
        wrong = forms.messages(error.errors())
        for name, words in (("seeds", _SEEDS), ("runs", _IDS)):
            if name in wrong:
                wrong = {name: formats.sentence(words)}
        problem = " ".join(wrong.values())
    except (GridError, studies.StudyTooLarge, studies.NothingMatches, RunNotFound, WrongState) as error:
        problem = formats.sentence(error)
    except QueueFull as error:
        problem, status, headers = formats.sentence(error), 429, error.headers
    else:
        return redirect(f"/studies/{study_id}", _added(more, fresh))
    with database.read() as session:
        return study_page(
            request, session, settings, study_id, texts, {field: problem}, status=status, headers=headers
        )


def _existing(text: str) -> MoreRuns:
    """The request to add existing runs, given as ids and ranges of ids."""
    return MoreRuns.model_validate({"runs": grid.parse("seed", text.replace("#", ""))})


def _new_seeds(texts: Mapping[str, str]) -> MoreRuns:
    """The request for new seeds: a number with values of hyperparameters, or `parts` as JSON."""
    if "parts" in texts:
        return MoreRuns.model_validate_json(f'{{"parts": {texts["parts"]}}}')
    number = typed_numbers.whole_number(texts.get("seeds", "").strip(), _SEEDS)
    return MoreRuns.model_validate({"seeds": number, "only": forms.filled(texts)})


def _add(session: Session, study_id: int, more: MoreRuns, limit: int) -> tuple[int, StudyOut]:
    if more.runs is not None:
        return study_id, studies.add_runs(session, study_id, more.runs)
    return study_id, studies.add_seeds(session, study_id, more.wanted, limit=limit)


def _added(more: MoreRuns, fresh: int) -> str:
    """What was added, as a message; of existing runs, `fresh` ones; none if the request is a repeat."""
    if more.runs is not None:
        return f"{formats.plural(fresh, 'run')} added." if fresh else "The study has these runs already."
    return f"{formats.plural(sum(part.seeds for part in more.wanted), 'seed')} added."


@router.post("/studies/{study_id}/runs/remove")
def remove_runs(database: DatabaseOf, study_id: StudyIdPath, data: Posted) -> Response:
    """Remove the selected runs from a study."""
    texts = forms.texts_of(data)
    back = local(texts.get("next", ""), f"/studies/{study_id}")
    try:
        ids = selected(database, texts)
    except QueryError as error:
        return redirect(back, f"Nothing was changed. The filter is invalid: {error}.")
    if not ids:
        return redirect(back, "No run was selected. Select at least one run.")
    try:
        with database.write() as session:
            studies.remove_runs(session, study_id, ids)
    except WrongState as error:
        return redirect(back, formats.sentence(error))
    return marked(redirect(back, f"{formats.plural(len(ids), 'run')} removed from the study."), is_done=True)


@router.get("/studies/{study_id}/duplicate")
def duplicate_study(database: DatabaseOf, study_id: StudyIdPath) -> Response:
    """Open the form for new runs with the values of a study."""
    with database.read() as session:
        study = studies.get_study(session, study_id)
        configs = list(creation.configs_of(session, col(Run.id).in_(study.runs)).values())
    values = axes.of_runs(configs) if configs else {}
    texts = {name: axes.typed(values[name]) for name in values if _differs(name, values[name])}
    if study.name != creation.default_name(values):
        texts["name"] = study.name
    if study.tags:
        texts["tags"] = ", ".join(study.tags)
    address = "/runs/new?" + urlencode(texts)
    if axes.is_full_grid(configs):
        return redirect(address)
    combined = formats.plural(axes.size(values), "combination")
    return redirect(
        address,
        f"Study {study_id} is not a full grid: the form has all {combined} of its values, the study has "
        f"{formats.plural(len(configs), 'run')}.",
    )


def _differs(name: str, values: list[object]) -> bool:
    """Whether the values are not just the default."""
    return values != [TrainConfig.model_fields[name].default]


@router.get("/studies/{study_id}/delete")
def confirm_deletion(request: Request, database: DatabaseOf, study_id: StudyIdPath) -> Response:
    """Ask whether to delete a study, and its runs."""
    return _deletion_page(request, database, study_id)


@router.post("/studies/{study_id}/delete")
def delete_study(  # noqa: PLR0917
    request: Request,
    database: DatabaseOf,
    settings: SettingsOf,
    stopping: StoppingOf,
    study_id: StudyIdPath,
    data: Posted,
) -> Response:
    """Delete a study, and its runs if asked; a person has typed the word that confirms it."""
    texts = forms.texts_of(data)
    if texts.get("confirm", "").strip().lower() != _CONFIRMED:
        wrong = {"confirm": f"Type {_CONFIRMED} to confirm."}
        return _deletion_page(request, database, study_id, texts, wrong, status=422)
    with database.read() as session:
        name = studies.get_study(session, study_id).name
    try:
        outcome = study_deletion.delete_study(
            database,
            settings,
            study_id,
            with_runs=texts.get("runs") == "delete",
            stopping=stopping,
            patience=study_deletion.PATIENCE_SECONDS,
        )
    except WrongState as error:
        wrong = {"form": formats.sentence(error)}
        return _deletion_page(request, database, study_id, texts, wrong, status=409)
    return redirect("/studies", f"Deleted study “{name}”.{_fate_of_runs(outcome)}")


def _fate_of_runs(outcome: BulkOut) -> str:
    """Which runs were deleted, kept or left, in sentences."""
    words = f" Deleted {formats.plural(len(outcome.done), 'run')}." if outcome.done else ""
    if outcome.skipped:
        why = "; ".join(skip.reason for skip in outcome.skipped[:_REASONS])
        words += f" Kept {formats.plural(len(outcome.skipped), 'run')} ({why})."
    if outcome.stopped == study_deletion.GOES_ON:
        words += f" {formats.plural(len(outcome.remaining), 'run is', 'runs are')} being deleted."
    elif outcome.remaining:
        words += (
            f" Not deleted yet: {formats.plural(len(outcome.remaining), 'run')} ({outcome.stopped}). The "
            "server deletes them later."
        )
    return words


def _deletion_page(
    request: Request,
    database: Database,
    study_id: int,
    texts: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    *,
    status: int = 200,
) -> Response:
    with database.read() as session:
        study = studies.get_study(session, study_id)
        shared = len(studies.shared(session, study_id))
    return page(
        request,
        "studies/delete.html",
        status=status,
        study=study,
        shared=shared,
        texts=texts or {},
        errors=errors or {},
    )
