"""The comparison: what a set of runs measured, depth by depth, and what else differs between them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from sqlmodel import Session, col, select

from app.answers import Comparison, DepthRow, RunOut
from app.groups import BY_DEPTH, axes, finished, grouped, members, row
from app.models import Run, StudyRun
from app.reference import PUBLISHED, PUBLISHED_DATASET
from app.requests import HYPERPARAMETERS
from app.run_list import QueryError, whole, wholes
from app.runs import as_answers, curves
from app.statistics import spread
from app.verdict import Sample, verdict
from trainer.config import TrainConfig

_HELD_EQUAL: Final = (
    *(name for name in HYPERPARAMETERS if name not in ("seed", "device")),
    "device_used",
)
_NAMED_IDS: Final = 10
_UNFINISHED: Final = {
    "queued": "still waiting, so not in charts, table and verdict yet.",
    "running": "still training, so in the curves, not in the verdict yet.",
    "cancelled": "cancelled before the end, so in the curves, not in the table and verdict.",
}


class NotComparable(Exception):
    """Runs can't be compared image by image; the message says why and what to do."""


def compare(session: Session, run_ids: Sequence[int], by: Sequence[str] = BY_DEPTH) -> Comparison | None:
    """Compare runs by these hyperparameters; None if none of the ids is known."""
    found = session.exec(select(Run).where(col(Run.id).in_(run_ids)).order_by(col(Run.id))).all()
    if not found:
        return None
    runs = as_answers(session, found)
    epochs = curves(session, [run.id for run in runs])
    groups = grouped(finished(runs), by)
    judged = verdict(
        [
            Sample(
                group.label,
                group.test_accuracies,
                group.train_accuracies,
                group.key["depth"] if tuple(by) == BY_DEPTH else None,
                group.architecture,
                [run.seed for run in group.runs],
            )
            for group in groups
        ],
        _noun(by),
    )
    best: Sequence[float | None] = judged.probability_best or [None] * len(groups)
    return Comparison(
        runs=runs,
        by_depth=by_depth(runs),
        by=list(by),
        members=members(grouped(runs, by)),
        groups=[row(group, epochs, likely) for group, likely in zip(groups, best, strict=True)],
        curves=epochs,
        reference=PUBLISHED if any(run.dataset == PUBLISHED_DATASET for run in runs) else [],
        verdict=judged,
        warnings=[
            *_missing(run_ids, runs),
            *_unfinished(runs),
            *confounders(runs, by),
            *_other_contents(found),
        ],
    )


def _noun(by: Sequence[str]) -> str:
    """What one of the groups is called in a sentence."""
    title = TrainConfig.model_fields[by[0]].title
    return (title or by[0]).lower() if len(by) == 1 else "group"


@dataclass(frozen=True)
class Selection:
    """Which runs a query string asks to compare, and by what: a list of ids, the runs of a study, or both."""

    ids: list[int]
    study_id: int | None
    by: tuple[str, ...] = BY_DEPTH

    @classmethod
    def parse(cls, parameters: Iterable[tuple[str, str]], *, strict: bool) -> Self:
        """Read `runs`, `study` and `by`.

        Raises:
            QueryError: a value is malformed; if `strict`, also when both are absent or another is there.
        """
        ids: list[int] = []
        study_id = None
        by: tuple[str, ...] = BY_DEPTH
        for name, text in parameters:
            if name == "runs":
                ids += wholes(name, text)
            elif name == "study" and text.strip():
                study_id = whole(name, text.strip())
            elif name == "by":
                by = axes(text)
            elif strict and name != "study":
                raise QueryError(name, "unknown parameter; known are runs, study and by")
        if strict and not ids and study_id is None:
            raise QueryError("runs", "name the runs to compare, like runs=1,2,3 or study=4")
        return cls(ids, study_id, by)

    def run_ids(self, session: Session) -> list[int]:
        """The ids of all runs that are meant."""
        members = (
            select(StudyRun.run_id).where(StudyRun.study_id == self.study_id).order_by(col(StudyRun.run_id))
        )
        return list(dict.fromkeys([*self.ids, *session.exec(members)]))


def by_depth(runs: Sequence[RunOut]) -> list[DepthRow]:
    """One row per depth over its finished runs, shallow to deep."""
    return [
        DepthRow(
            depth=group.key["depth"],
            n=len(group.runs),
            parameters=group.runs[0].parameters,
            train_accuracy=spread(group.train_accuracies),
            test_accuracy=spread(group.test_accuracies),
            train_seconds=spread([run.train_seconds or 0.0 for run in group.runs]),
        )
        for group in grouped(finished(runs), BY_DEPTH)
    ]


def confounders(runs: Sequence[RunOut], by: Sequence[str] = BY_DEPTH) -> list[str]:
    """A sentence for each hyperparameter besides the seed, and what they are compared by, that differs."""
    blamed = " and ".join(by)
    return [
        f"The runs differ in {name} ({_listed(values)}): {blamed} may not be what makes the difference."
        for name, values in differing(runs, by).items()
    ]


def differing(runs: Sequence[RunOut], by: Sequence[str] = BY_DEPTH) -> dict[str, list[Any]]:
    """What differs between runs besides their seeds and what they are compared by, with its values."""
    found = {
        name: sorted({getattr(run, name) for run in runs if getattr(run, name) is not None})
        for name in _HELD_EQUAL
        if name not in by
    }
    return {name: values for name, values in found.items() if len(values) > 1}


def _other_contents(runs: Sequence[Run]) -> list[str]:
    """A sentence for each data set whose files were not the same for all runs."""
    digests: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        if digest := run.environment.get("data_sha256"):
            digests[run.dataset].add(digest)
    return [
        f"The files of the data set {name} changed between these runs ({len(found)} versions): "
        "depth may not be what makes the difference."
        for name, found in sorted(digests.items())
        if len(found) > 1
    ]


def _listed(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)


def _missing(asked: Sequence[int], runs: Sequence[RunOut]) -> list[str]:
    known = {run.id for run in runs}
    unknown = [run_id for run_id in dict.fromkeys(asked) if run_id not in known]
    if not unknown:
        return []
    verbs = ("does", "was", "is") if len(unknown) == 1 else ("do", "were", "are")
    return [f"{_named(unknown)} {verbs[0]} not exist, or {verbs[1]} deleted, and {verbs[2]} left out."]


def _unfinished(runs: Sequence[RunOut]) -> list[str]:
    """A sentence for each reason for which runs have no final results."""
    groups: dict[str, list[int]] = defaultdict(list)
    for run in runs:
        if run.status == "failed":
            groups[f"failed ({run.reason}), so in the curves, not in the table and verdict."].append(run.id)
        elif run.status != "finished":
            groups[_UNFINISHED[run.status]].append(run.id)
    return [f"{_named(ids)}: {words}" for words, ids in groups.items()]


def _named(ids: Sequence[int]) -> str:
    shown = ", ".join(str(run_id) for run_id in ids[:_NAMED_IDS])
    more = f" and {len(ids) - _NAMED_IDS} more" if len(ids) > _NAMED_IDS else ""
    return f"Run{'' if len(ids) == 1 else 's'} {shown}{more}"
