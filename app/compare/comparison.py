"""The comparison of a set of runs: groups, verdict, warnings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

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
    missing,
    missing_study,
    odd_data,
    repeated,
    unfinished,
    unjudged,
)
from app.compare.reference import PUBLISHED, PUBLISHED_DATASET
from app.compare.verdict import verdict
from app.prose import listed
from app.queue.names import differences
from app.runs import epoch_columns
from app.runs.reading import as_answers
from app.runs.run_list import MAX_VALUES, QueryError, whole_number, whole_numbers
from app.schemas.answers import RunOut
from app.schemas.comparison import DepthRow, Findings
from app.schemas.configurations import repeats
from app.storage.tables import Run, Study, StudyRun

SELECTED: Final = ("runs", "study", "by")
"""Query parameters that select runs and grouping; other parameters only change the display."""


class NotComparable(Exception):
    """Runs can't be compared image by image; the message says why and what to do."""


def compare(
    session: Session, run_ids: Sequence[int], by: Sequence[str] = BY_DEPTH, study_id: int | None = None
) -> Findings | None:
    """Compare runs grouped by these hyperparameters; None if none of the ids exists.

    Runs of several data sets are also grouped by data set. The comparison offers more seeds for `study_id`,
    or for a new study if it is None.
    """
    found = session.exec(select(Run).where(col(Run.id).in_(run_ids)).order_by(col(Run.id))).all()
    if not found:
        return None
    runs = as_answers(session, found)
    ended = finished(runs)
    again = repeats(ended)
    repeated_ids = {run.id for run in again}
    judged = [run for run in ended if run.id not in repeated_ids]
    by = _apart(runs, by)
    everyone = grouped(runs, by)
    groups = among(everyone, judged)
    open_runs = [run for run in runs if run.status in ("queued", "running")]
    study = None if study_id is None else session.get(Study, study_id)
    judgement = verdict(groups, noun(by), unfinished=bool(open_runs), nothing=unjudged(runs))
    best: Sequence[float | None] = judgement.probability_best or [None] * len(groups)
    differ = confounders(judged, by)
    offered = offers.to_settle(session, judgement, everyone, study.id if study else None)
    good = epoch_columns.seconds_to(session, [run.id for run in judged], GOOD)
    return Findings(
        runs=runs,
        by_depth=by_depth(judged),
        by=list(by),
        members=members(everyone),
        differences=differences(runs),
        groups=[row(group, good, likely) for group, likely in zip(groups, best, strict=True)],
        reference=PUBLISHED if any(run.dataset == PUBLISHED_DATASET for run in runs) else [],
        verdict=judgement,
        offer=offered.offer,
        pending=offered.pending,
        repeats=sorted(repeated_ids),
        confounders=differ,
        warnings=[
            *missing(run_ids, runs),
            *missing_study(study_id, study),
            *unfinished(runs),
            *odd_data(runs),
            *repeated(again),
            *guessed(judged),
            *(each.sentence for each in differ),
        ],
    )


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

    @classmethod
    def parse(cls, parameters: Iterable[tuple[str, str]], *, strict: bool) -> Self:
        """Read `runs`, `study` and `by`.

        Raises:
            QueryError: a value is malformed; if `strict`, also if `runs` and `study` are missing or another
                parameter is given.
        """
        ids: list[int] = []
        study_id = None
        by: tuple[str, ...] = BY_DEPTH
        for name, text in parameters:
            if name == "runs":
                ids += whole_numbers(name, text)
            elif name == "study" and text.strip():
                study_id = whole_number(name, text.strip())
            elif name == "by":
                by = axes(text)
            elif strict and name not in SELECTED:
                raise QueryError(name, f"unknown parameter; known are {listed(SELECTED)}")
        if len(ids) > MAX_VALUES:
            raise QueryError("runs", f"at most {MAX_VALUES:,} runs can be compared, not {len(ids):,}")
        if strict and not ids and study_id is None:
            raise QueryError("runs", "name the runs to compare, like runs=1,2,3 or study=4")
        return cls(ids, study_id, by)

    def run_ids(self, session: Session) -> list[int]:
        """The ids of all selected runs."""
        members = (
            select(StudyRun.run_id).where(StudyRun.study_id == self.study_id).order_by(col(StudyRun.run_id))
        )
        return list(dict.fromkeys([*self.ids, *session.exec(members)]))


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
