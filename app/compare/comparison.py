"""The comparison of a set of runs: groups, verdict, warnings."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from sqlmodel import Session, col, select

from app.compare import offers
from app.compare.groups import (
    BY_DEPTH,
    GOOD,
    among,
    axes,
    finished,
    grouped,
    members,
    noun,
    over_seeds,
    row,
)
from app.compare.guard import (
    confounders,
    guessed,
    hardware,
    missing,
    missing_study,
    odd_data,
    repeated,
    stopped_early,
    unequal_epochs,
    unfinished,
    unjudged,
)
from app.compare.inference.conclusions import Conclusions
from app.compare.inference.judgement import MARGIN
from app.compare.inference.standing import standing
from app.compare.measured import measured
from app.compare.outcomes import dip_sentences, dips, diverged, outcomes
from app.compare.reference import PUBLISHED, PUBLISHED_DATASET
from app.compare.settings_phrase import ended_schedules, settings_phrase
from app.compare.verdict import verdict
from app.prose import listed
from app.queue.names import differences
from app.runs import epoch_columns
from app.runs.reading import as_answers
from app.runs.run_list import MAX_VALUES, QueryError, whole_number, whole_numbers
from app.schemas.answers import RunOut
from app.schemas.comparison import DepthRow, Findings
from app.schemas.configurations import repeats
from app.settings import Settings
from app.storage.tables import Run, Study, StudyRun

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LEAST_MARGIN: Final = 0.01
_MOST_MARGIN: Final = 10.0

SELECTED: Final = ("runs", "study", "by", "margin")
"""Query parameters that select runs and grouping; other parameters only change the display."""


class NotComparable(Exception):
    """Runs can't be compared image by image; the message says why and what to do."""


def compare(session: Session, chosen: "Selection", settings: Settings | None = None) -> Findings | None:
    """Compare the chosen runs; None if none of them exists.

    Runs of several data sets are also grouped by data set. Without `settings`, which locate predictions and
    test images, nothing is said about new images.
    """
    run_ids = chosen.run_ids(session)
    found = session.exec(select(Run).where(col(Run.id).in_(run_ids)).order_by(col(Run.id))).all()
    if not found:
        return None
    runs = as_answers(session, found)
    ended = finished(runs)
    again = repeats(ended)
    repeated_ids = {run.id for run in again}
    judged = [run for run in ended if run.id not in repeated_ids]
    judged_ids = {run.id for run in judged}
    by = _apart(runs, chosen.by)
    everyone = grouped(runs, by)
    groups = among(everyone, judged)
    study = None if chosen.study_id is None else session.get(Study, chosen.study_id)
    recent = epoch_columns.last_quarters(session, [run.id for run in judged])
    correct = _correct_images(judged, settings) if settings else {}
    conclusions = Conclusions(
        groups,
        measured(groups, recent, correct),
        standing(study, runs, by, is_whole=not chosen.ids),
        chosen.margin,
    )
    differ = confounders(judged, by)
    images = {len(each) for each in correct.values()}
    dipped = dips(judged, recent)
    judgement = verdict(
        conclusions,
        noun(by),
        settings=settings_phrase(judged, [*by, *(each.name for each in differ)]),
        images=images.pop() if len(images) == 1 else None,
        nothing=unjudged(runs),
        outcomes=outcomes(runs, {group.label: group.runs for group in everyone}),
        notes=[*dip_sentences(dipped), *ended_schedules(judged)],
    )
    offered = offers.next_runs(session, conclusions, everyone, study)
    everyone_by_id = {group.id: group for group in everyone}
    good = epoch_columns.seconds_to(session, [run.id for run in judged], GOOD)
    return Findings(
        runs=runs,
        by_depth=by_depth(judged),
        by=list(by),
        members=members(everyone),
        differences=differences(runs),
        groups=[
            row(
                group,
                good,
                diverged=len(diverged(everyone_by_id[group.id].runs)),
                dips=dipped,
                is_best=group.id in judgement.best if group.id in conclusions.ranked else None,
            )
            for group in groups
        ],
        reference=PUBLISHED if any(run.dataset == PUBLISHED_DATASET for run in runs) else [],
        verdict=judgement,
        offer=offered.offer,
        pending=offered.pending,
        repeats=sorted(repeated_ids),
        confounders=differ,
        warnings=[
            *missing(run_ids, runs),
            *missing_study(chosen.study_id, study),
            *unfinished(runs),
            *odd_data(runs),
            *repeated(again),
            *guessed(judged),
            *stopped_early(judged),
            *unequal_epochs(judged),
            *hardware(row for row in found if row.id in judged_ids),
            *(each.sentence for each in differ),
        ],
    )


def _correct_images(runs: Sequence[RunOut], settings: Settings) -> "Mapping[int, NDArray[np.bool_]]":
    from app.compare.images.correct import correct_images  # noqa: PLC0415  # NumPy, which only comparisons need

    return correct_images(runs, settings)


def _apart(runs: Sequence[RunOut], by: Sequence[str]) -> tuple[str, ...]:
    """The grouping, with the data set added if there are several: their accuracies share no mean."""
    several = len({run.dataset for run in runs}) > 1
    return (*by, "dataset") if several and "dataset" not in by else tuple(by)


@dataclass(frozen=True)
class Selection:
    """The runs and the grouping that a query string selects: a list of ids, the runs of a study, or both."""

    ids: list[int]
    study_id: int | None
    by: tuple[str, ...] = BY_DEPTH
    margin: float = MARGIN

    @classmethod
    def parse(cls, parameters: Iterable[tuple[str, str]], *, strict: bool) -> Self:
        """Read `runs`, `study`, `by` and `margin`, which is in percentage points.

        Raises:
            QueryError: a value is malformed; if `strict`, also if `runs` and `study` are missing or another
                parameter is given.
        """
        ids: list[int] = []
        study_id = None
        by: tuple[str, ...] = BY_DEPTH
        margin = MARGIN
        for name, text in parameters:
            if name == "runs":
                ids += whole_numbers(name, text)
            elif name == "study" and text.strip():
                study_id = whole_number(name, text.strip())
            elif name == "by":
                by = axes(text)
            elif name == "margin" and text.strip():
                margin = _margin(text.strip())
            elif strict and name not in SELECTED:
                raise QueryError(name, f"unknown parameter; known are {listed(SELECTED)}")
        if len(ids) > MAX_VALUES:
            raise QueryError("runs", f"at most {MAX_VALUES:,} runs can be compared, not {len(ids):,}")
        if strict and not ids and study_id is None:
            raise QueryError("runs", "name the runs to compare, like runs=1,2,3 or study=4")
        return cls(ids, study_id, by, margin)

    def run_ids(self, session: Session) -> list[int]:
        """The ids of all selected runs."""
        members = (
            select(StudyRun.run_id).where(StudyRun.study_id == self.study_id).order_by(col(StudyRun.run_id))
        )
        return list(dict.fromkeys([*self.ids, *session.exec(members)]))


def _margin(text: str) -> float:
    """A margin in percentage points as a fraction."""
    try:
        points = float(text)
    except ValueError:
        points = math.nan
    if not _LEAST_MARGIN <= points <= _MOST_MARGIN:
        raise QueryError(
            "margin", f"expected percentage points from {_LEAST_MARGIN} to {_MOST_MARGIN}, not {text!r}"
        )
    return points / 100


def by_depth(runs: Sequence[RunOut]) -> list[DepthRow]:
    """One row per depth of these finished runs, in ascending order."""
    return [
        DepthRow(
            depth=group.key["depth"],
            n=len(group.runs),
            parameters=group.runs[0].parameters,
            train_accuracy=over_seeds(group, group.train_accuracies),
            test_accuracy=over_seeds(group, group.test_accuracies),
            train_seconds=over_seeds(group, [run.train_seconds or 0.0 for run in group.runs]),
        )
        for group in grouped(runs, BY_DEPTH)
    ]


def nothing_found(session: Session, chosen: Selection) -> str:
    """Why a selection contains no run, in a sentence."""
    if chosen.study_id is not None and session.get(Study, chosen.study_id) is None and not chosen.ids:
        return f"There is no study {chosen.study_id}."
    return "None of these runs exists. They may have been deleted."
