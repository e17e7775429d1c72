"""The runs and the grouping that a comparison is asked for."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from sqlmodel import Session, col, select

from app.compare.groups import BY_DEPTH, axes
from app.compare.inference.judgement import MARGIN
from app.prose import listed
from app.runs.listing.errors import QueryError
from app.runs.listing.values import MAX_VALUES, whole_number, whole_numbers
from app.schemas.configurations import varied
from app.schemas.runs import RunOut
from app.storage.tables import Study, StudyRun

_LEAST_MARGIN: Final = 0.01
_MOST_MARGIN: Final = 10.0

SELECTED: Final = ("runs", "study", "by", "margin")
"""Query parameters that select runs and grouping; other parameters only change the display."""


@dataclass(frozen=True)
class Selection:
    """The runs and the grouping that a query string selects: a list of ids, the runs of a study, or both.

    `by` is empty if the query string names no grouping.
    """

    ids: list[int]
    study_id: int | None
    by: tuple[str, ...] = ()
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
        by: tuple[str, ...] = ()
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
                raise QueryError(name, f"unknown parameter; expected one of {listed(SELECTED)}")
        if len(ids) > MAX_VALUES:
            raise QueryError("runs", f"at most {MAX_VALUES:,} runs can be compared, not {len(ids):,}")
        if strict and not ids and study_id is None:
            raise QueryError("runs", "specify the runs to compare, like runs=1,2,3 or study=4")
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


def grouping(chosen: Selection, runs: Sequence[RunOut]) -> tuple[str, ...]:
    """The fields that define the groups: those asked for, else depth, or what differs between the runs.

    The runs of a whole study are grouped by all that differs, selected runs by depth unless they share one.
    The data set is added if there are several: their accuracies share no mean.
    """
    share_depth = len({run.depth for run in runs}) == 1
    by = chosen.by or (tuple(varied(runs)) if share_depth or not chosen.ids else BY_DEPTH)
    several = len({run.dataset for run in runs}) > 1
    return (*by, "dataset") if several and "dataset" not in by else tuple(by)


def nothing_found(session: Session, chosen: Selection) -> str:
    """Why a selection contains no run, in a sentence."""
    if chosen.study_id is not None and session.get(Study, chosen.study_id) is None and not chosen.ids:
        return f"There is no study {chosen.study_id}."
    return "These runs do not exist; they may have been deleted."
