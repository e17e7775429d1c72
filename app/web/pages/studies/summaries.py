"""Summaries of studies for lists: what each varies, and its headline, computed once per state of its runs."""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, NamedTuple

import sqlalchemy
from fastapi import Depends, Request
from sqlalchemy import func
from sqlmodel import Session, col

from app.compare.comparison import compare
from app.compare.selection import Selection
from app.compare.view import Headline
from app.runs.studies import axes, rows
from app.runs.studies.creation import configs_by_study
from app.schemas.status import ENDED
from app.schemas.studies import StudyOut
from app.settings import Settings
from app.storage.tables import Run, Study, StudyRun

_MOST: Final = 1_000
"""How many studies are remembered."""
_NEXT_SENTENCE: Final = re.compile(r"(?<=\.) (?=[A-Z])")


class ShortHeadline(NamedTuple):
    """The first sentence of a verdict, without the shared settings; the badge is empty if it is final."""

    badge: str
    text: str

    @classmethod
    def of(cls, headline: Headline) -> "ShortHeadline":
        """Shorten a headline."""
        _, claim = headline.parts
        first = _NEXT_SENTENCE.split(claim)[0]
        return cls(headline.badge, f"{first[:1].upper()}{first[1:]}")


class Summary(NamedTuple):
    """A study in a list; without `is_current`, its headline is that of an earlier state, or unknown."""

    study: StudyOut
    varies: str
    headline: ShortHeadline | None
    is_current: bool


class Summaries:
    """What the web process knows about studies: their headlines take longer than the rest of the list."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._headlines: dict[int, tuple[object, ShortHeadline | None]] = {}
        self._varies: dict[int, tuple[list[int], str]] = {}

    def of(self, session: Session, studies: Sequence[StudyOut]) -> list[Summary]:
        """Summarize studies, with the headlines that are known."""
        states = _states(session, [study.id for study in studies])
        varies = self._in_words(session, studies)
        return [self._summary(study, varies[study.id], states[study.id]) for study in studies]

    def headline(self, session: Session, study_id: int) -> ShortHeadline | None:
        """The headline of a study; None if it has no runs.

        Raises:
            StudyNotFound: the study does not exist.
        """
        rows.get(session, study_id)
        state = _states(session, [study_id])[study_id]
        known = self._headlines.get(study_id)
        if known and known[0] == state:
            return known[1]
        found = compare(session, Selection([], study_id), self._settings)
        headline = ShortHeadline.of(Headline.of(found)) if found else None
        _remember(self._headlines, study_id, (state, headline))
        return headline

    def _summary(self, study: StudyOut, varies: str, state: object) -> Summary:
        if not study.counts["finished"]:
            return Summary(study, varies, None, is_current=True)
        known_state, headline = self._headlines.get(study.id, (None, None))
        return Summary(study, varies, headline, is_current=known_state == state)

    def _in_words(self, session: Session, studies: Iterable[StudyOut]) -> dict[int, str]:
        """What each study varies; hyperparameters never change, so only its members matter."""
        found = {}
        unknown = {}
        for study in studies:
            runs, words = self._varies.get(study.id, ([], ""))
            if runs == study.runs:
                found[study.id] = words
            else:
                unknown[study.id] = study.runs
        if unknown:
            for study_id, configs in configs_by_study(session, list(unknown)).items():
                found[study_id] = axes.in_words(configs)
                _remember(self._varies, study_id, (unknown[study_id], found[study_id]))
        return found


def _remember(known: dict[int, Any], study_id: int, value: object) -> None:
    known.pop(study_id, None)
    known[study_id] = value
    if len(known) > _MOST:
        known.pop(next(iter(known)), None)


def _states(session: Session, study_ids: Sequence[int]) -> dict[int, object]:
    """Whatever a headline depends on: looks and plan, and the ended runs with the last change of any."""
    studies = sqlalchemy.select(Study.id, Study.look, Study.planned).where(col(Study.id).in_(study_ids))  # type: ignore[call-overload]
    members = (
        sqlalchemy.select(StudyRun.study_id, Run.status, func.count(), func.sum(Run.id), func.max(Run.change))  # type: ignore[call-overload]
        .where(col(StudyRun.study_id).in_(study_ids), col(StudyRun.run_id) == col(Run.id))
        .group_by(StudyRun.study_id, Run.status)
    )
    found: dict[int, list[object]] = {
        study_id: [look, planned] for study_id, look, planned in session.execute(studies)
    }
    for study_id, status, count, total, change in sorted(session.execute(members).all()):
        found[study_id].append((status, count, total, change if status in ENDED else None))
    return dict(found)


def _of_application(request: Request) -> Summaries:
    found: Summaries = request.app.state.summaries
    return found


SummariesOf = Annotated[Summaries, Depends(_of_application)]
