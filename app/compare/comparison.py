"""The comparison of a set of runs: groups, verdict, warnings."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from app.compare import offers
from app.compare.groups import (
    BY_DEPTH,
    GOOD,
    Group,
    among,
    grouped,
    judged,
    members,
    noun,
    over_seeds,
    row,
)
from app.compare.guard import confounders, hardware, missing, missing_study, unjudged, warnings
from app.compare.inference.conclusions import Conclusions
from app.compare.inference.needs import needs
from app.compare.inference.standing import standing
from app.compare.measured import measured
from app.compare.outcomes import dip_sentences, dips, diverged, outcomes
from app.compare.reference import PUBLISHED, PUBLISHED_DATASET
from app.compare.selection import Selection, grouping
from app.compare.settings_phrase import ended_schedules, settings_phrase
from app.compare.verdict import enough_seeds, too_many_seeds, verdict
from app.queue.names import differences
from app.runs import epoch_columns
from app.runs.reading import as_answers
from app.schemas.compare.comparison import DepthRow, Findings, GroupRow
from app.schemas.runs import RunOut
from app.settings import Settings
from app.storage.tables import Run, Study

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class NotComparable(Exception):
    """Runs can't be compared image by image; the message says why and what to do."""


def compare(session: Session, chosen: Selection, settings: Settings | None = None) -> Findings | None:
    """Compare the chosen runs; None if none of them exists.

    Runs of several data sets are also grouped by data set. Without `settings`, which locate predictions and
    test images, nothing is said about new images.
    """
    run_ids = chosen.run_ids(session)
    rows = session.exec(select(Run).where(col(Run.id).in_(run_ids)).order_by(col(Run.id))).all()
    if not rows:
        return None
    runs = as_answers(session, rows)
    by = grouping(chosen, runs)
    study = None if chosen.study_id is None else session.get(Study, chosen.study_id)
    counted, repeated = judged(runs)
    counted_ids = [run.id for run in counted]
    everyone = grouped(runs, by)
    recent = epoch_columns.last_quarters(session, counted_ids)
    correct = _correct_images(counted, settings) if settings else {}
    groups = among(everyone, counted)
    conclusions = Conclusions(
        groups,
        measured(groups, recent, correct),
        standing(study, runs, by, is_whole=not chosen.ids),
        chosen.margin,
    )
    needed = needs(conclusions)
    differ = confounders(counted, by)
    dipped = dips(counted, recent)
    offered = offers.next_runs(session, conclusions, needed, everyone, study)
    return Findings(
        runs=runs,
        by_depth=by_depth(counted),
        by=list(by),
        members=members(everyone),
        differences=differences(runs),
        groups=_rows(conclusions, everyone, epoch_columns.seconds_to(session, counted_ids, GOOD), dipped),
        reference=PUBLISHED if any(run.dataset == PUBLISHED_DATASET for run in runs) else [],
        verdict=verdict(
            conclusions,
            noun(by),
            settings=settings_phrase(counted, [*by, *(each.name for each in differ)]),
            images=_common_length(correct),
            nothing=unjudged(runs),
            outcomes=outcomes(runs, {group.label: group.runs for group in everyone}),
            notes=[
                *too_many_seeds(conclusions, needed.out_of_reach),
                *enough_seeds(conclusions, needed.powered),
                *dip_sentences(dipped),
                *ended_schedules(counted),
            ],
        ),
        offer=offered.offer,
        pending=offered.pending,
        repeats=[run.id for run in repeated],
        confounders=differ,
        warnings=[
            *missing(run_ids, runs),
            *missing_study(chosen.study_id, study),
            *warnings(runs, counted, repeated),
            *hardware(row for row in rows if row.id in counted_ids),
            *(each.sentence for each in differ),
        ],
    )


def _rows(
    found: Conclusions, everyone: Sequence[Group], seconds_to_good: Mapping[int, float], dipped: Sequence[int]
) -> list[GroupRow]:
    """The rows of the table of groups."""
    everyone_by_id = {group.id: group for group in everyone}
    return [
        row(
            group,
            seconds_to_good,
            diverged=len(diverged(everyone_by_id[group.id].runs)),
            dips=dipped,
            is_best=group.id in found.best if group.id in found.ranked else None,
        )
        for group in found.groups
    ]


def _common_length(correct: "Mapping[int, NDArray[np.bool_]]") -> int | None:
    """The number of test images if it is the same for all runs."""
    lengths = {len(each) for each in correct.values()}
    return lengths.pop() if len(lengths) == 1 else None


def _correct_images(runs: Sequence[RunOut], settings: Settings) -> "Mapping[int, NDArray[np.bool_]]":
    from app.compare.images.correct import correct_images  # noqa: PLC0415  # NumPy, which only comparisons need

    return correct_images(runs, settings)


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
