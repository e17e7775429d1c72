"""The pages of studies."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError
from sqlmodel import Session

from app import formats
from app.compare.charted import of_groups
from app.compare.comparison import compare
from app.compare.groups import grouped, marks_of_runs, members, parted
from app.compare.selection import Selection
from app.compare.view import Headline
from app.queue.admission import QueueFull
from app.runs import advice, reading, run_list, studies
from app.schemas.answers import StudyOut
from app.schemas.grid import GridError
from app.schemas.requests import MoreRuns
from app.schemas.status import ENDED
from app.settings import Settings
from app.storage.database import clock, newest_change
from app.web.api import DatabaseOf, SettingsOf, StudyIdPath
from app.web.creation import CreationOf
from app.web.html import embedded, page, redirect
from app.web.negotiation import HtmlRoute
from app.web.pages import forms, typed_numbers
from app.web.pages.shared import Posted

router = APIRouter(route_class=HtmlRoute, include_in_schema=False)

_SEEDS: Final = "expected a whole number from 1 to 100"


@router.get("/studies")
def list_studies(request: Request, database: DatabaseOf) -> Response:
    """Every study, newest first."""
    with database.read() as session:
        return page(
            request, "studies/studies.html", now=clock(session), studies=studies.list_studies(session)
        )


@router.get("/studies/{study_id}")
def show_study(
    request: Request, database: DatabaseOf, settings: SettingsOf, study_id: StudyIdPath
) -> Response:
    """One study: progress, headline, runs and curves."""
    with database.read() as session:
        return _study_page(request, session, settings, study_id)


def _study_page(
    request: Request,
    session: Session,
    settings: Settings,
    study_id: int,
    *,
    seeds: str = "1",
    problem: str = "",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    change = newest_change(session)
    study = studies.get_study(session, study_id)
    query = run_list.RunQuery(
        studies=[study_id], archived="all", sort="id", cursor=request.query_params.get("cursor") or None
    )
    try:
        found = run_list.list_runs(session, query)
    except run_list.QueryError as error:
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
        runs=runs,
        bare=advice.without_epochs(runs),
        charted=embedded(of_groups(everyone, shown)),
        by=by,
        members=shown,
        marks_of_runs=marks_of_runs(shown),
        headline=Headline.of(planned) if planned else None,
        ended=sum(study.counts[status] for status in ENDED),
        seeds=seeds,
        problem=problem,
    )


@router.post("/studies/{study_id}/cancel")
def cancel_study(database: DatabaseOf, study_id: StudyIdPath) -> Response:
    """Cancel the remaining runs of a study."""
    with database.write() as session:
        studies.cancel_study(session, study_id)
    return redirect(f"/studies/{study_id}", "Remaining runs cancelled.")


@router.post("/studies/{study_id}/runs")
def add_seeds(  # noqa: PLR0917
    request: Request,
    database: DatabaseOf,
    settings: SettingsOf,
    creation: CreationOf,
    study_id: StudyIdPath,
    data: Posted,
) -> Response:
    """Queue more seeds for every configuration of a study, or for those with certain values."""
    texts = forms.texts_of(data)
    text = texts.get("seeds", "").strip()
    status, headers = 422, None
    try:
        more = _more_runs(texts, text)
        creation.once(more, request.url.path, lambda session: _more(session, study_id, more, creation.limit))
    except ValidationError as error:
        wrong = forms.messages(error.errors())
        if "seeds" in wrong:
            wrong = {"seeds": formats.sentence(_SEEDS)}
        problem = " ".join(wrong.values())
    except (GridError, studies.StudyTooLarge, studies.NothingMatches) as error:
        problem = formats.sentence(error)
    except QueueFull as error:
        problem, status, headers = formats.sentence(error), 429, error.headers
    else:
        return redirect(
            f"/studies/{study_id}",
            f"{formats.plural(sum(part.seeds for part in more.wanted), 'seed')} added.",
        )
    with database.read() as session:
        return _study_page(
            request, session, settings, study_id, seeds=text, problem=problem, status=status, headers=headers
        )


def _more_runs(texts: Mapping[str, str], seeds: str) -> MoreRuns:
    """The request of a form: a number of seeds with values of hyperparameters, or `parts` as JSON."""
    if "parts" in texts:
        return MoreRuns.model_validate_json(f'{{"parts": {texts["parts"]}}}')
    number = typed_numbers.whole_number(seeds, _SEEDS)
    return MoreRuns.model_validate({"seeds": number, "only": forms.filled(texts)})


def _more(session: Session, study_id: int, more: MoreRuns, limit: int) -> tuple[int, StudyOut]:
    return study_id, studies.add_seeds(session, study_id, more.wanted, limit=limit)
